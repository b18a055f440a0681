"""Which of several is meant: the one in trouble among healthy namesakes is taken and said; else a person is asked, and expiry goes on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from fakes.lab import Lab
from fakes.manifests import crash_loop, namespace

from engine.core.cancel import CancelToken
from engine.core.config import Settings
from engine.core.events import Event, Notice
from engine.core.types import Choice, ObjectRef
from engine.flows.disambiguation import NoneMeant, pick_one, which
from engine.flows.tools import Tools

PLACES = ("team-a", "team-b", "team-c")
APIS = [ObjectRef("Deployment", place, "api") for place in PLACES]


def lab(*failing: str) -> Lab:
    made = Lab()
    for place in PLACES:
        made.add(namespace(place))
        made.app("api", crash_loop() if place in failing else None, ns=place)
    return made


def asked(made: Lab, answer: str | None = "") -> tuple[ObjectRef | None, list[Choice], list[str]]:
    offered: list[Choice] = []
    told: list[Event] = []

    def choose(question: str, choices: Sequence[Choice]) -> str | None:
        offered.extend(choices)
        return answer

    tools = Tools(place=None, source=None, desk=None, search=None, token=CancelToken(), redact=str, settings=Settings(), choose=choose)  # type: ignore[arg-type]
    ref, _ = which("api", APIS, made.view(None), tools, told.append)
    return ref, offered, [e.text for e in told if isinstance(e, Notice)]


def test_the_one_in_trouble_is_taken_and_said_without_asking() -> None:
    ref, offered, told = asked(lab("team-b"))
    assert ref == APIS[1]
    assert offered == []
    assert "the only one in trouble (0 of 1 pods well, CrashLoopBackOff)" in told[0]


def test_of_several_in_trouble_the_person_chooses_with_their_state_beside() -> None:
    ref, offered, told = asked(lab("team-b", "team-c"), answer="2")
    assert ref == APIS[2]
    assert [choice.label for choice in offered] == ["Deployment/api in team-b", "Deployment/api in team-c", "Deployment/api in team-a"]
    assert [choice.detail for choice in offered] == ["0 of 1 pods well, CrashLoopBackOff"] * 2 + ["1 of 1 pods well"]
    assert told == []


def test_when_nobody_says_the_most_troubled_is_taken_and_that_is_said() -> None:
    ref, _, told = asked(lab("team-b", "team-c"))
    assert ref == APIS[1]
    assert "Nobody said which" in told[0]


def test_none_of_them_takes_none() -> None:
    with pytest.raises(NoneMeant, match="none of these was meant: Deployment/api in team-b"):
        asked(lab("team-b", "team-c"), answer=None)


def test_when_nobody_says_and_all_are_well_several_are_offered_and_none_is_taken() -> None:
    ref, offered, told = asked(lab())
    assert ref is None
    assert len(offered) == 3
    assert "Say which" in told[0]


def test_more_choices_than_keys_are_not_offered() -> None:
    def never(question: str, choices: Sequence[Choice]) -> str:
        raise AssertionError("nothing was to be asked")

    tools: Any = Tools(place=None, source=None, desk=None, search=None, token=CancelToken(), redact=str, settings=Settings(), choose=never)  # type: ignore[arg-type]
    assert pick_one("Which?", [ObjectRef("Pod", "x", str(n)) for n in range(10)], tools) is None
    assert pick_one("Which?", APIS[:1], tools) is None

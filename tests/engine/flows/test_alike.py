"""A part of a name that several workloads have, asked of a recorded cluster: the person chooses, or the most troubled is taken and said."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fakes.lab import Lab
from fakes.manifests import NS, crash_loop, waiting

from engine.agent.agent import Agent
from engine.core.config import ClusterSettings, KubectlSettings, ModelSection, Settings
from engine.core.events import AnswerFinished, ChoiceRequested, Event, Notice
from engine.core.run import NOBODY, Run
from engine.core.types import Choice, Steering
from engine.flows.partial_names import fitting
from engine.session.connection import Opening

SETTINGS = dataclasses.replace(
    Settings(),
    model=ModelSection(provider="none"),
    cluster=ClusterSettings(namespace=NS),
    kubectl=KubectlSettings(path="/nonexistent/kubectl"),
)
PULL = waiting("ImagePullBackOff", 'Back-off pulling image "registry.example/api:9"')
Opened = Callable[..., Agent]


def cluster(**states: object) -> Lab:
    """A namespace of workloads: name (with _ for -) -> the state of its container, None for well."""
    lab = Lab()
    for name, state in states.items():
        lab.app(name.replace("_", "-"), state)  # type: ignore[arg-type]
    return lab


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opened]:
    made: list[Agent] = []

    def opening(lab: Lab) -> Agent:
        file = tmp_path / "cluster.yaml"
        file.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": lab.objects}))
        agent = Agent(SETTINGS, Opening(snapshot=file), save=False)
        agent.start()
        made.append(agent)
        return agent

    yield opening
    for agent in made:
        agent.close()


def followed(run: Run, pick: str = "") -> tuple[list[Choice], list[str], str]:
    """What was offered (the question answered with `pick`), the notices, and the first cause's object."""
    offered: list[Choice] = []
    told: list[str] = []
    events: list[Event] = []
    for event in run.events():
        events.append(event)
        if isinstance(event, ChoiceRequested):
            offered += event.request.choices
            run.pick(event.request.id, pick, by="key" if pick else NOBODY)
        elif isinstance(event, Notice):
            told.append(event.text)
    answer = [e for e in events if isinstance(e, AnswerFinished)][-1].answer
    return offered, told, str(answer.root_causes[0].object) if answer.root_causes else ""


def test_of_several_in_trouble_the_person_chooses_and_going_on_does_not_ask_again(opened: Opened) -> None:
    agent = opened(cluster(api_gateway=crash_loop(), api_orders=PULL, api_health=None))
    for pick, name in (("2", "api-orders"), ("1", "api-gateway")):
        offered, _, about = followed(agent.ask("why is api failing?"), pick)
        assert [choice.label.split()[0] for choice in offered] == [
            "Deployment/api-gateway",
            "Deployment/api-orders",
            "Deployment/api-health",
        ]
        assert name in about
    again, _, about = followed(agent.steer(Steering("retry", hypothesis="H1")))
    assert again == []
    assert "api-gateway" in about


def test_when_nobody_says_the_most_troubled_is_taken_and_the_others_are_named(opened: Opened) -> None:
    offered, told, about = followed(opened(cluster(api_gateway=crash_loop(), orders_api=PULL)).ask("why is the api down?"))
    assert len(offered) == 2
    assert "api-gateway" in about
    (said,) = [text for text in told if "Nobody said which" in text]
    assert "orders-api" in said


def test_the_only_one_in_trouble_is_taken_and_said(opened: Opened) -> None:
    offered, told, about = followed(opened(cluster(api_gateway=None, api_orders=PULL, other=crash_loop())).ask("why is api failing?"))
    assert offered == []
    assert "api-orders" in about
    assert [text for text in told if "the only one in trouble" in text]


@pytest.mark.parametrize(
    "query", ["what is wrong?", "why is api-orders failing?", "why is everything failing?", f"is {NS} ok?", "why do pods keep crashing?"]
)
def test_what_names_nothing_or_a_whole_name_is_never_asked_about(opened: Opened, query: str) -> None:
    offered, told, _ = followed(opened(cluster(api_gateway=crash_loop(), api_orders=PULL)).ask(query))
    assert offered == []
    assert not [text for text in told if "may be" in text]


def test_more_words_narrow_what_is_meant() -> None:
    view = cluster(api_gateway=None, api_orders=None, orders_db=None).view()
    assert [ref.name for ref in fitting("why is api failing?", view)[1]] == ["api-gateway", "api-orders"]
    assert [ref.name for ref in fitting("why is the api of orders failing?", view)[1]] == ["api-orders"]
    assert fitting("why is billing failing?", view) == ("", ())

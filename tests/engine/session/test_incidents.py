"""Past incidents: written when a question ends, found again beside the runbooks, and the start of a runbook of one's own."""

from __future__ import annotations

import dataclasses
import os
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from engine.agent.agent import Agent
from engine.core.config import ClusterSettings, IndexSettings, KubectlSettings, ModelSection, SessionSettings, Settings
from engine.core.events import (
    AnswerFinished,
    ApprovalRequested,
    CommandFinished,
    CommandProposed,
    CommandStarted,
    Event,
    PassagesFound,
    QueryClassified,
    QueryReceived,
    RunCancelled,
    RunFinished,
    StepFinished,
)
from engine.core.run import Run
from engine.core.types import Answer, Decision, Evidence, ObjectRef, Remedy, RootCause, Verdict
from engine.session.connection import Opening
from engine.session.incidents import IncidentStore, document, incidents_folder, is_same_incident, of_events
from engine.session.transcript import read
from index.markdown import parse

SETTINGS = dataclasses.replace(
    Settings(),
    model=ModelSection(provider="none"),
    cluster=ClusterSettings(namespace="shop"),
    kubectl=KubectlSettings(path="/nonexistent/kubectl"),
)
CAUSE = RootCause(
    "web asks for `x` ```of``` a\n# Secret that is gone",
    ObjectRef("Deployment", "shop", "web"),
    0.8,
    ("E1",),
    ("then it fails",),
    "NotFound",
)
ANSWER = Answer(
    "troubleshooting",
    "Root cause: …",
    root_causes=(CAUSE,),
    evidence=(Evidence("log of `web`", "line\n```\n# not a heading\n## Fix\n```", "E1"),),
    fix=(Remedy("make it again", "kubectl create secret generic x", "mutate"),),
)
Start = Callable[..., Agent]


@pytest.fixture
def start() -> Iterator[Start]:
    made: list[Agent] = []

    def begin(settings: Settings = SETTINGS, *, save: bool = True) -> Agent:
        agent = Agent(settings, Opening(demo=True), save=save)
        agent.start()
        made.append(agent)
        return agent

    yield begin
    for agent in made:
        agent.close()


def finish(run: Run, decision: Decision | None = None) -> list[Event]:
    events = []
    for event in run.events():
        events.append(event)
        if isinstance(event, ApprovalRequested) and decision is not None:
            run.answer(event.request.id, decision)
    return events


def a_question(run: str, answer: Answer = ANSWER, query: str = "why is web down?", at: float = 1_000_000.0) -> list[Event]:
    return [
        QueryReceived(query=query, context="demo", namespace="shop", run=run, at=at),
        QueryClassified(tier="troubleshooting", reason="why", run=run, at=at),
        AnswerFinished(answer=answer, run=run, at=at + 1),
        RunFinished(run=run, at=at + 1),
    ]


def a_change(run: str, exit_code: int = 0, risk: str = "mutate") -> list[Event]:
    verdict = Verdict(risk, "rule", "reason")  # type: ignore[arg-type]
    return [
        CommandProposed(id="C1", command="kubectl scale deploy web --replicas=1", stages=(), verdict=verdict, run=run),
        CommandStarted(id="C1", command="kubectl scale deploy web --replicas=1", run=run),
        CommandFinished(id="C1", exit_code=exit_code, seconds=0.1, run=run, at=1_000_100.0),
        RunFinished(run=run),
    ]


def heard(shelf: IncidentStore, *events: Event) -> IncidentStore:
    for event in events:
        shelf.on_event(event)
    return shelf


# the document


def test_words_from_the_cluster_cannot_become_the_document_s_structure(tmp_path: Path) -> None:
    heard(IncidentStore(tmp_path), *a_question("r1"))
    (path,) = tmp_path.glob("*.md")
    parsed = parse(path.read_text(), path.name)

    assert parsed.title == "NotFound: Deployment/web"
    assert parsed.codes == ("NotFound",)
    assert list(dict.fromkeys(chunk.heading[-1] for chunk in parsed.chunks)) == ["Question", "Root cause", "Evidence", "Fix", "Outcome"]
    assert parsed.problems == ()


def test_a_title_that_looks_like_yaml_stays_a_title() -> None:
    hostile = dataclasses.replace(CAUSE, code="", summary='key: [a, "b"] # --- {{x}} & *y')
    incident = of_events(a_question("r1", dataclasses.replace(ANSWER, root_causes=(hostile,))))
    assert incident is not None
    front = document(incident).split("---\n")[1]

    assert yaml.safe_load(front)["title"] == hostile.summary


def test_what_ran_afterwards_and_a_later_all_clear_are_the_outcome(tmp_path: Path) -> None:
    shelf = heard(IncidentStore(tmp_path), *a_question("r1"))
    assert "Nothing was changed from this session." in next(tmp_path.glob("*.md")).read_text()
    heard(shelf, *a_change("r2", exit_code=1), *a_change("r3", risk="read"))
    heard(shelf, *a_question("r4", Answer("troubleshooting", "Healthy."), query="is web well now?"))
    (path,) = [p for p in tmp_path.glob("*.md") if "not-found-web" in p.name]
    outcome = path.read_text().partition("## Outcome\n")[2]

    assert outcome.count("kubectl scale") == 1
    assert "(mutate): exit 1" in outcome
    assert "asked `is web well now?`: nothing found" in outcome
    assert shelf.latest is not None
    assert shelf.latest.answer is ANSWER


def test_the_same_fault_asked_again_keeps_one_file_with_its_outcome(tmp_path: Path) -> None:
    shelf = heard(IncidentStore(tmp_path), *a_question("r1"), *a_change("r2"))
    heard(shelf, *a_question("r3", query="web is still down, why?", at=1_000_200.0))
    (path,) = tmp_path.glob("*.md")

    assert "web is still down, why?" in path.read_text()
    assert "exit 0" in path.read_text()


@pytest.mark.parametrize("ending", [RunCancelled(run="r1"), None], ids=["stopped", "under way"])
def test_a_question_without_an_end_is_no_incident(tmp_path: Path, ending: Event | None) -> None:
    shelf = heard(IncidentStore(tmp_path / "none"), *a_question("r1")[:-1], *([ending] if ending else []))

    assert shelf.latest is None
    assert not (tmp_path / "none").exists()


def test_a_folder_that_cannot_be_written_is_told_and_breaks_nothing(tmp_path: Path) -> None:
    (tmp_path / "in-the-way").write_text("")
    shelf = heard(IncidentStore(tmp_path / "in-the-way"), *a_question("r1"))

    assert shelf.latest is not None
    assert "could not be saved" in shelf.problem


def test_only_old_incidents_are_deleted(tmp_path: Path) -> None:
    old, new = tmp_path / "old.md", tmp_path / "new.md"
    for path, days in ((old, 31), (new, 29)):
        path.write_text("x")
        os.utime(path, (time.time() - days * 86_400,) * 2)

    assert IncidentStore(tmp_path).prune(30) == 1
    assert (old.exists(), new.exists()) == (False, True)


# in a session


def test_a_question_leaves_a_private_document_that_is_listed_found_and_opened(start: Start) -> None:
    agent = start()
    finish(agent.ask("why is checkout-api restarting?"))
    (path,) = incidents_folder().iterdir()

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    (found,) = agent.docs.past("checkout restarting")
    assert (found.corpus, found.path) == ("incidents", f"incidents/{path.name}")
    assert "STRIPE_API_KEY" in found.text
    assert not found.text.startswith("---")
    assert agent.docs.show(found.path) == path.read_text()
    assert agent.docs.read(found.path)[0].heading[-1] == "Question"
    assert [row.corpus for row in agent.docs.list()][-1] == "incidents"
    assert all(p.corpus != "incidents" for p in agent.docs.search("why is checkout-api restarting?", limit=10))


def test_an_incident_of_an_earlier_day_is_shown_beside_the_runbooks_and_never_among_them(start: Start) -> None:
    first = start()
    finish(first.ask("why is checkout-api restarting?"))
    assert [e for e in finish(first.ask("why does checkout-api crash?")) if isinstance(e, PassagesFound) and e.passages[0].id == "I1"] == []
    (path,) = incidents_folder().iterdir()
    path.rename(path.with_name("20260101-101500" + path.name[15:]))
    first.close()

    events = finish(start().ask("why is checkout-api restarting?"))
    runbooks, past = [e.passages for e in events if isinstance(e, PassagesFound)]
    answer = next(e.answer for e in events if isinstance(e, AnswerFinished))
    assert [p.id for p in runbooks] == ["D1", "D2", "D3"]
    assert [(p.id, p.corpus) for p in past] == [("I1", "incidents")]
    assert all(p.corpus == "built-in" for p in answer.passages)
    assert any("2026-01-01" in e.detail for e in events if isinstance(e, StepFinished))


def test_another_fault_s_incident_is_not_alike(start: Start) -> None:
    incidents_folder().mkdir(parents=True, mode=0o700)
    (incidents_folder() / "20260101-101500-oom-web-00000000.md").write_text(
        '---\ntitle: "OOMKilled: checkout-api"\ncodes: [OOMKilled]\n---\n# checkout-api restarting\n\ncheckout-api is restarting\n'
    )
    events = finish(start().ask("why is checkout-api restarting?"))

    assert len([e for e in events if isinstance(e, PassagesFound)]) == 1


@pytest.mark.parametrize(
    ("settings", "options"),
    [(SETTINGS, {"save": False}), (dataclasses.replace(SETTINGS, session=SessionSettings(save=False)), {})],
    ids=["--no-save", "save = false"],
)
def test_nothing_is_kept_where_nothing_is_to_be_kept(start: Start, settings: Settings, options: dict[str, bool]) -> None:
    agent = start(settings, **options)
    finish(agent.ask("why is checkout-api restarting?"))

    assert not incidents_folder().exists()
    assert agent.docs.past("checkout") == []
    assert agent.incidents.latest is not None, "a runbook can still be drafted"


def test_the_last_hour_s_fault_is_the_one_at_hand() -> None:
    path = "incidents/20260105-101500-oom-web-1a2b3c4d.md"
    asked = 1767608100.0

    assert is_same_incident(path, "1a2b3c4d", asked + 3_599)
    assert not is_same_incident(path, "1a2b3c4d", asked + 3_601)
    assert not is_same_incident(path, "ffffffff", asked)


# a runbook of one's own


@pytest.fixture
def own(tmp_path: Path) -> Path:
    folder = tmp_path / "own"
    folder.mkdir()
    return folder


def owning(own: Path) -> Settings:
    return dataclasses.replace(SETTINGS, index=IndexSettings(docs=(str(own),)))


def text_of(events: list[Event]) -> str:
    return [e for e in events if isinstance(e, AnswerFinished)][-1].answer.text


def test_a_runbook_is_shown_whole_written_after_a_yes_and_found_by_the_next_question(start: Start, own: Path) -> None:
    agent = start(owning(own))
    finish(agent.ask("why is checkout-api restarting?"))
    events = finish(agent.draft_runbook(), Decision("approve"))
    (asked,) = [e.request for e in events if isinstance(e, ApprovalRequested)]
    (path,) = own.iterdir()

    assert path.read_text() == asked.manifest
    assert asked.command == f"write {path}"
    assert asked.verdict.risk == "mutate"
    assert str(path) in text_of(events)
    parsed = parse(path.read_text(), path.name)
    assert parsed.problems == ()
    assert parsed.codes == ("MissingEnvironment",)
    headings = list(dict.fromkeys(chunk.heading[-1] for chunk in parsed.chunks))
    assert headings == ["MissingEnvironment: Deployment/checkout-api", "Symptoms", "Likely causes", "Diagnose", "Fix", "Verify", "Prevent"]
    assert "STRIPE_API_KEY" in path.read_text()
    assert "my-deployment" not in path.read_text()
    agent.docs.rebuild()
    assert "own/missing-environment-checkout-api.md" in [p.path for p in agent.docs.search("checkout-api STRIPE_API_KEY", limit=5)]


@pytest.mark.parametrize("decision", [Decision("reject", "not now"), Decision("edit", command="rm -rf /"), Decision("reject", by="closed")])
def test_without_a_yes_no_file_is_written(start: Start, own: Path, decision: Decision) -> None:
    agent = start(owning(own))
    finish(agent.ask("why is checkout-api restarting?"))
    events = finish(agent.draft_runbook(), decision)

    assert "Not written" in text_of(events)
    assert list(own.iterdir()) == []


def test_a_file_that_is_there_already_is_never_overwritten(start: Start, own: Path) -> None:
    (own / "missing-environment-checkout-api.md").write_text("mine")
    agent = start(owning(own))
    finish(agent.ask("why is checkout-api restarting?"))
    finish(agent.draft_runbook(), Decision("approve"))

    assert (own / "missing-environment-checkout-api.md").read_text() == "mine"
    assert (own / "missing-environment-checkout-api-2.md").is_file()


def test_without_a_folder_or_an_incident_it_says_what_to_do(start: Start, own: Path) -> None:
    agent = start()
    assert "ask what is wrong first" in text_of(finish(agent.draft_runbook()))
    finish(agent.ask("why is checkout-api restarting?"))
    told = text_of(finish(agent.draft_runbook()))
    assert "[index]" in told
    assert "k8sagent.toml" in told
    assert "## Symptoms" in told
    gone = start(owning(own / "gone"))
    finish(gone.ask("why is checkout-api restarting?"))
    assert "is not a folder" in text_of(finish(gone.draft_runbook()))


def test_a_saved_session_holds_its_incident(start: Start) -> None:
    agent = start()
    finish(agent.ask("why is checkout-api restarting?"))
    assert agent.sessions.folder is not None
    kept = of_events(read(agent.sessions.folder / f"{agent.session_id}.jsonl"))

    assert kept is not None
    assert kept == agent.incidents.latest

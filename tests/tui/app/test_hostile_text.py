"""Names and texts of a hostile cluster: shown literally in every pane, and the layout stands."""

from __future__ import annotations

import pytest
from driving import Driver, drive
from fakes.agent import ScriptedAgent, a_passage, a_status
from fakes.hostile import HOSTILE, MOVING
from rich.cells import cell_len

from engine.agent.self_check import Check
from engine.cluster.rows.build import EventRow, NamespaceRow, NodeRow, PodRow, WorkloadRow
from engine.cluster.source import ContextInfo
from engine.core.events import (
    AnswerFinished,
    CommandFinished,
    CommandOutput,
    CommandStarted,
    EvidenceAdded,
    HypothesisUpdated,
    Notice,
    PassagesFound,
    QueryClassified,
    StepFinished,
    StepStarted,
    TokensStreamed,
)
from engine.core.types import Answer, Evidence, Finding, Hypothesis, ObjectRef, Remedy, RootCause
from tui.screens.dialogs.base import Line


def a_hostile_agent(text: str) -> ScriptedAgent:
    agent = ScriptedAgent(a_status(context=text, namespace=text, model=text, model_note=text))
    cluster = agent.cluster
    ref = ObjectRef("Deployment", text, text)
    pod = PodRow(text, text, "0/1", text, 3, 60, text, "broken", text)
    cluster.workload_rows = [WorkloadRow("Deployment", text, text, "0/1", text, 3, 60, "broken", text, (pod, pod))]
    cluster.node_rows = [NodeRow(text, text, text, 60, text, "broken", text)]
    cluster.event_rows = [EventRow(text, "Warning", text, f"Pod/{text}", text, 7, 60)]
    cluster.finding_list = [Finding("Broken", "critical", ref, text, owner=ref)]
    cluster.namespace_rows = [NamespaceRow(text, text, 1, 1, 60)]
    cluster.context_list = [ContextInfo(text, text, text, text, text)]
    about = ObjectRef("Pod", text, text)
    cluster.texts = {
        **{(tab, ref): text for tab in ("describe", "yaml", "events")},
        **{(tab, about): f"── container {text} ──\n12:00:01 {text}\n{text}" for tab in ("logs", "previous")},
    }
    agent.checks = [Check("cluster", False, text, text)]
    agent.scripts["*"] = [
        QueryClassified(tier="troubleshooting", reason=text),
        StepStarted(id="s1", title=text),
        StepFinished(id="s1", seconds=0.1, detail=text),
        PassagesFound(passages=(a_passage("D1", text, (text, text)),)),
        EvidenceAdded(evidence=Evidence(text, text, "E1", text, ref)),
        HypothesisUpdated(hypothesis=Hypothesis("H1", text, "supported", 0.9, ("E1",))),
        CommandStarted(id="c1", command=text),
        CommandOutput(id="c1", stream="stdout", lines=(text, text)),
        CommandFinished(id="c1", exit_code=None, seconds=0.1, error=text),
        TokensStreamed(text=text),
        AnswerFinished(
            answer=Answer(
                "troubleshooting",
                text,
                (RootCause(text, ref, 0.9, ("E1",), (text, text)), RootCause(text, ref, 0.5)),
                (Hypothesis("H2", text, "refuted"),),
                (Evidence(text, text, "E1"),),
                (Remedy(text, text, "mutate"),),
                (a_passage("D1", text, (text,)),),
            )
        ),
        Notice(level="warning", text=text),
    ]
    return agent


def intact(d: Driver) -> None:
    """Every row is as wide as the terminal, and nothing on it could move the cursor."""
    width, height = d.app.size
    strips = d.app.screen._compositor.render_strips()
    rows = ["".join(segment.text for segment in strip) for strip in strips]
    assert len(rows) == height
    for row in rows:
        assert not MOVING & set(row), repr(row)
        assert cell_len(row) == width, repr(row)
    assert "send" in rows[-1]


@pytest.mark.parametrize(("kind", "size"), [*((kind, (120, 32)) for kind in HOSTILE), ("scripts", (80, 24))])
def test_every_pane_and_page_stands(kind: str, size: tuple[int, int]) -> None:
    text = HOSTILE[kind]

    async def story(d: Driver) -> None:
        intact(d)
        for tab in ("workloads", "nodes", "events", "findings"):
            d.session.workspace.cluster.turn_to(tab)
            d.session.workspace.show("cluster")
            await d.settle()
            intact(d)
        await d.press("ctrl+n")
        intact(d)
        await d.press("escape", "ctrl+k")
        intact(d)
        await d.press("escape")
        d.controls.pages.details("describe", ObjectRef("Deployment", text, text), "why?", ObjectRef("Pod", text, text))
        await d.settle()
        intact(d)
        for key in ("y", "l", "p", "e"):
            await d.press(key)
            assert "reading" not in d.text
            intact(d)
        await d.press("l", "w")
        intact(d)
        await d.press("escape")
        await d.ask("why?")
        await d.ended()
        for pane in ("chat", "timeline", "output"):
            d.session.workspace.show(pane)  # type: ignore[arg-type]
            await d.settle()
            intact(d)
        log = d.session.workspace.output.log_view
        log.focus()
        for key in ("t", "w"):
            await d.press(key)
            assert log.buffer.stamps
            intact(d)
        await d.press("a")
        assert isinstance(d.app.screen, Line)
        assert "enter ask" in d.text, "the keys stand in sight, however long the command is"
        intact(d)
        await d.press("escape")
        for id in ("E1", "D1"):
            d.controls.pages.cite("run-1", id)
            await d.settle()
            intact(d)
            await d.press("escape")
        d.controls.pages.health()
        await d.settle()
        intact(d)
        await d.press("escape")
        d.session.prompt.focus()
        await d.ask("and again?")
        await d.ended()
        intact(d)

    drive(story, a_hostile_agent(text), size=size)


def test_markup_is_shown_and_never_obeyed() -> None:
    async def story(d: Driver) -> None:
        await d.ask("why?")
        await d.ended()
        assert HOSTILE["markup"] in d.flows("#chat")
        assert any("[bold red]x[/bold" in row for row in d.rows("#timeline-rows"))
        y = next(n for n, line in enumerate(d.lines) if "y[/]" in line)
        await d.pilot.click(offset=(d.lines[y].index("y[/]"), y))
        await d.settle()
        assert d.app.is_running
        assert not d.app._exit

    drive(story, a_hostile_agent(HOSTILE["markup"]))

"""`/host` in the session: this machine, named hosts, all nodes; steps and answer stand in timeline and chat."""

from __future__ import annotations

import pytest
from driving import Driver, drive
from fakes.agent import shop

from engine.core.events import AnswerFinished, StepFinished, StepStarted
from engine.core.types import Answer, ObjectRef, RootCause
from tui.plain.session import PlainSession


def test_host_shows_its_steps_and_its_answer() -> None:
    agent = shop()
    summary = "web-1: /var is 97 % full (3.0 GiB of 100.0 GiB left)"
    agent.scripts["/host web-1"] = (
        StepStarted(id="S1", title="look at host web-1 over ssh", kind="host"),
        StepFinished(id="S1", seconds=1.2, detail="31 of 42 checks, 1 finding"),
        AnswerFinished(
            answer=Answer(
                tier="troubleshooting",
                text=f"Root cause: {summary}",
                root_causes=(RootCause(summary, ObjectRef("Host", "", "web-1"), 0.92, code="FilesystemFull"),),
            )
        ),
    )

    async def story(d: Driver) -> None:
        await d.ask("/host web-1")
        await d.until(lambda: "97 % full" in d.text)
        assert "look at host web-1 over ssh" in d.text

    drive(story, agent)
    assert "/host web-1" in agent.log


def test_host_without_a_name_is_this_machine_and_nodes_is_all_of_them() -> None:
    agent = shop()

    async def story(d: Driver) -> None:
        await d.ask("/host")
        await d.until(lambda: "/host" in agent.log)
        await d.ask("/host nodes")
        await d.until(lambda: "/host nodes" in agent.log)
        await d.ask("/host web-1 web-2")
        await d.until(lambda: "/host web-1 web-2" in agent.log)

    drive(story, agent)


def test_the_plain_mode_knows_the_word(capsys: pytest.CaptureFixture[str]) -> None:
    agent = shop()
    agent.scripts["/host nodes"] = (AnswerFinished(answer=Answer(tier="troubleshooting", text="Nothing is wrong with 3 hosts.")),)
    PlainSession(agent, person=False).handle("/host nodes")  # type: ignore[arg-type]
    assert "Nothing is wrong with 3 hosts." in capsys.readouterr().out
    assert agent.log == ["/host nodes"]

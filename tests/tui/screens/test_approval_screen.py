"""The approval dialog: nothing runs without a clear yes, and every way out of it means no."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from driving import Clock, Driver, drive
from fakes import stories
from fakes.agent import Ask, Gate, ScriptedAgent, shop
from textual.widgets import Input

from engine.core.events import CommandStarted, TokensStreamed
from engine.core.types import ApprovalRequest, Decision, ObjectRef
from tui.screens.dialogs.approval import ApprovalScreen, argv_groups
from tui.state.pending_requests import PendingRequests


def asking(request: ApprovalRequest | None = None, **then: Any) -> tuple[ScriptedAgent, Ask]:
    agent = shop()
    ask = Ask(request or stories.a_scale(), then)
    agent.scripts["scale"] = [ask]
    return agent, ask


async def opened(d: Driver, clock: Clock, text: str = "scale") -> None:
    """Ask, wait for the dialog and for keys to count."""
    await asked(d, clock, text)
    clock.advance(0.6)
    await d.settle()


async def asked(d: Driver, clock: Clock, text: str = "scale") -> None:
    """Ask, let the typing pause pass and wait for the dialog."""
    await d.ask(text)
    clock.advance(1.1)
    d.controls.requests.open_next()
    await d.until(lambda: isinstance(d.app.screen, ApprovalScreen))
    await d.settle()


async def answer(d: Driver, clock: Clock, *keys: str) -> None:
    """Press keys, let the quiet after them pass, and wait until the last one counted or was refused."""
    await d.press(*keys)
    clock.advance(0.6)
    guard = d.app.screen.guard  # type: ignore[attr-defined]
    await d.until(lambda: not guard.held, f"{keys} counted")
    await d.settle()


@pytest.mark.parametrize(
    ("argv", "groups"),
    [
        (
            ("kubectl", "scale", "deployment", "cart-api", "--replicas=3", "--namespace", "shop"),
            ["kubectl", "scale deployment cart-api", "--replicas=3", "--namespace shop"],
        ),
        (("kubectl", "-n", "shop", "delete", "pod", "x", "--now"), ["kubectl", "delete pod x", "-n shop", "--now"]),
        (("kubectl", "annotate", "pod", "x", "note=two words; rm -rf /"), ["kubectl", "annotate pod x 'note=two words; rm -rf /'"]),
        (("kubectl", "exec", "x", "-c", "app", "--", "ls", "-l", "a b"), ["kubectl", "exec x", "-c app", "-- ls -l 'a b'"]),
        ((), []),
    ],
)
def test_each_argument_group_stands_on_its_own_line(argv: tuple[str, ...], groups: list[str]) -> None:
    assert argv_groups(argv) == groups


def test_everything_that_matters_is_said() -> None:
    agent, _ = asking(stories.a_scale(touches_note="2 replicas now", evidence=("E1",), why="asked for"))
    clock = Clock()

    async def story(d: Driver) -> None:
        await opened(d, clock)
        text = d.flows()
        for words in (
            "mutate  changes how many pods run",
            "rule: kubectl scale",
            "scale deployment cart-api",
            "--replicas=3",
            "--namespace shop",
            "demo  ▸ shop",
            "as viewer",
            "1 object: Deployment/cart-api",
            "2 replicas now",
            "asked for E1",
            "undo     kubectl scale deployment cart-api --replicas=2",
            "scaled (server dry run)",
            "-  replicas: 2",
            "+  replicas: 3",
        ):
            assert words in text, words
        assert d.app.focused is not None
        assert type(d.app.focused).__name__ == "Choices"
        assert d.app.focused.marked == 0, "the safe choice is the one that enter takes"  # type: ignore[attr-defined]

    drive(story, agent, clock=clock)


def test_y_runs_once() -> None:
    agent, ask = asking(approve=[CommandStarted(id="c1", command="kubectl scale")])
    clock = Clock()

    async def story(d: Driver) -> None:
        await opened(d, clock)
        await d.press("y")
        assert "running in a moment; any other key cancels" in d.text
        assert ask.decisions == [], "somebody may be typing"
        await answer(d, clock)
        await d.ended()

    drive(story, agent, clock=clock)
    assert ask.decisions == [Decision("approve")]


def test_s_allows_this_exact_command_for_the_session() -> None:
    agent, ask = asking()
    clock = Clock()

    async def story(d: Driver) -> None:
        await opened(d, clock)
        await d.press("s")
        clock.advance(5)
        assert "press enter to allow this exact command" in d.text
        assert ask.decisions == []
        await d.press("enter")
        await d.ended()

    drive(story, agent, clock=clock)
    assert ask.decisions == [Decision("approve_session")]


def test_n_rejects_with_a_reason() -> None:
    agent, ask = asking(approve=[CommandStarted(id="c1", command="kubectl scale")])
    clock = Clock()

    async def story(d: Driver) -> None:
        await opened(d, clock)
        await d.press("n")
        await d.type("too early")
        await d.press("enter")
        await d.ended()
        assert "rejected, nothing was run" in d.flows("#chat")
        assert not d.session.views["run-1"].commands

    drive(story, agent, clock=clock)
    assert ask.decisions == [Decision("reject", reason="too early")]


def test_enter_takes_the_safe_choice() -> None:
    agent, ask = asking()
    clock = Clock()

    async def story(d: Driver) -> None:
        await opened(d, clock)
        await d.press("enter")
        clock.advance(0.6)
        await d.press("enter")
        await d.ended()

    drive(story, agent, clock=clock)
    assert ask.decisions == [Decision("reject")]


def test_e_edits_and_esc_ends_the_editing_first() -> None:
    agent, ask = asking()
    clock = Clock()

    async def story(d: Driver) -> None:
        await opened(d, clock)
        await answer(d, clock, "e")
        assert isinstance(d.app.focused, Input)
        await d.press("escape")
        assert isinstance(d.app.screen, ApprovalScreen)
        await answer(d, clock, "e")
        field = d.app.screen.query_one("#edit", Input)
        field.value = "kubectl scale deployment cart-api --replicas=4"
        await d.press("enter")
        await d.ended()

    drive(story, agent, clock=clock)
    assert ask.decisions == [Decision("edit", command="kubectl scale deployment cart-api --replicas=4")]


def test_esc_rejects_from_the_first_moment() -> None:
    agent, ask = asking()
    clock = Clock()

    async def story(d: Driver) -> None:
        await asked(d, clock)
        await d.press("escape")
        await d.ended()

    drive(story, agent, clock=clock)
    assert ask.decisions == [Decision("reject")]


def test_keys_of_the_first_half_second_do_not_count() -> None:
    agent, ask = asking()
    clock = Clock()

    async def story(d: Driver) -> None:
        await asked(d, clock)
        clock.advance(0.4)
        for key in ("y", "s", "n", "e", "enter"):
            await d.press(key)
        assert "typing does not answer" in d.text
        assert isinstance(d.app.screen, ApprovalScreen)
        assert ask.decisions == []
        assert type(d.app.focused).__name__ == "Choices"
        clock.advance(0.2)
        await d.press("y")
        clock.advance(5)
        assert ask.decisions == [], "0.6 s after the dialog opened, but 0.2 s after the last key"
        await answer(d, clock, "y")
        await d.ended()

    drive(story, agent, clock=clock)
    assert ask.decisions == [Decision("approve")]


def test_a_dialog_waits_until_typing_pauses() -> None:
    agent, _ = asking()
    gate = Gate()
    agent.scripts["scale"] = [gate, Ask(stories.a_scale())]
    clock = Clock()

    async def story(d: Driver) -> None:
        await d.ask("scale")
        clock.advance(5)
        await d.type("wh")
        gate.open()
        await d.until(lambda: d.session.pending.waiting)
        clock.advance(0.9)
        d.controls.requests.open_next()
        await d.settle()
        assert not isinstance(d.app.screen, ApprovalScreen)
        assert "waiting for your approval" in d.flows("#chat")
        clock.advance(0.2)
        d.controls.requests.open_next()
        await d.settle()
        assert isinstance(d.app.screen, ApprovalScreen)
        assert d.session.prompt.text == "wh", "what was typed is kept"

    drive(story, agent, clock=clock)


def test_one_dialog_at_a_time_in_the_order_asked() -> None:
    clock = Clock()
    queue = PendingRequests(clock)
    queue.add("r1", stories.a_scale("a1"))
    queue.add("r2", stories.a_scale("a2"))
    first = queue.next()
    assert first is not None
    assert (first.run, queue.next()) == ("r1", None)
    queue.closed()
    second = queue.next()
    assert second is not None
    assert second.run == "r2"


def test_two_questions_for_approval_come_one_after_the_other() -> None:
    agent, first = asking()
    second = Ask(stories.a_scale("b1", command="kubectl scale deployment web --replicas=1"))
    agent.commands.scripts["kubectl scale deployment web --replicas=1"] = [second]
    clock = Clock()

    async def story(d: Driver) -> None:
        await asked(d, clock)
        d.controls.questions.send("!kubectl scale deployment web --replicas=1")
        await d.until(lambda: d.session.pending.waiting)
        clock.advance(0.6)
        await d.press("escape")
        await d.until(lambda: len(first.decisions) == 1 and isinstance(d.app.screen, ApprovalScreen))
        await d.settle()
        clock.advance(0.6)
        await d.press("escape")
        await d.ended()

    drive(story, agent, clock=clock)
    assert [d.kind for d in first.decisions + second.decisions] == ["reject", "reject"]


# what cannot be taken back


def test_a_destructive_command_needs_the_name_typed_before_yes_counts() -> None:
    agent, ask = asking(stories.a_delete())
    clock = Clock()

    async def story(d: Driver) -> None:
        await opened(d, clock)
        assert "protected" in d.flows()
        assert "type data-orders-db-0 to approve" in d.text
        await d.press("y")
        assert "press enter to run this in the protected context" in d.text
        clock.advance(0.1)
        await d.press("enter")
        assert isinstance(d.app.screen, ApprovalScreen)
        field = d.app.screen.query_one("#name", Input)
        assert field.has_focus
        await d.type("data-orders-db-")
        clock.advance(0.6)
        await d.press("enter")
        clock.advance(0.6)
        await d.press("y")
        clock.advance(0.1)
        await d.press("enter")
        assert isinstance(d.app.screen, ApprovalScreen), "not the whole name"
        field.value = "data-orders-db-0"
        field.focus()
        clock.advance(0.6)
        await d.press("enter")
        clock.advance(0.6)
        await d.press("y")
        clock.advance(0.1)
        await d.press("enter")
        await d.ended()

    drive(story, agent, clock=clock)
    assert ask.decisions == [Decision("approve", typed="data-orders-db-0")]


def test_what_cannot_be_taken_back_is_never_allowed_for_the_session() -> None:
    agent, ask = asking(stories.a_delete())
    clock = Clock()

    async def story(d: Driver) -> None:
        await opened(d, clock)
        assert "this session" not in d.text
        await d.press("s")
        assert isinstance(d.app.screen, ApprovalScreen)
        await d.press("escape")
        await d.ended()

    drive(story, agent, clock=clock)
    assert ask.decisions == [Decision("reject")]


def test_a_change_in_a_protected_context_needs_the_name_too() -> None:
    agent, ask = asking(stories.a_scale(protected=True, context="prod-eu", typed_name="cart-api"))
    clock = Clock()

    async def story(d: Driver) -> None:
        await opened(d, clock)
        await d.press("y")
        clock.advance(5)
        assert ask.decisions == []
        await d.press("enter")
        assert ask.decisions == []
        await d.press("escape", "escape")
        await d.ended()

    drive(story, agent, clock=clock)
    assert ask.decisions == [Decision("reject")]


# every way out means no


def test_quitting_with_an_open_dialog_rejects() -> None:
    agent, ask = asking()
    clock = Clock()

    async def story(d: Driver) -> None:
        await opened(d, clock)
        await d.press("ctrl+q")
        await d.press("y")
        await d.until(lambda: d.app._exit)

    drive(story, agent, clock=clock)
    agent.runs[0].wait(2)
    assert [d.kind for d in ask.decisions] in ([], ["reject"]), "the Run was told no, or stopped before it heard"
    assert agent.runs[0].finished


def test_closing_the_app_rejects_and_leaves_no_run_behind() -> None:
    agent, ask = asking(approve=[CommandStarted(id="c1", command="kubectl scale")])
    clock = Clock()

    async def story(d: Driver) -> None:
        await opened(d, clock)

    drive(story, agent, clock=clock)
    assert agent.runs[0].finished
    assert not any(decision.kind.startswith("approve") for decision in ask.decisions)


def test_a_stopped_question_closes_its_dialog() -> None:
    agent, _ = asking()
    clock = Clock()

    async def story(d: Driver) -> None:
        await opened(d, clock)
        agent.runs[0].cancel("stopped elsewhere")
        await d.ended()
        await d.until(lambda: not isinstance(d.app.screen, ApprovalScreen))
        assert d.session.pending.open is None

    drive(story, agent, clock=clock)


def test_a_dialog_keeps_the_keys_of_the_screen_below_to_itself() -> None:
    agent, _ = asking()
    clock = Clock()

    async def story(d: Driver) -> None:
        await opened(d, clock)
        for key in ("ctrl+n", "ctrl+k", "ctrl+p", "ctrl+o", "f2", "f4"):
            await d.press(key)
            assert isinstance(d.app.screen, ApprovalScreen), key

    drive(story, agent, clock=clock)


@pytest.mark.parametrize("request_of", [stories.a_scale, stories.a_delete])
def test_what_decides_is_in_sight_at_80x24_without_scrolling(request_of: Callable[[], ApprovalRequest]) -> None:
    request = request_of()
    assert request.dry_run is not None
    agent, _ = asking(request)
    clock = Clock()

    async def story(d: Driver) -> None:
        await opened(d, clock)
        text = d.text
        assert request.dry_run is not None
        order = [request.verdict.risk, "kubectl", request.touches[0].name, "where", request.context, "touches", "dry run"]
        places = [text.index(words) for words in (*order[:1], "rule: ", "where", "touches", "dry run", "why", "undo", "reject with reason")]
        assert places == sorted(places)
        for words in (*order, *request.argv[1:3], request.dry_run.text, "run once"):
            assert words in text, words

    drive(story, agent, clock=clock, size=(80, 24))


@pytest.mark.parametrize("size", [(80, 24), (60, 16), (200, 60)])
def test_yes_and_no_are_in_sight_at_every_size(size: tuple[int, int]) -> None:
    long = tuple(f"+  line {n}" for n in range(300))
    dry = stories.a_scale().dry_run
    assert dry is not None
    agent, _ = asking(stories.a_delete(dry_run=type(dry)(True, "accepted", long)))
    clock = Clock()

    async def story(d: Driver) -> None:
        await opened(d, clock)
        text = d.text
        for words in ("destructive", "reject with reason", "run once", "type data-orders-db-0 to approve"):
            assert words in text, words

    drive(story, agent, clock=clock, size=size)


def test_hostile_words_in_a_request_are_shown_literally() -> None:
    name = "[bold red]x[/] [@click=app.quit]\u202ecod\x1b[2J" + "y" * 300
    request = stories.a_scale(
        command=f"kubectl scale deployment {name}",
        argv=("kubectl", "scale", "deployment", name),
        touches=(ObjectRef("Deployment", "shop", name),),
        why=name,
        undo=name,
        typed_name="",
    )
    agent, _ = asking(request)
    clock = Clock()

    async def story(d: Driver) -> None:
        await opened(d, clock)
        text = d.flows()
        assert "[bold red]x[/]" in text
        assert "\x1b" not in text
        assert "\u202e" not in text
        assert "reject with reason" in d.text

    drive(story, agent, clock=clock, size=(80, 24))


def test_streaming_goes_on_below_the_dialog() -> None:
    agent, ask = asking()
    agent.commands.scripts["x"] = [TokensStreamed(text="beside")]
    clock = Clock()

    async def story(d: Driver) -> None:
        await opened(d, clock)
        d.controls.questions.send("!x")
        await d.until(lambda: any(view.text == "beside" for view in d.session.views.values()))
        assert isinstance(d.app.screen, ApprovalScreen)
        await d.press("escape")
        await d.ended()

    drive(story, agent, clock=clock)
    assert ask.decisions == [Decision("reject")]


def test_a_key_pressed_twice_in_one_breath_answers_once() -> None:
    agent, clock = shop(), Clock()
    ask = Ask(stories.a_scale())
    agent.scripts["change it"] = [ask]

    async def story(d: Driver) -> None:
        await d.ask("change it")
        clock.advance(1.1)
        d.controls.requests.open_next()
        await d.until(lambda: isinstance(d.app.screen, ApprovalScreen))
        await d.settle()
        clock.advance(0.6)
        d._send(["y", "y", "y"])
        await d.settle()
        clock.advance(0.6)
        await d.until(lambda: not d.app.screen.guard.disarmed)  # type: ignore[attr-defined]
        assert ask.decisions == [], "a burst is text"
        await d.press("y")
        clock.advance(0.1)
        d._send(["enter", "enter", "enter"])
        await d.ended()
        assert d.app.is_running

    drive(story, agent, clock=clock)
    assert [decision.kind for decision in ask.decisions] == ["approve"]

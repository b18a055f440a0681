"""Reading an answer with the keyboard: citations, commands and code blocks one after the other, and what their keys do."""

from __future__ import annotations

import pytest
from driving import Driver, drive
from fakes import stories
from fakes.agent import Gate, ScriptedAgent, shop
from fakes.hostile import HOSTILE, MOVING

from engine.core.events import AnswerFinished, EvidenceAdded, TokensStreamed
from engine.core.types import Answer, Evidence
from tui.panes.chat import Turn
from tui.screens.dialogs.base import Reader
from tui.widgets.text.block import Block
from tui.widgets.text.code import Code, code_paras, parts_of

MANY = """See [E1].

```bash
# look first
kubectl get pods \\
  -n shop
kubectl delete pod web-0 -n shop
```

Then write it [D1]:

```yaml
kind: Pod  # a comment
replicas: 3
```

Done.
"""


def explained(text: str = MANY) -> ScriptedAgent:
    agent = shop()
    agent.scripts["why 502?"] = [*stories.until_testing(), *stories.until_answer()]
    agent.scripts["how?"] = [
        EvidenceAdded(evidence=Evidence("kubectl get pods", "web-0 0/1", "E1")),
        TokensStreamed(text=text),
        AnswerFinished(answer=Answer("informational", text)),
    ]
    return agent


async def in_chat(d: Driver, query: str) -> None:
    await d.ask(query)
    await d.ended()
    d.session.workspace.show("chat")
    await d.settle()


def stood_on(d: Driver) -> str:
    """What the keyboard stands on: a link's id, or the text of a block."""
    focused = d.app.focused
    if isinstance(focused, Block):
        return focused.text
    spot = d.session.workspace.chat.marked
    return spot.arguments[-1] if spot else ""


def test_keys_go_through_citations_commands_and_code_blocks_in_their_order() -> None:
    async def story(d: Driver) -> None:
        await in_chat(d, "how?")
        seen = []
        for _ in range(6):
            await d.press("right_square_bracket")
            seen.append(stood_on(d))
        assert seen == [
            "E1",
            "kubectl get pods -n shop",
            "kubectl delete pod web-0 -n shop",
            "D1",
            "kind: Pod  # a comment\nreplicas: 3",
            "kind: Pod  # a comment\nreplicas: 3",
        ]
        await d.press("left_square_bracket")
        assert stood_on(d) == "D1"
        await d.press("tab", "tab")
        assert d.session.workspace.pane_of(d.app.focused) != "chat", "tab leaves past the last one"

    drive(story, explained())


def test_enter_opens_the_marked_citation() -> None:
    async def story(d: Driver) -> None:
        await in_chat(d, "how?")
        await d.press("enter")
        assert not isinstance(d.app.screen, Reader), "nothing is marked yet"
        await d.press("right_square_bracket", "enter")
        assert isinstance(d.app.screen, Reader)
        assert "web-0 0/1" in d.text

    drive(story, explained())


def test_a_command_of_a_code_block_runs_through_the_policy_is_edited_and_copied_and_other_code_is_copied_alone() -> None:
    agent = explained()

    async def story(d: Driver) -> None:
        await in_chat(d, "how?")
        await d.press("right_square_bracket", "right_square_bracket", "c")
        assert d.app.clipboard == "kubectl get pods -n shop"
        await d.press("e")
        assert d.session.prompt.text == "!kubectl get pods -n shop"
        d.session.prompt.text = ""
        commands = list(d.app.query(Block))
        commands[1].focus()
        await d.press("enter")
        await d.until(lambda: bool(agent.commands.ran))
        await d.ended()
        assert "run" not in commands[2].plain
        commands = list(d.app.query(Block))

    drive(story, agent)
    assert agent.commands.ran == ["kubectl delete pod web-0 -n shop"]


def test_code_that_cannot_be_run_has_no_key_for_it() -> None:
    agent = explained()

    async def story(d: Driver) -> None:
        await in_chat(d, "how?")
        list(d.app.query(Block))[2].focus()
        await d.press("enter", "e")
        assert d.session.prompt.text == ""
        await d.press("c")
        assert d.app.clipboard == "kind: Pod  # a comment\nreplicas: 3"

    drive(story, agent)
    assert agent.commands.ran == []


def test_a_click_on_a_word_behind_a_command_does_what_its_key_does() -> None:
    agent = explained()

    async def story(d: Driver) -> None:
        await in_chat(d, "how?")
        y = next(n for n, line in enumerate(d.lines) if "kubectl get pods -n shop" in line and "copy" in line)
        await d.pilot.click(offset=(d.lines[y].index("copy"), y))
        await d.settle()
        assert d.app.clipboard == "kubectl get pods -n shop"
        await d.pilot.click(offset=(d.lines[y].index("run"), y))
        await d.until(lambda: bool(agent.commands.ran))

    drive(story, agent)
    assert agent.commands.ran == ["kubectl get pods -n shop"]


def test_old_answers_keep_their_links_and_bring_commands_into_the_prompt() -> None:
    async def story(d: Driver) -> None:
        await in_chat(d, "why 502?")
        await in_chat(d, "how?")
        first = d.app.query(Turn).first()
        assert first.frozen
        await d.press("right_square_bracket")
        assert stood_on(d) == "E1", "it begins with the newest answer"
        seen = []
        for _ in range(40):
            await d.press("left_square_bracket")
            seen.append(stood_on(d))
        assert "kubectl -n shop delete pvc data-orders-db-0" in seen
        for _ in range(40):
            if stood_on(d) == "kubectl -n shop delete pvc data-orders-db-0":
                break
            await d.press("right_square_bracket")
        await d.press("enter")
        assert d.session.prompt.text == "!kubectl -n shop delete pvc data-orders-db-0"

    drive(story, explained())


def test_c_copies_the_answer_that_is_read() -> None:
    async def story(d: Driver) -> None:
        await in_chat(d, "why 502?")
        await in_chat(d, "how?")
        await d.press("c")
        assert "Then write it D1:" in d.app.clipboard
        await d.press("right_square_bracket", "left_square_bracket", "c")
        assert "Root cause" in d.app.clipboard

    drive(story, explained())


def test_the_mark_goes_when_the_pane_is_left() -> None:
    async def story(d: Driver) -> None:
        await in_chat(d, "how?")
        await d.press("right_square_bracket")
        d.session.prompt.focus()
        await d.settle()
        assert d.session.workspace.chat.marked is None

    drive(story, explained())


def test_what_streamed_before_a_stop_keeps_its_code_blocks() -> None:
    agent = explained()
    gate = Gate()
    agent.scripts["cut"] = [TokensStreamed(text=MANY), gate]

    async def story(d: Driver) -> None:
        await d.ask("cut")
        await d.until(gate.reached.is_set)
        await d.settle()
        d.controls.questions.stop("stopped by the user")
        await d.ended()
        assert d.app.query(Block).first().text == "kubectl get pods -n shop"
        assert "stopped by the user" in d.flows("#chat")

    drive(story, agent)


@pytest.mark.parametrize(
    ("code", "parts"),
    [
        (Code("bash", "# why\nkubectl get pods\n"), [("words", "# why"), ("command", "kubectl get pods")]),
        (
            Code("console", "$ kubectl get pods\nNAME  READY\nweb-0 0/1\n$ kubectl top pods\n"),
            [("command", "kubectl get pods"), ("words", "NAME  READY\nweb-0 0/1"), ("command", "kubectl top pods")],
        ),
        (Code("", "kubectl get pods\nkubectl get nodes"), [("command", "kubectl get pods"), ("command", "kubectl get nodes")]),
        (Code("", "NAME   READY\nkubectl"), [("code", "NAME   READY\nkubectl")]),
        (Code("yaml", "kind: Pod\n"), [("code", "kind: Pod")]),
        (Code("", ""), [("code", "")]),
        (Code("sh", "\n\n"), []),
    ],
)
def test_blocks_are_told_apart(code: Code, parts: list[tuple[str, str]]) -> None:
    assert [(part.kind, part.text) for part in parts_of(code)] == parts


def test_code_is_coloured_by_its_language_and_an_unknown_one_is_plain() -> None:
    (line, _) = code_paras("kind: Pod  # why\nreplicas: 3", "yaml")
    looks = {line.body.plain[span.start : span.end]: str(span.style) for span in line.body.spans}
    assert looks["# why"] == "$quiet"
    assert any("kind" in word for word in looks)
    assert not code_paras("x = 1", "klingon")[0].body.spans
    assert [para.body.plain for para in code_paras("a\n\nb", "python")] == [" a ", "   ", " b "]


@pytest.mark.parametrize("language", ["yaml", "json", "bash", "python", ""])
@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_code_is_shown_literally(text: str, language: str) -> None:
    shown = "".join(para.body.plain for para in code_paras(text, language))
    assert not MOVING & set(shown)
    if text == HOSTILE["markup"]:
        assert text in shown

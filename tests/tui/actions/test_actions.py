"""The action table: every action once, with something to run and a word of help."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from data.make_keys import page
from driving import Driver, an_app, drive
from fakes.agent import shop

from engine.core.config import ConfigError
from tui.actions.action import Action, Where
from tui.actions.keys import bindings, footer, key_text
from tui.actions.panes import CLUSTER, OUTPUT
from tui.actions.table import ACTIONS, BY_ID, REMAPPABLE, SESSION, SLASH
from tui.panes.chat import ChatPane
from tui.panes.cluster import ClusterPane
from tui.panes.output import OutputPane
from tui.panes.timeline import TimelinePane
from tui.screens.help import help_paras
from tui.screens.sessions import SessionsScreen
from tui.widgets.text.block import Block

OWNERS: dict[str, type] = {
    "cluster": ClusterPane,
    "timeline": TimelinePane,
    "output": OutputPane,
    "chat": ChatPane,
    "block": Block,
    "sessions": SessionsScreen,
}


def test_ids_and_words_are_unique() -> None:
    assert len(BY_ID) == len(ACTIONS)
    words = [word for action in ACTIONS for word in action.slash]
    assert len(words) == len(set(words)) == len(SLASH)


def test_no_key_means_two_things_in_one_place() -> None:
    for where in ("everywhere", *OWNERS):
        keys = [key for action in ACTIONS if action.where == where for key in action.keys.split(",") if key]
        assert len(keys) == len(set(keys)), where


@pytest.mark.parametrize("action", ACTIONS, ids=lambda a: a.id)
def test_every_action_can_be_run_where_it_belongs(action: Action[Any]) -> None:
    if action.where == "everywhere" or action.slash:
        assert action.handler is not None, "what the palette or a word runs has a handler"
    if action.run:
        assert hasattr(OWNERS[action.where], f"action_{re.split('[(]', action.run)[0]}"), "a pane's key has its Textual action"
    if action.where == "everywhere":
        assert not action.run, "one way to run it"


@pytest.mark.parametrize("action", ACTIONS, ids=lambda a: a.id)
def test_every_action_has_a_title_and_help(action: Action[Any]) -> None:
    assert action.title
    assert action.help[0].isupper() or action.help[0].isdigit()
    assert not action.help.endswith(".")


def test_bindings_carry_the_ids_by_which_keys_are_remapped() -> None:
    for actions in (SESSION, CLUSTER, OUTPUT):
        assert bindings(actions)
        assert all(binding.id in BY_ID for binding in bindings(actions))


def test_the_footer_begins_with_what_a_newcomer_needs() -> None:
    keys = footer(ACTIONS, "prompt", "everywhere")
    assert keys[:6] == [("enter", "send"), ("^j", "newline"), ("^n", "namespace"), ("esc esc", "stop"), ("f1", "help"), ("^p", "palette")]


def test_help_names_every_key_and_word() -> None:
    text = "\n".join(f"{para.lead.plain}{para.body.plain}" for para in help_paras(ACTIONS, "cluster"))
    for action in ACTIONS:
        if action.keys:
            assert key_text(action) in text, action.id
        for word in action.slash:
            assert f"/{word}" in text


@pytest.mark.parametrize("where", ["chat", "cluster", "timeline", "output", "prompt"])
def test_help_begins_with_the_focused_place(where: Where) -> None:
    first = help_paras(ACTIONS, where)[0].body.plain
    assert first in ("chat", "cluster pane", "timeline", "output", "prompt")
    assert where in first or where == "prompt"


def test_an_action_takes_the_keys_of_the_configuration_everywhere_it_is_told() -> None:
    agent = shop()

    async def story(d: Driver) -> None:
        assert "f7 namespace" in d.lines[-1]
        await d.press("ctrl+n")
        assert not d.app.screen.is_modal, "the old key no longer works"
        await d.press("f7")
        assert d.app.screen.is_modal
        await d.press("escape")
        d.session.workspace.show("cluster")
        await d.settle()
        await d.press("v")
        assert d.app.screen.is_modal, "a pane's key too"
        await d.press("escape", "f1")
        assert "f7" in d.flows()

    drive(story, agent, keys={"namespace": "f7", "describe": "v"})
    assert key_text(BY_ID["namespace"]) == "f7"
    an_app()
    assert key_text(BY_ID["namespace"]) == "^n"


@pytest.mark.parametrize(("id", "words"), [("namespaces", "did you mean `namespace`"), ("send", "cannot be changed"), ("zzz", "known are")])
def test_an_unknown_action_is_an_error_that_names_the_nearest(id: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        an_app(keys={id: "f7"})


def test_the_guide_is_what_the_table_says(root: Path) -> None:
    an_app()
    text = (root / "docs/guide/keys.md").read_text(encoding="utf-8")
    assert text == page(), "write it again with: python tests/data/make_keys.py"
    for id in REMAPPABLE:
        assert f"| {id} |" in text

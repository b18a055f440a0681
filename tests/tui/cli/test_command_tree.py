"""The whole command tree: help, examples, flags before and behind the command, colours, and JSON that its schema describes."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from engine.agent.json_documents import schema
from engine.core.events import QueryReceived
from engine.session.transcript import Session, sessions_folder
from tui.cli.common import painted
from tui.cli.examples import EXAMPLES
from tui.cli.main import main
from tui.cli.parser import build, in_order

DEMO = Path(__file__).parents[3] / "engine" / "data" / "demo.tar.gz"


@pytest.fixture(autouse=True)
def _signals_as_they_were() -> Iterator[None]:
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


def tree(parser: argparse.ArgumentParser, above: str = "") -> Iterator[tuple[str, argparse.ArgumentParser]]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, child in action.choices.items():
                yield f"{above} {name}".strip(), child
                yield from tree(child, f"{above} {name}".strip())


COMMANDS = dict(tree(build()))


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_s_help_has_examples_and_explains_every_flag(command: str) -> None:
    text = COMMANDS[command].format_help()
    assert "examples:\n" in text
    assert "k8sagent" in EXAMPLES[command][0]
    for action in COMMANDS[command]._actions:
        assert not action.option_strings or action.help, (command, action.option_strings)


def test_every_example_parses() -> None:
    parser = build()
    lines = [line for command in COMMANDS for line in "\n".join(EXAMPLES[command]).replace("\\\n", " ").splitlines()]
    tried = 0
    for line in lines:
        for part in line.split(" | "):
            text = part.split("      ")[0].split(" > ")[0].split(" < ")[0]
            if "k8sagent" in text and "eval" not in text:
                words = shlex.split(text.replace("$EDITOR $(", "").replace("path)", "path"))
                parser.parse_args(in_order(words[words.index("k8sagent") + 1 :]))
                tried += 1
    assert tried > 40


@pytest.mark.parametrize(
    ("typed", "taken"),
    [
        ("", "interactive"),
        ("--demo -n shop", "interactive --demo -n shop"),
        ("--demo check -A", "check -A --demo"),
        ("-n shop --context=x docs search oom", "docs search oom -n shop --context=x"),
        ("--help", "--help"),
        ("--demo --help", "--demo --help"),
        ("check -n shop", "check -n shop"),
    ],
)
def test_flags_may_stand_before_the_command(typed: str, taken: str) -> None:
    assert in_order(typed.split()) == taken.split()


def test_a_flag_is_never_guessed_from_its_beginning(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["check", "--names", "shop"])
    assert ended.value.code == 2
    assert "--names" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("chekc", "did you mean 'check'?"),
        ("docs serch oom", "did you mean 'search'? (see `k8sagent docs --help`)"),
        ("sessions", "required: ACTION"),
        ("intent --output xml why", "'text', 'json'"),
    ],
)
def test_wrong_usage_is_one_line_that_says_what_is_right(typed: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(typed.split())
    assert ended.value.code == 2
    told = capsys.readouterr()
    assert words in told.err
    assert told.err.count("\n") == 1
    assert told.out == ""


def test_the_undo_of_a_session_whose_cluster_is_not_here_says_how_to_name_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    session = Session(sessions_folder(), "20260102-030405-abcdef")
    session.append(QueryReceived(query="scale web to 3", context="prod-eu", namespace="shop", run="r1", seq=1, at=1.0))
    session.close()
    config = tmp_path / "kubeconfig"
    config.write_text("apiVersion: v1\nkind: Config\nclusters: []\ncontexts: []\n")
    monkeypatch.setenv("KUBECONFIG", str(config))
    assert main(["sessions", "undo", "20260102"]) == 2
    assert "worked on prod-eu" in capsys.readouterr().err


def test_colours_are_for_terminals_that_want_them(monkeypatch: pytest.MonkeyPatch) -> None:
    assert painted("x", "red") == "x"
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    assert painted("x", "red") == "\x1b[31mx\x1b[0m"
    monkeypatch.setenv("NO_COLOR", "1")
    assert painted("x", "red") == "x"


def strict(name: str) -> jsonschema.Draft202012Validator:
    """A validator that takes no member which the schema does not publish."""

    def close(node: Any) -> Any:
        if isinstance(node, list):
            return [close(item) for item in node]
        if not isinstance(node, dict):
            return node
        inner = {key: close(value) for key, value in node.items()}
        return {**inner, "additionalProperties": False} if "properties" in inner else inner

    return jsonschema.Draft202012Validator(close(schema(name)))


def test_what_is_printed_is_what_is_published(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("OLLAMA_HOST", "http://127.0.0.1:9")
    log = tmp_path / "app.log"
    log.write_text("Error: required environment variable STRIPE_API_KEY is not set\n")
    lines = tmp_path / "lines"
    lines.write_text('{"id": 7, "query": "why is web down", "command": "kubectl get pods"}\n')

    def printed(name: str, *argv: str, code: int = 0) -> Any:
        with (lines if "--jsonl" in argv else Path(os.devnull)).open(encoding="utf-8") as stdin:
            monkeypatch.setattr(sys, "stdin", stdin)
            assert main([*argv]) == code, capsys.readouterr().err
        document = json.loads(capsys.readouterr().out)
        for each in document if name == "events" else [document]:
            strict(name).validate(each)
        return document

    why = ("troubleshoot", "--demo", "--no-llm", "-n", "shop", "-q", "why is checkout-api restarting?")
    assert printed("answer", *why, "--output", "json")["root_causes"]
    printed("answer", "troubleshoot", "--demo", "--no-llm", "-q", "scale cart-api in shop to 3", "--output", "json", code=4)
    printed("answer", "troubleshoot", "--demo", "--no-llm", "-q", "list pods in shop", "--output", "json")
    printed("check", "check", "--demo", "-n", "shop", "--output", "json", code=1)
    assert printed("check", "logs", str(log), "--output", "json", code=1)["findings"]
    printed("intent", "intent", "why", "is", "web", "down", "--output", "json")
    assert printed("intent", "intent", "--jsonl")["id"] == 7
    printed("policy", "policy", "kubectl delete ns shop", "--output", "json")
    assert printed("policy", "policy", "--jsonl")["id"] == 7
    assert printed("docs-search", "docs", "search", "CrashLoopBackOff", "--output", "json")["passages"]
    printed("docs-list", "docs", "list", "--output", "json")
    printed("docs-index", "docs", "index", "--output", "json")
    printed("health", "health", "--demo", "--output", "json")
    (*_, session) = printed("sessions", "sessions", "list", "--output", "json")["sessions"]
    assert session["questions"] == ["why is checkout-api restarting?"]
    printed("events", "sessions", "show", session["id"], "--output", "json")
    assert printed("events", "sessions", "export", session["id"], "--format", "json")
    printed("audit", "audit", "verify", "--output", "json")
    assert printed("config", "config", "show", "--model", "m", "--output", "json")["settings"]
    printed("recording", "snapshot", "info", str(DEMO), "--output", "json")

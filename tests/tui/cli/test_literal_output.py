"""What subcommands print of clusters, models and other people's transcripts moves no cursor, sets no title and hides nothing."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from engine.core.events import AnswerFinished, QueryReceived
from engine.core.types import Answer
from engine.session.transcript import Session, sessions_folder
from tui.cli.common import complain, literal, painted, say
from tui.cli.main import main
from tui.cli.settings.setup import _progress

HOSTILE = "web\x1b]0;owned\x07\x1b[2J\x9b1A\u202eevil\x08\x08"


def odd(text: str) -> list[str]:
    return [char for char in text if char != "\n" and not char.isprintable()]


@pytest.mark.parametrize("command", [["sessions", "list"], ["sessions", "show", "one"], ["sessions", "export", "one"]])
def test_a_foreign_transcript_is_printed_as_plain_text(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    session = Session(sessions_folder(), "one")
    session.append(QueryReceived(query=HOSTILE, context=HOSTILE, namespace="shop", run="r", seq=1, at=1000.0))
    session.append(AnswerFinished(answer=Answer("informational", HOSTILE), run="r", seq=2, at=1001.0))
    session.close()
    assert main(command) == 0
    out = capsys.readouterr().out
    assert "evil" in out
    assert odd(out) == []


def test_lines_of_both_streams_are_literal(capsys: pytest.CaptureFixture[str]) -> None:
    say(HOSTILE)
    complain(HOSTILE)
    seen = capsys.readouterr()
    assert (seen.out, seen.err) == ("webevil\n", "k8sagent: webevil\n")


def test_our_own_colours_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.delenv("NO_COLOR", raising=False)
    for colour in ("red", "amber", "green", "blue", "grey", "bold"):
        assert literal(painted("web", colour)) == painted("web", colour) != "web"
    assert literal(f"\x1b[8m{painted(HOSTILE, 'red')}") == painted("webevil", "red")


def test_what_a_model_server_calls_its_progress_stays_on_its_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    _progress(HOSTILE, 1, 2)
    assert capsys.readouterr().err.removeprefix("\r\x1b[K").strip().startswith("webevil 0.0 of")


def test_a_defect_is_told_in_plain_text() -> None:
    code = f"from tui.cli.main import _tell_defect; _tell_defect(ValueError({HOSTILE!r}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env={**os.environ, "LC_ALL": "C.UTF-8"})
    assert odd(done.stderr) == []
    assert "webevil" in done.stderr

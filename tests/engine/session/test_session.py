"""The transcript: private, append-only, readable after a kill -9, resumable, prunable, exportable."""

import dataclasses
import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from engine.core.events import (
    AnswerFinished,
    CommandFinished,
    CommandOutput,
    CommandStarted,
    EvidenceAdded,
    Notice,
    QueryReceived,
    RunFinished,
    TokensStreamed,
)
from engine.core.types import Answer, Evidence, ObjectRef, RootCause
from engine.session.transcript import KEEP_BYTES, SCHEMA, SavedSessions, Session, SessionError, read, sessions_folder


def asked(text: str, at: float = 1000.0) -> QueryReceived:
    return QueryReceived(query=text, context="demo", namespace="shop", run="r1", seq=1, at=at)


def test_only_the_owner_may_read_a_transcript(tmp_path: Path) -> None:
    session = Session(tmp_path / "sessions")
    assert session.path is not None
    assert stat.S_IMODE(session.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(session.path.parent.stat().st_mode) == 0o700
    session.close()


def test_what_is_written_can_be_read_before_the_session_is_closed(tmp_path: Path) -> None:
    session = Session(tmp_path)
    session.append(asked("why?"))
    assert session.path is not None
    assert list(read(session.path)) == [asked("why?")]
    session.close()


def test_streamed_tokens_are_not_kept(tmp_path: Path) -> None:
    session = Session(tmp_path)
    session.append(TokensStreamed(text="Ro"))
    session.close()
    assert session.path is not None
    assert list(read(session.path)) == []


def test_a_transcript_is_readable_after_kill_9(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from engine.session.transcript import Session; from engine.core.events import Notice\n"
        "s = Session(pathlib.Path(sys.argv[1]), 'killed')\n"
        "for n in range(3): s.append(Notice(level='info', text=str(n)))\n"
        "print('written', flush=True); sys.stdin.read()"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path(__file__).parents[3]
    )
    assert child.stdout is not None
    assert child.stdout.readline() == b"written\n"
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.communicate()
    path = tmp_path / "killed.jsonl"
    assert [e.text for e in read(path) if isinstance(e, Notice)] == ["0", "1", "2"]


def test_a_line_that_a_crash_cut_off_is_passed_over_and_the_session_goes_on(tmp_path: Path) -> None:
    first = Session(tmp_path, "one")
    first.append(asked("first"))
    first.close()
    assert first.path is not None
    with first.path.open("a") as out:
        out.write('{"event":"Notice","level":"in')
    again = Session(tmp_path, "one")
    again.append(asked("second"))
    again.close()
    assert [e.query for e in read(first.path) if isinstance(e, QueryReceived)] == ["first", "second"]


def test_long_output_keeps_head_and_tail(tmp_path: Path) -> None:
    session = Session(tmp_path)
    session.append(CommandStarted(id="C1", command="kubectl logs x"))
    line = "x" * 99
    for n in range(10_000):
        session.append(CommandOutput(id="C1", stream="stdout", lines=(f"{n:05d} {line}",)))
    session.append(CommandFinished(id="C1", exit_code=0, seconds=1.0))
    session.close()
    assert session.path is not None
    assert session.path.stat().st_size < 5 * KEEP_BYTES
    lines = [text for e in read(session.path) if isinstance(e, CommandOutput) for text in e.lines]
    assert lines[0].startswith("00000")
    assert lines[-1].startswith("09999")
    assert any("lines left out" in text for text in lines)
    assert isinstance(list(read(session.path))[-1], CommandFinished)


def test_nothing_is_kept_without_a_folder(tmp_path: Path) -> None:
    session = Session(None)
    session.append(asked("why?"))
    session.close()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SessionError, match="--no-save"):
        Session(tmp_path / "file" / "sessions")


def test_a_transcript_of_another_version_is_told(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text(json.dumps({"schema": "k8sagent.session/99"}) + "\n")
    with pytest.raises(SessionError, match="another version"):
        list(read(path))
    assert SCHEMA != "k8sagent.session/99"


def test_the_shelf_lists_newest_first_and_finds_by_the_beginning(tmp_path: Path) -> None:
    for id, at in (("20260101-a", 100.0), ("20260202-b", 200.0)):
        session = Session(tmp_path, id)
        session.append(asked(f"question {id}", at))
        session.close()
    shelf = SavedSessions(tmp_path)
    assert [row.id for row in shelf.list()] == ["20260202-b", "20260101-a"]
    assert shelf.find("202602").stem == "20260202-b"
    with pytest.raises(SessionError, match="ambiguous"):
        shelf.find("2026")
    with pytest.raises(SessionError, match="no session"):
        shelf.find("../etc/passwd")


def test_a_transcript_that_cannot_be_read_does_not_hide_the_others(tmp_path: Path) -> None:
    session = Session(tmp_path, "good")
    session.append(asked("why?"))
    session.close()
    (tmp_path / "bad.jsonl").write_text(json.dumps({"schema": "k8sagent.session/99"}) + "\n")
    assert "good" in [row.id for row in SavedSessions(tmp_path).list()]


def test_old_transcripts_are_pruned(tmp_path: Path) -> None:
    for id, days in (("old", 31), ("new", 1)):
        Session(tmp_path, id).close()
        when = time.time() - days * 86400
        os.utime(tmp_path / f"{id}.jsonl", (when, when))
    assert SavedSessions(tmp_path).prune(30) == 1
    assert [p.stem for p in tmp_path.iterdir()] == ["new"]


def test_the_post_mortem_holds_question_answer_and_evidence_and_no_markup_of_theirs(tmp_path: Path) -> None:
    session = Session(tmp_path, "one")
    session.append(asked("why is web `down`?"))
    session.append(EvidenceAdded(evidence=Evidence("log of Pod/web", "```\n# not a heading\n<script>", "E1"), run="r1"))
    session.append(AnswerFinished(answer=Answer("troubleshooting", "Root cause: no memory [E1]"), run="r1"))
    session.append(RunFinished(run="r1"))
    session.close()
    text = SavedSessions(tmp_path).export("one")
    assert "## " in text
    assert "why is web `down`?" in text
    assert "Root cause: no memory [E1]" in text
    fenced = text[text.index("### Evidence") :]
    assert "````" in fenced, "a fence inside the evidence needs a longer one around it"
    assert json.loads(SavedSessions(tmp_path).export("one", "json"))[0]["event"] == "QueryReceived"
    assert SavedSessions(tmp_path).export("one", "text").startswith("> why is web")


def test_the_folder_follows_xdg() -> None:
    assert sessions_folder({"XDG_STATE_HOME": "/s", "HOME": "/h"}) == Path("/s/k8sagent/sessions")
    assert sessions_folder({"HOME": "/h"}) == Path("/h/.local/state/k8sagent/sessions")


def test_the_list_tells_place_questions_and_causes_and_passes_over_what_it_cannot_read(tmp_path: Path) -> None:
    session = Session(tmp_path, "one")
    session.append(asked("why is web down?"))
    cause = RootCause("no memory left", ObjectRef("Pod", "shop", "web-0"), 0.9)
    session.append(AnswerFinished(answer=Answer("troubleshooting", "x", root_causes=(cause,)), run="r1"))
    session.append(dataclasses.replace(asked("!kubectl get pods"), run="r2", namespace="payments"))
    session.close()
    (tmp_path / "other.jsonl").write_text(json.dumps({"schema": "k8sagent.session/99"}) + '\n{"event":"QueryReceived"}\n\xff')
    rows = {row.id: row for row in SavedSessions(tmp_path).list()}
    assert rows["one"].questions == ("why is web down?",)
    assert rows["one"].causes == ("no memory left",)
    assert (rows["one"].context, rows["one"].namespace) == ("demo", "payments"), "where it was left"
    assert rows["other"].questions == ()


def test_a_session_is_deleted_by_its_name_alone(tmp_path: Path) -> None:
    Session(tmp_path, "one").close()
    (tmp_path / "kept.txt").write_text("x")
    shelf = SavedSessions(tmp_path)
    for id in ("../kept.txt", "kept.txt", "", "two"):
        with pytest.raises(SessionError):
            shelf.delete(id)
    shelf.delete("one")
    assert [p.name for p in tmp_path.iterdir()] == ["kept.txt"]


@pytest.mark.parametrize(
    "line",
    [
        '{"event":"QueryReceived","query":' + "[" * 100_000,
        "[" * 100_000,
        '{"event":"QueryReceived","query":"q","context":"c","namespace":"n","run":"r","seq":1,"at":1e300}',
        '{"event":"QueryReceived","query":"q","context":"c","namespace":"n","run":"r","seq":1,"at":NaN}',
        '{"event":"QueryReceived","query":"q","context":"c","namespace":"n","run":"r","seq":1,"at":-1}',
    ],
    ids=["deep", "deeper", "year-1e292", "no-number", "before-1970"],
)
def test_a_line_that_no_session_wrote_is_passed_over(tmp_path: Path, line: str) -> None:
    session = Session(tmp_path, "one")
    session.append(asked("why?"))
    session.close()
    with (tmp_path / "one.jsonl").open("a") as out:
        out.write(line + "\n")
    shelf = SavedSessions(tmp_path)
    assert [(row.questions, row.started) for row in shelf.list()] == [(("why?",), 1000.0)]
    assert [type(event).__name__ for event in shelf.events("one")] == ["QueryReceived"]
    assert "why?" in shelf.export("one")

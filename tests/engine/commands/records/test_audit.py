"""The audit says what ran, and tampering with it shows."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from engine.commands.execution.runner import CommandResult
from engine.commands.records.audit import Audit, AuditError, verify
from engine.core.types import Verdict

RESULT = CommandResult(0, "", "", 0.5, 12)


def chain(folder: Path, *, close: bool = True) -> Path:
    audit = Audit(folder, "s1")
    number = audit.before(
        [("kubectl", "scale")],
        Verdict("mutate", "kubectl.scale", "x"),
        proposed="kubectl scale",
        context="dev",
        approved_by="me",
        how="key",
    )
    audit.after(number, RESULT)
    if close:
        audit.close()
    else:
        os.close(audit._fd)
    return folder / "s1.jsonl"


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines(keepends=True)


def test_a_whole_chain_is_fine(tmp_path: Path) -> None:
    path = chain(tmp_path)
    assert [(report.id, report.ok) for report in verify(tmp_path)] == [("s1", True)]
    assert [json.loads(line)["kind"] for line in lines(path)] == ["open", "before", "after", "close"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_line_says_who_did_what(tmp_path: Path) -> None:
    before, after = map(json.loads, lines(chain(tmp_path))[1:3])
    assert before["argv"] == [["kubectl", "scale"]]
    assert (before["risk"], before["rule"], before["context"], before["approved_by"], before["how"]) == (
        "mutate",
        "kubectl.scale",
        "dev",
        "me",
        "key",
    )
    assert (after["of"], after["exit"], after["bytes"]) == (before["n"], 0, 12)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("changed", lambda rows: [rows[0], rows[1].replace("kubectl.scale", "kubectl.get"), *rows[2:]]),
        ("missing", lambda rows: [rows[0], *rows[2:]]),
        ("first missing", lambda rows: rows[1:]),
        ("reordered", lambda rows: [rows[0], rows[2], rows[1], *rows[3:]]),
        ("doubled", lambda rows: [*rows[:2], rows[1], *rows[2:]]),
        ("cut off", lambda rows: rows[:-1]),
        ("cut off further", lambda rows: rows[:2]),
        ("cut within a line", lambda rows: [*rows[:3], rows[3][:40]]),
        ("emptied", lambda rows: []),
        ("unreadable line", lambda rows: [rows[0], "x\n", *rows[2:]]),
    ],
)
def test_tampering_is_found(tmp_path: Path, name: str, change: object) -> None:
    path = chain(tmp_path)
    path.write_text("".join(change(lines(path))))  # type: ignore[operator]
    (report,) = verify(tmp_path)
    assert not report.ok, name
    assert report.detail


def test_a_deleted_chain_is_found(tmp_path: Path) -> None:
    chain(tmp_path).unlink()
    assert [report.ok for report in verify(tmp_path)] == [False]


def test_a_killed_session_is_whole_but_not_closed(tmp_path: Path) -> None:
    chain(tmp_path, close=False)
    (report,) = verify(tmp_path)
    assert report.ok
    assert "did not end in order" in report.detail


def test_a_session_can_go_on(tmp_path: Path) -> None:
    chain(tmp_path)
    Audit(tmp_path, "s1").close()
    assert [(report.ok, report.detail) for report in verify(tmp_path)] == [(True, "6 entries")]


def test_two_processes_cannot_write_one_chain(tmp_path: Path) -> None:
    first = Audit(tmp_path, "s1")
    with pytest.raises(AuditError, match="in use"):
        Audit(tmp_path, "s1")
    first.close()


def test_what_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(AuditError, match="cannot be written"):
        Audit(tmp_path / "file", "s1")
    audit = Audit(tmp_path / "a", "s1")
    os.close(audit._fd)
    with pytest.raises(AuditError):
        audit.write("before")
    audit._fd = -1


def test_no_folder_has_no_chains(tmp_path: Path) -> None:
    assert verify(tmp_path / "none") == []


def test_an_end_at_any_byte_is_an_interruption_and_the_resumed_chain_is_sound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda fd: None)
    path = chain(tmp_path / "a", close=False)
    whole = path.read_bytes()
    start = whole.rindex(b"\n", 0, len(whole) - 1) + 1
    heads = {count: f"{count} {json.loads(whole.splitlines()[count - 1])['hash']}\n" for count in (2, 3)}
    tried = 0
    for end in range(start, len(whole) + 1):
        # The line comes before the head, so an end within the line leaves the head of the line before.
        for count in (2, 3) if end == len(whole) else (2,):
            folder = tmp_path / f"{end}-{count}"
            folder.mkdir()
            (folder / "s1.jsonl").write_bytes(whole[:end])
            (folder / "s1.head").write_text(heads[count])
            (report,) = verify(folder)
            assert report.ok, report
            assert ("interrupt" in report.detail) == (end != start and not (end == len(whole) and count == 3)), report
            resumed = Audit(folder, "s1")
            resumed.after(2, RESULT)
            resumed.close()
            (report,) = verify(folder)
            assert report.ok, (end, report)
            tried += 1
    assert tried > 200


def test_a_disk_that_fills_up_at_any_byte_refuses_and_goes_on_when_there_is_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda fd: None)
    audit = Audit(tmp_path, "s1")
    real = os.write
    for room in range(100):
        monkeypatch.setattr(os, "write", lambda fd, data, room=room: real(fd, data[: len(data) * room // 100]))
        with pytest.raises(AuditError, match="disk is full"):
            audit.after(1, RESULT)
        monkeypatch.setattr(os, "write", real)
        audit.after(1, RESULT)
    audit.close()
    (report,) = verify(tmp_path)
    assert report.ok
    assert report.detail.startswith("102 entries; 99 lines cut off by an interruption")

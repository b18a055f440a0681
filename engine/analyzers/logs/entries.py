"""From log lines to entries: stack traces kept whole, messages that go on below, repeats folded with their count."""

# ruff: noqa: E501 - the shapes of log lines stand on one line each, so that they can be compared
from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from engine.analyzers.logs.line_formats import FRAME, GO_PANIC, POSTGRES, begins_with_time, json_line, parse_line
from engine.cluster.objects import parse_time

_STAMP = re.compile(r"^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)) ?(.*)$", re.DOTALL)
_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_PODDED = re.compile(r"^\[pod/\S+\] ")
_EXCEPTION = re.compile(
    r"^(?:Exception in thread \"[^\"]*\" |Caused by: |Uncaught |Unhandled [Ee]xception[.:]? |Unhandled \w+:? |\[?Error \[|Fatal error: )*(?:[\w$]+(?:\.|::))*[A-Z]\w*(?:Error|Exception|Fault|Interrupt|Exit|Timeout)\b(?::|$| \(| \[)"
)
_TRACE_BODY = re.compile(
    r"^(?:\s+at |\s+File \"|\s+\S|\s*\.\.\. \d+ more|Caused by: |Suppressed: |\tat |goroutine \d+ \[|created by |\S+\(.*\)$|$|The above exception|During handling|at \S+\(|from \S+:\d+)"
)
_STRUCTURED = re.compile(r"^\{|^\d{4}[-/]\d\d|^time=|^\[?(?:INFO|WARN|ERROR|DEBUG)")
_MASKS = (
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", re.IGNORECASE), "<id>"),
    (re.compile(r"\b0x[0-9a-f]+\b|\b[0-9a-f]{12,}\b", re.IGNORECASE), "<hex>"),
    (re.compile(r"(?<=[\"'])[^\s\"']{1,60}(?=[\"'])"), "<name>"),
    (re.compile(r"\d+"), "<n>"),
)
_NUMBERED = re.compile(r"^\d+: ")
_OPEN_END = re.compile(r"^$|:$|^[\w.]+\[\d+\]$")
_MOST_JOINED = 60


@dataclass(slots=True)
class Entry:
    """One message, with its stack trace where it has one; `lines` are verbatim, without the kubelet's timestamp."""

    level: str
    text: str
    lines: list[str]
    stamp: str = ""
    trace: bool = False
    count: int = 1
    last_stamp: str = ""
    index: int = 0
    last_index: int = 0
    also: list[str] = field(default_factory=list)
    """The names that differ in its repeats: peers, topics, pods."""

    @property
    def when(self) -> datetime | None:
        return parse_time(self.last_stamp or self.stamp)


def unstamped(line: str) -> tuple[str, str]:
    """The kubelet's timestamp ("" where there is none) and the rest of a line."""
    found = _STAMP.match(line)
    return (found[1], found[2]) if found else ("", line)


def entries(lines: Iterable[str]) -> list[Entry]:
    """Parse log lines (with or without kubelet timestamps); stack traces become part of the message they belong to."""
    found: list[Entry] = []
    open_json: list[str] = []
    for index, raw in enumerate(lines):
        stamp, line = unstamped(raw.rstrip("\r\n"))
        if "\x1b" in line:
            line = _ANSI.sub("", line)
        if line.startswith("[pod/"):
            line = _PODDED.sub("", line)
        last = found[-1] if found else None
        if open_json and last is not None:
            open_json.append(line)
            last.lines.append(line)
            parsed = json_line("\n".join(open_json)) if line.rstrip().endswith("}") else None
            if parsed is not None:
                last.level, last.text = parsed
            if parsed is not None or len(open_json) > _MOST_JOINED:
                open_json = []
            continue
        if last is not None and _continues(last, line):
            last.lines.append(line)
            _absorb(last, line)
            continue
        if not line.strip():
            continue
        level, text = parse_line(line)
        entry = Entry(level, text, [line], stamp, index=index, last_index=index)
        if line.startswith('{"') and not line.rstrip().endswith("}") and len(line) > 40:
            open_json = [line]
        if text.startswith("Traceback (most recent call last)") or GO_PANIC.match(text) or _EXCEPTION.match(text):
            entry.trace, entry.level = True, "fatal" if level in ("", "error", "fatal") else level
        found.append(entry)
    return found


def _continues(last: Entry, line: str) -> bool:
    if "validation error" in last.text and len(last.lines) < 40:
        return bool(line) and not _STRUCTURED.match(line)  # the fields that failed stand on the lines below
    if last.level in ("error", "fatal") and (more := POSTGRES.match(line)) is not None and more[1] in ("DETAIL", "HINT"):
        return True
    if last.lines[0] == "Description:" and len(last.lines) < 20:  # Spring Boot's report of a start that failed
        return not line.startswith("Action:")
    if _open_ended(last) and len(last.lines) < 8 and not parse_line(line)[0] and not begins_with_time(line):
        return True
    if last.trace:
        if last.text.startswith("Traceback") and line and not line[0].isspace():
            return True
        closed = last.lines[0].partition("Traceback (")[1] and not last.text.startswith("Traceback")
        if closed:
            return not line or line.startswith(("The above exception", "During handling", "LINE ", "DETAIL:", "    ", "Traceback ("))
        return bool(_TRACE_BODY.match(line)) and not line.startswith("{")
    if line.startswith(("\tat ", "    at ", "   at ", "Caused by:", "\tfrom ", " ---> ")):
        last.trace = True
        return True
    if last.level in ("error", "fatal", "warn") and line and _EXCEPTION.match(line):
        return True
    # Node.js prints file:line, the source line and a caret before the error itself
    return last.lines[0].startswith("/") and len(last.lines) < 6 and not parse_line(line)[0] and not line.startswith("{")


def _open_ended(entry: Entry) -> bool:
    """Whether a message of a fault goes on below: it is empty, or ends with a colon or as .NET's category does."""
    if entry.trace:
        return entry.text.endswith(":") and GO_PANIC.match(entry.text) is not None
    return entry.level in ("error", "fatal", "warn") and bool(_OPEN_END.search(entry.text))


def _absorb(entry: Entry, line: str) -> None:
    if "validation error" in entry.text:
        entry.text += f" {line.strip()}"
    elif entry.lines[0] == "Description:":
        entry.text, entry.level = f"{entry.text} {line.strip()}".removeprefix("Description: ").strip(), "fatal"
    elif (more := POSTGRES.match(line)) is not None and more[1] in ("DETAIL", "HINT"):
        entry.text += f" {more[2]}"
    elif entry.trace and line.startswith("Traceback ("):
        entry.text = line  # the exception that was raised while the one before was handled, or from it
    elif entry.text.startswith("Traceback") and line and not line[0].isspace():
        before = next((kept for kept in reversed(entry.lines[:-1]) if _EXCEPTION.match(kept)), "")
        entry.text = _inner(before, line) if "The above exception" in "\n".join(entry.lines) else line
    elif line.startswith(("Caused by: ", " ---> ")):
        entry.text = line.removeprefix("Caused by: ").removeprefix(" ---> ")
        entry.level = "fatal" if entry.level == "" else entry.level
    elif "Caused by:" in entry.lines[-3:] and line[:1].isspace() and line.strip():
        entry.text = _NUMBERED.sub("", line.strip())  # anyhow's chain, the innermost last
    elif not entry.trace and _EXCEPTION.match(line):
        entry.text, entry.trace, entry.level = line, True, "fatal" if entry.level != "error" else "error"
    elif (
        entry.trace and line[:1].isspace() and line.strip() and not FRAME.match(line) and entry.text.endswith(entry.lines[-2].strip()[-60:])
    ):
        entry.text += f" {line.strip()}"  # the exception's own message goes on before its frames
    elif _open_ended(entry) and line.strip():
        entry.text = f"{entry.text}\n{line.strip()}" if entry.text.endswith(":") else line.strip()


def _inner(cause: str, effect: str) -> str:
    """The exception that explains: the one an other was raised from, unless that one repeats it."""
    return effect if not cause or cause.partition(": ")[2][:60] in effect else cause


def template(text: str) -> str:
    """A message with its numbers, ids and quoted names masked, so that repeats are seen as such."""
    for mask, sign in _MASKS:
        text = mask.sub(sign, text)
    return text[:300]


def grouped(found: Sequence[Entry]) -> list[Entry]:
    """One entry a template, in the order of first sight, with its count, the last time, and the names that differ."""
    kept: dict[tuple[str, str], Entry] = {}
    for entry in found:
        key = (entry.level, template(entry.text))
        known = kept.get(key)
        if known is None:
            kept[key] = entry
            entry.last_stamp = entry.last_stamp or entry.stamp
        else:
            known.count += 1
            known.last_stamp = entry.stamp or known.last_stamp
            known.last_index = entry.index
            if entry.level not in ("info", "debug") and known.count < 200 and len(known.also) < 4:
                _note_names(known, entry.text)
    return list(kept.values())


def _note_names(known: Entry, text: str) -> None:
    if text == known.text:
        return
    for mine, other in zip(known.text.split(), text.split(), strict=False):
        name = other.strip("\"'`,;:()[]{}<>.")
        if mine != other and name not in known.also and re.match(r"(?=.*[A-Za-z]{2})[\w./:@-]{3,60}$", name) and "=" not in name:
            known.also.append(name)

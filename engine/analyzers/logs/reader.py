"""The lines of a log that matter: entries parsed, stack traces kept whole, repeats counted, and the first line that explains."""

# ruff: noqa: E501 - the shapes of log lines stand on one line each, so that they can be compared
from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from engine.analyzers.common.confidence import ERROR, HINT, LOG, confidence
from engine.analyzers.logs.patterns import PATTERNS, Pattern
from engine.cluster.objects import parse_time
from engine.core.types import Evidence, Finding, ObjectRef

_STAMP = re.compile(r"^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)) ?(.*)$", re.DOTALL)
_LOGFMT = re.compile(r"(?:^|\s)(level|lvl|severity|msg|message|err|error|exception|reason)=(\"(?:[^\"\\]|\\.)*\"|\S+)")
_KLOG = re.compile(r"^([IWEF])\d{4} \d\d:\d\d:\d\d\.\d+\s+\d+ [\w./-]+:\d+\] (.*)$")
_POSTGRES = re.compile(r"^(?:\d{4}-\d\d-\d\d[ T][\d:.,]+ (?:[A-Z]{2,5}|[+-]\d+) )?(?:\[[\d-]+\] )?(?:\S+@\S+ )?(LOG|WARNING|ERROR|FATAL|PANIC|HINT|DETAIL|STATEMENT):\s+(.*)$")  # fmt: skip
_NGINX = re.compile(r"^\d{4}/\d\d/\d\d \d\d:\d\d:\d\d \[(\w+)\] \d+#\d+: (?:\*\d+ )?(.*)$")
_REDIS = re.compile(r"^\d+:[XCSM] \d\d \w{3} \d{4} [\d:.]+ ([.\-*#]) (.*)$")
_ACCESS = re.compile(r"^\S+ - \S+ \[[^\]]+\] \"[A-Z]+ ")
_LEVELLED = re.compile(
    r"^(?:[\[(]?\d{2,4}[-/]\d\d[-/]\d\d[T ]?[\d:.,]*(?:Z|[+-][\d:]+| [A-Z]{3,4})?[\])]?\s+)?(?:[\d:.,]+\s+)?"
    r"[\[(<]?\b(TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|ERR|FATAL|CRITICAL|CRIT|SEVERE|EMERG|ALERT|PANIC)\b[\])>]?:?\s*(.*)$",
    re.IGNORECASE,
)
_JAVA_REST = re.compile(r"^\d+ --- \[[^\]]*\] [^:]*?\s*: (.*)$")
_EXCEPTION = re.compile(
    r"^(?:Exception in thread \"[^\"]*\" |Caused by: |Uncaught |Unhandled \w+:? )*(?:[\w$]+\.)*[A-Z]\w*(?:Error|Exception|Fault|Interrupt|Exit|Timeout)\b(?::|$)"
)
_TRACE_BODY = re.compile(
    r"^(?:\s+at |\s+File \"|\s+\S|\s*\.\.\. \d+ more|Caused by: |Suppressed: |\tat |goroutine \d+ \[|created by |\S+\(.*\)$|$|The above exception|During handling)"
)
_GO_PANIC = re.compile(r"^(?:panic: |fatal error: )")
_BARE_ERROR = re.compile(
    r"^(?:[\w./-]+: )?(?:error|fatal|failed|failure|panic|cannot|could not|unable to|unhandled|uncaught|abort|exec )\b", re.IGNORECASE
)
_STRUCTURED = re.compile(r"^\{|^\d{4}[-/]\d\d|^time=|^\[?(?:INFO|WARN|ERROR|DEBUG)")
_RECOVERED = re.compile(
    r"\b(?:(?:re-?)?connected|ready|recovered|established|succe(?:ss\w*|eded)|accepting|listening|started|healthy)\b", re.IGNORECASE
)
_NOT_RECOVERED = re.compile(r"\b(?:fail\w*|not|no|never|unable|cannot|without|waiting|retry\w*|until|err(?:or)?)\b", re.IGNORECASE)
_TAG = re.compile(r"^\[[\w.:-]{2,40}\] (?!directive)")
_LEVELS = {
    "trace": "debug", "debug": "debug", "info": "info", "notice": "info", "log": "info", "hint": "info", "detail": "info",
    "statement": "info", "warn": "warn", "warning": "warn", "error": "error", "err": "error", "severe": "error", "crit": "fatal",
    "e": "error", "f": "fatal", "w": "warn", "i": "info", "critical": "fatal", "fatal": "fatal", "emerg": "fatal", "alert": "fatal", "panic": "fatal",
}  # fmt: skip
_PINO = {10: "debug", 20: "debug", 30: "info", 40: "warn", 50: "error", 60: "fatal"}
_RANK = {"fatal": 18, "error": 10, "": 4, "warn": 2, "info": -25, "debug": -40}
_MASKS = (
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", re.IGNORECASE), "<id>"),
    (re.compile(r"\b0x[0-9a-f]+\b|\b[0-9a-f]{12,}\b", re.IGNORECASE), "<hex>"),
    (re.compile(r"\d+"), "<n>"),
)
RECENT = timedelta(minutes=3)
_REFUSALS = frozenset({"RedisRefusesWrites", "RedisOutOfMemory", "ReadOnlyDatabase", "StorageWatermark"})
"""What servers answer to every write: once is enough, whatever the level of the line."""
_MOST_LINES = 5000
_MOST_SHAPES = 450
"""Messages of different shapes that are looked at: the first ones, and twice as many of the last."""


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

    @property
    def when(self) -> datetime | None:
        return parse_time(self.last_stamp or self.stamp)


@dataclass(frozen=True, slots=True)
class Story:
    """What a log says of a fault: the entry that explains, the pattern it matches (None: only marked as an error), and how often."""

    entry: Entry
    pattern: Pattern | None = None
    groups: dict[str, str] = field(default_factory=dict)

    @property
    def code(self) -> str:
        return self.pattern.code if self.pattern else "LoggedError"

    @property
    def says(self) -> str:
        """The cause in words, with the values."""
        if self.pattern is None:
            return f"its log says “{short(self.entry.text)}”"
        return self.pattern.say.format_map(_Blank(self.groups))

    @property
    def message(self) -> str:
        """The log's own message, on one line."""
        return short(self.entry.text)

    @property
    def excerpt(self) -> str:
        """The verbatim lines, a long trace cut to its head and the lines around the message."""
        lines = self.entry.lines
        if len(lines) > 12:
            explaining = next((i for i, line in enumerate(lines) if self.entry.text[:60] in line), len(lines) - 1)
            lines = lines[:1] + lines[max(1, explaining - 4) : explaining + 3]
        return "\n".join(lines)

    @property
    def weight(self) -> float:
        if self.pattern is not None and self.pattern.weight >= 60:
            return LOG
        return ERROR if self.pattern is not None or self.entry.level in ("error", "fatal") else HINT


class _Blank(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return ""


def short(text: str, most: int = 180) -> str:
    """A text on one line, at most so many characters."""
    flat = _TAG.sub("", " ".join(text.split()))
    return flat if len(flat) <= most else flat[: most - 1] + "…"


def unstamped(line: str) -> tuple[str, str]:
    """The kubelet's timestamp ("" where there is none) and the rest of a line."""
    found = _STAMP.match(line)
    return (found[1], found[2]) if found else ("", line)


def entries(lines: Iterable[str]) -> list[Entry]:
    """Parse log lines (with or without kubelet timestamps); stack traces become part of the message they belong to."""
    found: list[Entry] = []
    for index, raw in enumerate(lines):
        stamp, line = unstamped(raw.rstrip("\r\n"))
        last = found[-1] if found else None
        if last is not None and _continues(last, line):
            last.lines.append(line)
            _absorb(last, line)
            continue
        if not line.strip():
            continue
        level, text = _parse(line)
        entry = Entry(level, text, [line], stamp, index=index, last_index=index)
        if line.startswith("Traceback (most recent call last)") or _GO_PANIC.match(line) or _EXCEPTION.match(text):
            entry.trace, entry.level = True, "fatal" if level in ("", "error", "fatal") else level
        found.append(entry)
    return found


def _continues(last: Entry, line: str) -> bool:
    if "validation error" in last.text and len(last.lines) < 40:
        return bool(line) and not _STRUCTURED.match(line)  # the fields that failed stand on the lines below
    if last.level in ("error", "fatal") and (more := _POSTGRES.match(line)) is not None and more[1] in ("DETAIL", "HINT"):
        return True
    if last.trace:
        if last.text.startswith("Traceback") and line and not line[0].isspace():
            return True
        closed = last.lines[0].startswith("Traceback") and not last.text.startswith("Traceback")
        if closed:
            return line.startswith(("The above exception", "During handling"))
        return bool(_TRACE_BODY.match(line)) and not line.startswith("{")
    if line.startswith(("\tat ", "    at ", "Caused by: ")):
        last.trace = True
        return True
    # Node.js prints file:line, the source line and a caret before the error itself
    return last.lines[0].startswith("/") and len(last.lines) < 6 and not _parse(line)[0] and not line.startswith("{")


def _absorb(entry: Entry, line: str) -> None:
    if "validation error" in entry.text:
        entry.text += f" {line.strip()}"
        return
    if (more := _POSTGRES.match(line)) is not None and more[1] in ("DETAIL", "HINT"):
        entry.text += f" {more[2]}"
    elif entry.text.startswith("Traceback") and line and not line[0].isspace():
        entry.text = line
    elif line.startswith("Caused by: "):
        entry.text = line.removeprefix("Caused by: ")
        entry.level = "fatal" if entry.level == "" else entry.level
    elif not entry.trace and _EXCEPTION.match(line):
        entry.text, entry.trace, entry.level = line, True, "fatal"


def _parse(line: str) -> tuple[str, str]:
    """Level ("" where none is told) and message of one line."""
    if line.startswith("{") and line.rstrip().endswith("}"):
        parsed = _parse_json(line)
        if parsed:
            return parsed
    if (klog := _KLOG.match(line)) is not None:
        return {"I": "info", "W": "warn", "E": "error", "F": "fatal"}[klog[1]], klog[2]
    if "level=" in line or "lvl=" in line or "severity=" in line:
        pairs = {k: v[1:-1].replace('\\"', '"') if v[:1] == '"' and len(v) > 1 else v for k, v in _LOGFMT.findall(line)}
        level = _LEVELS.get((pairs.get("level") or pairs.get("lvl") or pairs.get("severity") or "").lower(), "")
        message = pairs.get("msg") or pairs.get("message") or ""
        cause = pairs.get("err") or pairs.get("error") or pairs.get("exception") or pairs.get("reason") or ""
        if (klog := _KLOG.match(line.partition(" level=")[0].partition(" ")[2] or line)) is not None:
            return "error", klog[2]
        if message or cause:
            return level, ": ".join(p for p in (message, cause) if p)
    for shape in (_NGINX, _POSTGRES):
        if (found := shape.match(line)) is not None:
            return _LEVELS.get(found[1].lower(), ""), f"[emerg] {found[2]}" if found[1] == "emerg" else found[2]
    if (found := _REDIS.match(line)) is not None:
        return "warn" if found[1] == "#" else "info", found[2]
    if _ACCESS.match(line):
        return "info", line
    if (found := _LEVELLED.match(line)) is not None:
        rest = _JAVA_REST.match(found[2])
        return _LEVELS.get(found[1].lower(), ""), rest[1] if rest else found[2] or line
    inner = line.partition(" ")[2]
    if (klog := _KLOG.match(inner)) is not None:
        return {"I": "info", "W": "warn", "E": "error", "F": "fatal"}[klog[1]], klog[2]
    return ("error" if _BARE_ERROR.match(line) else ""), line


def _parse_json(line: str) -> tuple[str, str] | None:
    try:
        record = json.loads(line)
    except ValueError:
        return None
    if not isinstance(record, dict):
        return None
    told = _first(record, "level", "severity", "lvl", "levelname", "log.level", "s")
    level = _PINO.get(told, "") if isinstance(told, int) else _LEVELS.get(str(told or "").lower(), "")
    message = _words(_first(record, "msg", "message", "event", "text"))
    cause = _words(_first(record, "err", "error", "exception", "exc_info", "stack_trace", "stack", "reason", "cause"))
    if not cause and isinstance(record.get("attr"), dict):  # MongoDB
        cause = _words(_first(record["attr"], "error", "err"))
    if not message and not cause:
        return None
    return level, ": ".join(p for p in (message, cause) if p)


def _first(record: dict[str, Any], *keys: str) -> Any:
    return next((record[key] for key in keys if record.get(key) not in (None, "")), None)


def _words(value: Any) -> str:
    if isinstance(value, dict):
        return _words(_first(value, "message", "msg", "stack", "type"))
    return str(value) if value is not None else ""


def template(text: str) -> str:
    """A message with its numbers and ids masked, so that repeats are seen as such."""
    for mask, sign in _MASKS:
        text = mask.sub(sign, text)
    return text[:300]


def grouped(found: Sequence[Entry]) -> list[Entry]:
    """One entry a template, in the order of first sight, with its count and the last time."""
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
    return list(kept.values())


def match(entry: Entry) -> tuple[Pattern, dict[str, str]] | None:
    """The pattern that says most about an entry, and the values in it."""
    best: tuple[int, Pattern, dict[str, str]] | None = None
    texts = [entry.text, "\n".join(entry.lines[:1])] if entry.trace else [entry.text]
    for place, text in enumerate(texts):
        lower = text[:2000].lower()
        for pattern in PATTERNS:
            if pattern.gate and not any(word in lower for word in pattern.gate):
                continue
            if best is not None and pattern.weight - place * 3 <= best[0]:
                continue
            hit = pattern.regex.search(text[:2000])
            if hit:
                groups = {k.rstrip("0123456789"): v.strip() for k, v in hit.groupdict().items() if v}
                best = (pattern.weight - place * 3, pattern, groups)
    return (best[1], best[2]) if best else None


def explain(lines: Sequence[str], *, ended: bool, now: datetime | None = None) -> Story | None:
    """The entry that explains the fault, or None where the log says nothing of one.

    `ended`: the container is down, so any line may explain and what it says last counts most. Otherwise only what still goes on
    near the end of the log (or within minutes of `now`) counts, and a single line of an unknown kind does not.
    """
    found = grouped(entries(lines[-_MOST_LINES:]))
    if not found:
        return None
    end = max((e.last_index for e in found), default=0)
    if len(found) > _MOST_SHAPES:
        found = found[: _MOST_SHAPES // 3] + found[-(_MOST_SHAPES * 2 // 3) :]
    newest = max((e.when for e in found if e.when), default=None)
    well = (e for e in found if e.level == "info" and _RECOVERED.search(e.text) and not _NOT_RECOVERED.search(e.text))
    recovered = max((e.last_index for e in well), default=-1)
    best: tuple[float, Story] | None = None
    for entry in found:
        hit = match(entry) if entry.level not in ("debug",) else None
        if not ended and (entry.last_index < recovered or not _still(entry, newest, end, now)):
            continue
        if hit is None:
            if entry.level not in ("error", "fatal"):
                continue
            if not ended and entry.count < 3:
                continue
            score = 30.0 + _RANK[entry.level]
            story = Story(entry)
        else:
            pattern, groups = hit
            if entry.level in ("info", "debug") and pattern.code not in ("Waiting", "Forbidden"):
                continue
            if not ended and entry.count < 2 and entry.level not in ("error", "fatal") and pattern.code not in _REFUSALS:
                continue
            score = pattern.weight + _RANK[entry.level] * 0.8
            story = Story(entry, pattern, groups)
        if ended and entry.last_index >= end - 12:
            score += 4
        if entry.trace:
            score += 3
        if best is None or score > best[0]:
            best = (score, story)
    if best is None and ended and len(found) <= 3:
        last = found[-1]
        if last.level == "":
            return Story(last)
    return best[1] if best else None


def _still(entry: Entry, newest: datetime | None, end: int, now: datetime | None) -> bool:
    """Whether a message still comes: seen within minutes (or three of its own intervals) of now or of the log's end."""
    seen, first = entry.when, parse_time(entry.stamp)
    if entry.count == 1:
        return entry.last_index >= end
    if seen is None or first is None or newest is None:
        return entry.last_index >= end * 0.8
    patience = max(RECENT, 3 * (seen - first) / (entry.count - 1))
    if now is not None and now - newest > patience:
        return entry.last_index >= end  # the log itself fell silent: what it said last counts
    return (now or newest) - seen <= patience


def analyze_text(text: str) -> list[Finding]:
    """What a log text alone says, the most telling first: one finding a kind of fault, with the lines as evidence."""
    found = grouped(entries(text.splitlines()))
    stories: dict[str, tuple[float, Story]] = {}
    for entry in found:
        hit = match(entry)
        if hit is None:
            if entry.level in ("error", "fatal"):
                score = 30.0 + _RANK[entry.level]
                key = f"LoggedError/{template(entry.text)}"
                stories.setdefault(key, (score, Story(entry)))
            continue
        pattern, groups = hit
        if entry.level in ("info", "debug") and pattern.weight < 90:
            continue
        key = f"{pattern.code}/{groups.get('name') or groups.get('host') or groups.get('path') or groups.get('value') or ''}"
        score = pattern.weight + _RANK[entry.level] * 0.5
        if key not in stories:
            stories[key] = (score, Story(entry, pattern, groups))
        else:
            stories[key][1].entry.count += entry.count
    ranked = sorted(stories.values(), key=lambda pair: (-pair[0], pair[1].entry.index))[:20]
    findings = []
    for score, story in ranked:
        times = f", {story.entry.count} times" if story.entry.count > 1 else ""
        quoted = "" if story.pattern is None else f" (“{story.message}”{times})"
        findings.append(
            Finding(
                code=story.code,
                severity="critical" if score >= 85 else "warning",
                object=ObjectRef("Log", "", ""),
                summary=f"{story.says[0].upper()}{story.says[1:]}{quoted}",
                evidence=(Evidence(f"log line {story.entry.index + 1}", story.excerpt[:700], at=story.entry.stamp),),
                confidence=confidence([story.weight]),
                docs=story.pattern.docs if story.pattern else (),
                detail=story.groups.get("name") or story.groups.get("host") or str(story.entry.index + 1),
            )
        )
    return findings

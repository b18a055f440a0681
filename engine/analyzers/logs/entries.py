"""From log lines to entries: level and message of every common format, stack traces kept whole, repeats folded with their count."""

# ruff: noqa: E501 - the shapes of log lines stand on one line each, so that they can be compared
from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from engine.cluster.objects import parse_time

_STAMP = re.compile(r"^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)) ?(.*)$", re.DOTALL)
_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_PODDED = re.compile(r"^\[pod/\S+\] ")
_LOGFMT = re.compile(r"(?:^|\s)(level|lvl|severity|msg|message|err|error|exception|reason)=(\"(?:[^\"\\]|\\.)*\"|\S+)")
_NAMED_CAUSE = re.compile(r"[\s,](?:error|err|exception)=(\"(?:[^\"\\]|\\.)*\"|[^\n]+?(?=\s+[\w.]+=|$))")
_KLOG = re.compile(r"^([IWEF])\d{4} \d\d:\d\d:\d\d\.\d+\s+\d+ [\w./-]+:\d+\] (.*)$", re.DOTALL)
_QUOTED_START = re.compile(r'^"((?:[^"\\]|\\.)*)"(?=\s|$)')
_POSTGRES = re.compile(r"^(?:\d{4}-\d\d-\d\d[ T][\d:.,]+ (?:[A-Z]{2,5}|[+-]\d+) )?(?:\[[\d-]+\] )?(?:\S+@\S+ )?(LOG|WARNING|ERROR|FATAL|PANIC|HINT|DETAIL|STATEMENT|CONTEXT):\s+(.*)$")  # fmt: skip
_NGINX = re.compile(r"^\d{4}/\d\d/\d\d \d\d:\d\d:\d\d \[(\w+)\] \d+#\d+: (?:\*\d+ )?(.*)$")
_REDIS = re.compile(r"^\d+:[XCSM] \d\d \w{3} \d{4} [\d:.]+ ([.\-*#]) (.*)$")
_ACCESS = re.compile(r"^\S+ - +\S+ \[[^\]]+\] \"[A-Z]+ |^\S+ -  \d\d/\w{3}/\d{4}:")
_CEPH = re.compile(r"^(?:debug )?\d{4}-\d\d-\d\dT[\d:.+]+ [0-9a-f]{8,16} {1,2}(-?\d+) (.*)$")
_LEVEL = r"TRACE|DEBUG|DBG|INFORMATION|INFO|INF|NOTICE|NOTE|SYSTEM|WARN|WARNING|WRN|ERROR|ERR|FAIL|FATAL|FTL|CRITICAL|CRIT|SEVERE|EMERG|ALERT|PANIC"
_HEAD = re.compile(
    rf"""\s*(?:
      (?P<time>[\[(]?(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)\w*,?\s+)?(?:
          \d{{2,4}}[-/.](?:\d\d|[A-Z][a-z]{{2}})[-/.]\d{{2,4}}[T :_]?(?:\d\d:\d\d:\d\d[\d.,:]*)?(?:\s?(?:Z|[+-]\d\d:?\d\d|UTC|GMT|[A-Z]{{3,4}}\b))?
        | [A-Z][a-z]{{2}}\s+\d{{1,2}}\s+\d\d:\d\d:\d\d[\d.,]*(?:\s\d{{4}})?
        | \d\d:\d\d:\d\d[\d.,]*(?:\s[AP]M)?
        | \d\d?/\d\d?/\d{{4}},\s\d\d?:\d\d:\d\d(?:\s[AP]M)? | \d\d-\d\d\s\d\d:\d\d:\d\d[\d.,]*
        | \d{{9,13}}(?:\.\d+)?
        | \d+\.\d+s)(?:\s*[\])])?)(?=[\s|,\]\[-]|$)
    | [\[(<]?\s*(?P<level>{_LEVEL})\d?(?:/\w+)?\s*[\])>]?(?=[\s:|\]\[,]|$):?
    | \{{[^{{}}"'\n]{{0,60}}\}} | (?:pid|tid|jid|class|elapsed|thread)=\S+ | [\w.-]{{2,30}}\s*\|(?=\s)
    | \[[^\]\n]{{0,100}}\](?::(?=\s))? | \(\#?[\w.-]{{1,60}}\)(?:\s*:(?=\s))? | <[\d.]{{1,30}}>
    | \#?\d{{1,7}}(?=\s) | -{{1,3}}(?=\s) | \|(?=\s) | :(?=\s) | ==>(?=\s)
    )""",
    re.VERBOSE | re.IGNORECASE,
)
"""One piece of what stands before a message: a time, a level, a thread or component in brackets, a process number, a separator."""
_SYSLOG_NAME = re.compile(r"\s*(?:[\w.-]+\s+)?[\w./-]+\[\d+\]:\s")
_PROGRAM_FIRST = re.compile(r"^[\w.-]{2,30}(?=\s+(?:\[?\d{2}:\d{2}:\d{2}|\|))")
_RUBY = re.compile(r"^[DIWEF], \[[^\]]+\]\s+(\w+) -- [^:]*: (.*)$")
_LOGGER = re.compile(
    r"\s*(?:\[[^\]\n]{0,100}\]\s*|\([\w .:#-]{1,60}\)\s+|(?:[\w$-]+[.:/])+[\w$\[\]-]+(?:\.java:\d+)?(?:\s+\[[^\]]*\])?\s+-\s+|(?:[\w$-]+\.)+[\w$-]*\s+:\s|\S+\.(?:java|go|rs|py|cc|cpp|c|ex):\d+(?:\s+-|:)?\s+|[\w./-]{2,60}\t)"
)
_JAVA_REST = re.compile(r"^\d+ --- (?:\[[^\]]*\] ?)+[^:]*?\s*: (.*)$")
_EXCEPTION = re.compile(
    r"^(?:Exception in thread \"[^\"]*\" |Caused by: |Uncaught |Unhandled [Ee]xception[.:]? |Unhandled \w+:? |\[?Error \[|Fatal error: )*(?:[\w$]+(?:\.|::))*[A-Z]\w*(?:Error|Exception|Fault|Interrupt|Exit|Timeout)\b(?::|$| \(| \[)"
)
_TRACE_BODY = re.compile(
    r"^(?:\s+at |\s+File \"|\s+\S|\s*\.\.\. \d+ more|Caused by: |Suppressed: |\tat |goroutine \d+ \[|created by |\S+\(.*\)$|$|The above exception|During handling|at \S+\(|from \S+:\d+)"
)
_FRAME = re.compile(
    r"\s*(?:at \S|File \"|from \S+:\d+|\.\.\. \d+ |\S+\.(?:go|rs|py|js|ts|rb|java|ex|erl):\d+|[\w./*()\[\]-]+\(.*\)$|goroutine \d+)"
)
_GO_PANIC = re.compile(r"^(?:panic: |fatal error: |thread '[^']*' (?:\(\d+\) )?panicked at )")
_FAILS_FIRST = re.compile(
    r"^(?:[\w./-]+: )?(?:error|fatal|failed|failure|panic|cannot|can['’]?t|could not|couldn['’]t|unable to|unhandled|uncaught|abort|exec |process terminated|you must )\b",
    re.IGNORECASE,
)
_RELAYED = re.compile(r"^(?:[\w .-]{1,30}: )?(?:PHP )?(?:Fatal error|Parse error|ERROR|FATAL|CRITICAL|panic): ")
"""A fault that a program tells in its own line at a lower level, as PHP-FPM does for its workers."""
_STRUCTURED = re.compile(r"^\{|^\d{4}[-/]\d\d|^time=|^\[?(?:INFO|WARN|ERROR|DEBUG)")
_LEVELS = {
    "trace": "debug", "debug": "debug", "dbg": "debug", "info": "info", "inf": "info", "notice": "info", "note": "info", "system": "info", "log": "info", "hint": "info",
    "detail": "info", "statement": "info", "context": "info", "information": "info", "warn": "warn", "warning": "warn", "wrn": "warn", "error": "error", "err": "error", "fail": "error",
    "severe": "error", "crit": "fatal", "e": "error", "f": "fatal", "w": "warn", "i": "info", "critical": "fatal", "fatal": "fatal",
    "ftl": "fatal", "emerg": "fatal", "alert": "fatal", "panic": "fatal",
}  # fmt: skip
_PINO = {10: "debug", 20: "debug", 30: "info", 40: "warn", 50: "error", 60: "fatal"}
_MASKS = (
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", re.IGNORECASE), "<id>"),
    (re.compile(r"\b0x[0-9a-f]+\b|\b[0-9a-f]{12,}\b", re.IGNORECASE), "<hex>"),
    (re.compile(r"(?<=[\"'])[^\s\"']{1,60}(?=[\"'])"), "<name>"),
    (re.compile(r"\d+"), "<n>"),
)
_OPEN_END = re.compile(r"^$|:$|^[\w.]+\[\d+\]$")
_MOST_JOINED = 60
_CAUSE_KEYS = ("err", "error", "error.message", "exception", "exc_info", "stack_trace", "stacktrace", "error.stack_trace", "stack", "reason", "cause")  # fmt: skip


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
            parsed = _parse_json("\n".join(open_json)) if line.rstrip().endswith("}") else None
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
        level, text = _parse(line)
        entry = Entry(level, text, [line], stamp, index=index, last_index=index)
        if line.startswith('{"') and not line.rstrip().endswith("}") and len(line) > 40:
            open_json = [line]
        if text.startswith("Traceback (most recent call last)") or _GO_PANIC.match(text) or _EXCEPTION.match(text):
            entry.trace, entry.level = True, "fatal" if level in ("", "error", "fatal") else level
        found.append(entry)
    return found


def _continues(last: Entry, line: str) -> bool:
    if "validation error" in last.text and len(last.lines) < 40:
        return bool(line) and not _STRUCTURED.match(line)  # the fields that failed stand on the lines below
    if last.level in ("error", "fatal") and (more := _POSTGRES.match(line)) is not None and more[1] in ("DETAIL", "HINT"):
        return True
    if last.lines[0] == "Description:" and len(last.lines) < 20:  # Spring Boot's report of a start that failed
        return not line.startswith("Action:")
    if _open_ended(last) and len(last.lines) < 8 and not _parse(line)[0] and not _dated(line):
        return True
    if last.trace:
        if last.text.startswith("Traceback") and line and not line[0].isspace():
            return True
        closed = last.lines[0].partition("Traceback (")[1] and not last.text.startswith("Traceback")
        if closed:
            return not line or line.startswith(("The above exception", "During handling", "LINE ", "DETAIL:", "    ", "Traceback ("))
        return bool(_TRACE_BODY.match(line)) and not line.startswith("{")
    if line.startswith(("\tat ", "    at ", "   at ", "Caused by: ", "\tfrom ")):
        last.trace = True
        return True
    if last.level in ("error", "fatal", "warn") and line and _EXCEPTION.match(line):
        return True
    # Node.js prints file:line, the source line and a caret before the error itself
    return last.lines[0].startswith("/") and len(last.lines) < 6 and not _parse(line)[0] and not line.startswith("{")


def _open_ended(entry: Entry) -> bool:
    """Whether a message of a fault goes on below: it is empty, or ends with a colon or as .NET's category does."""
    if entry.trace:
        return entry.text.endswith(":") and _GO_PANIC.match(entry.text) is not None
    return entry.level in ("error", "fatal", "warn") and bool(_OPEN_END.search(entry.text))


def _dated(line: str) -> bool:
    return line[:1] in "[{0123456789" and (found := _HEAD.match(line)) is not None and bool(found["time"])


def _absorb(entry: Entry, line: str) -> None:
    if "validation error" in entry.text:
        entry.text += f" {line.strip()}"
    elif entry.lines[0] == "Description:":
        entry.text, entry.level = f"{entry.text} {line.strip()}".removeprefix("Description: ").strip(), "fatal"
    elif (more := _POSTGRES.match(line)) is not None and more[1] in ("DETAIL", "HINT"):
        entry.text += f" {more[2]}"
    elif entry.trace and line.startswith("Traceback ("):
        entry.text = line  # the exception that was raised while the one before was handled, or from it
    elif entry.text.startswith("Traceback") and line and not line[0].isspace():
        before = next((kept for kept in reversed(entry.lines[:-1]) if _EXCEPTION.match(kept)), "")
        entry.text = _inner(before, line) if "The above exception" in "\n".join(entry.lines) else line
    elif line.startswith("Caused by: "):
        entry.text = line.removeprefix("Caused by: ")
        entry.level = "fatal" if entry.level == "" else entry.level
    elif not entry.trace and _EXCEPTION.match(line):
        entry.text, entry.trace, entry.level = line, True, "fatal" if entry.level != "error" else "error"
    elif (
        entry.trace
        and line[:1].isspace()
        and line.strip()
        and not _FRAME.match(line)
        and entry.text.endswith(entry.lines[-2].strip()[-60:])
    ):
        entry.text += f" {line.strip()}"  # the exception's own message goes on before its frames
    elif _open_ended(entry) and line.strip():
        entry.text = f"{entry.text}\n{line.strip()}" if entry.text.endswith(":") else line.strip()


def _inner(cause: str, effect: str) -> str:
    """The exception that explains: the one an other was raised from, unless that one repeats it."""
    return effect if not cause or cause.partition(": ")[2][:60] in effect else cause


def _parse(line: str) -> tuple[str, str]:
    """Level ("" where none is told) and message of one line."""
    if line.startswith("{") and line.rstrip().endswith("}"):
        parsed = _parse_json(line)
        if parsed:
            return parsed
    if (klog := _KLOG.match(line)) is not None:
        return _klog(klog)
    if "level=" in line or "lvl=" in line or "severity=" in line:
        pairs = {k: _unquoted(v) for k, v in _LOGFMT.findall(line)}
        level = _LEVELS.get((pairs.get("level") or pairs.get("lvl") or pairs.get("severity") or "").lower(), "")
        message = pairs.get("msg") or pairs.get("message") or ""
        cause = pairs.get("err") or pairs.get("error") or pairs.get("exception") or pairs.get("reason") or ""
        if (klog := _KLOG.match(line.partition(" level=")[0].partition(" ")[2] or line)) is not None:
            return "error", klog[2]
        if message or cause:
            return level, _with_cause(message, cause)
        if level:
            return level, line
    for form in (_NGINX, _POSTGRES, _RUBY):
        if (found := form.match(line)) is not None:
            if form is _NGINX and "(2: No such file or directory), client: " in line:
                return "info", found[2]  # a client asked for a file that is not there: the access log's 404
            return _LEVELS.get(found[1].lower(), ""), f"[emerg] {found[2]}" if found[1] == "emerg" else found[2]
    if (found := _REDIS.match(line)) is not None:
        return "warn" if found[1] == "#" else "info", found[2]
    if (found := _CEPH.match(line)) is not None:
        return "error" if found[1] == "-1" else "info", found[2]
    if _ACCESS.match(line):
        return "info", line
    return _headed(line)


def _klog(found: re.Match[str]) -> tuple[str, str]:
    level, text = {"I": "info", "W": "warn", "E": "error", "F": "fatal"}[found[1]], found[2]
    if (message := _QUOTED_START.match(text)) is not None:
        cause = _NAMED_CAUSE.search(text, message.end())
        rest = text if cause is None else ""
        text = _with_cause(_unquoted(message[0]), _unquoted(cause[1])) if cause is not None else rest
    return level, text


def _headed(line: str) -> tuple[str, str]:
    """Level and message of a line whose message stands behind times, brackets and names."""
    if _GO_PANIC.match(line):
        return "fatal", line
    at, level, dated = 0, "", False
    if (program := _PROGRAM_FIRST.match(line)) is not None:
        at = program.end()
    for _ in range(14):
        found = _HEAD.match(line, at)
        if found is None or found.end() == at:
            if dated and not level and (name := _SYSLOG_NAME.match(line, at)) is not None:
                at = name.end()
                if (klog := _KLOG.match(line[at:])) is not None:
                    return _klog(klog)
                continue
            break
        if found["level"] and level:
            break
        if found["level"]:
            word = found["level"]
            if not dated and word.islower() and not re.match(r"[\])>:]|\s*:", line[at + found.end("level") - at :][:1] or ":"):
                break  # a sentence that begins with such a word
            level = _LEVELS[word.lower()]
        dated = dated or bool(found["time"])
        at = found.end()
        if level and (rest := _JAVA_REST.match(line[at:].lstrip())) is not None:
            return level, rest[1]
    text = line[at:].strip()
    while level and (logger := _LOGGER.match(text)) is not None and logger.end() < len(text):
        text = text[logger.end() :]
    if not dated and not level:
        text = line.strip()
    if (klog := _KLOG.match(text)) is not None:
        return _klog(klog)
    if level and text.endswith("}") and "{" in text:
        text = _trailing_json(text)
    elif level and (cause := _NAMED_CAUSE.search(text)) is not None:
        before = re.split(r"\s+[\w.-]+=", text, maxsplit=1)[0].rstrip(" :,")
        text = _with_cause(before, _unquoted(cause[1]))
    if (not level and _FAILS_FIRST.match(text)) or (level == "info" and _RELAYED.match(text)):
        level = "error"
    return level, text or line.strip() if not level else text


def _trailing_json(text: str) -> str:
    """A message with the error of the JSON fields behind it, as zap's console writes them."""
    at = text.find("{")
    try:
        fields = json.loads(text[at:])
    except ValueError:
        return text
    if not isinstance(fields, dict):
        return text
    return _with_cause(" ".join(text[:at].replace("\t", " ").split()), _words(_first(fields, *_CAUSE_KEYS)))


def _unquoted(text: str) -> str:
    if text[:1] == '"' and len(text) > 1:
        return text[1:-1].replace('\\"', '"').replace("\\n", "\n").replace("\\t", "\t")
    return text


def _with_cause(message: str, cause: str) -> str:
    if cause and cause in message:
        return message
    return ": ".join(part for part in (message, innermost(cause)) if part)


def innermost(text: str) -> str:
    """The exception of a stack trace that explains it: the last one it was caused by; a text without a trace stays as it is."""
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) < 2:
        return text.strip()
    caused = [line.strip().partition("Caused by: ")[2] for line in lines if "Caused by: " in line]
    if caused:
        return caused[-1]
    if any(line.startswith("Traceback (") for line in lines):
        return lines[-1].strip()
    told = [line.strip() for line in lines if not _FRAME.match(line)]
    if len(told) < len(lines):
        return told[0] if told else lines[0].strip()
    return " ".join(line for line in told if not re.fullmatch(r"\d+ errors? occurred:", line))


def _parse_json(line: str) -> tuple[str, str] | None:
    try:
        record = json.loads(line)
    except ValueError:
        return None
    if not isinstance(record, dict):
        return None
    told = _first(record, "level", "severity", "lvl", "levelname", "log.level", "s", "@l", "Level", "LogLevel")
    if isinstance(told, dict):
        told = _first(told, "level", "name")
    level = _PINO.get(told, "") if isinstance(told, int) else _LEVELS.get(str(told or "").lower(), "")
    message = _words(_first(record, "msg", "message", "event", "text", "@m", "@mt", "Message", "MESSAGE", "log"))
    cause = _words(_first(record, *_CAUSE_KEYS, "Exception", "@x"))
    if re.fullmatch(r"(?:exit status|exit code|signal)\W.*", cause) and (output := _words(_first(record, "stderr", "output", "stdout"))):
        cause = output
    if not cause and isinstance(record.get("attr"), dict):  # MongoDB
        cause = _words(_first(record["attr"], "error", "err"))
    if not message and not cause:
        return None
    return level, _with_cause(message.replace("\\n", "\n"), cause)


def _first(record: dict[str, Any], *keys: str) -> Any:
    return next((record[key] for key in keys if record.get(key) not in (None, "", [], {})), None)


def _words(value: Any) -> str:
    if isinstance(value, dict):
        return _words(_first(value, "message", "msg", "errmsg", "stack", "type"))
    if isinstance(value, list):
        return "\n".join(str(part) for part in value)
    return str(value) if value is not None else ""


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

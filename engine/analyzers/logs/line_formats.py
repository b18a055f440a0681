"""From one log line to its level and message: JSON, logfmt, klog, and whatever stands before a message as times, levels and names."""

# ruff: noqa: E501 - the shapes of log lines stand on one line each, so that they can be compared
from __future__ import annotations

import json
import re
from typing import Any

_LOGFMT = re.compile(r"(?:^|\s)(level|lvl|severity|msg|message|err|error|exception|reason)=(\"(?:[^\"\\]|\\.)*\"|\S+)")
_NAMED_CAUSE = re.compile(r"[\s,](?:error|err|exception)=(\".*?(?<!\\)\"(?=\s+[\w.-]+=|\s*$)|\"(?:[^\"\\]|\\.)*\"|[^\n]+?(?=\s+[\w.]+=|$))")
_KLOG = re.compile(r"^([IWEF])\d{4} \d\d:\d\d:\d\d\.\d+\s+\d+ [\w./-]+:\d+\] (.*)$", re.DOTALL)
_QUOTED_START = re.compile(r'^"((?:[^"\\]|\\.)*)"(?=\s|$)')
POSTGRES = re.compile(r"^(?:\d{4}-\d\d-\d\d[ T][\d:.,]+ (?:[A-Z]{2,5}|[+-]\d+) )?(?:\[[\d-]+\] )?(?:\S+@\S+ )?(LOG|WARNING|ERROR|FATAL|PANIC|HINT|DETAIL|STATEMENT|CONTEXT):\s+(.*)$")  # fmt: skip
_NGINX = re.compile(r"^\d{4}/\d\d/\d\d \d\d:\d\d:\d\d \[(\w+)\] \d+#\d+: (?:\*\d+ )?(.*)$")
_REDIS = re.compile(r"^\d+:[XCSM] \d\d \w{3} \d{4} [\d:.]+ ([.\-*#]) (.*)$")
_ACCESS = re.compile(r"^\S+ - +\S+ \[[^\]]+\] \"[A-Z]+ |^\S+ -  \d\d/\w{3}/\d{4}:")
_CEPH = re.compile(r"^(?:debug )?\d{4}-\d\d-\d\dT[\d:.+]+ [0-9a-f]{8,16} {1,2}(-?\d+) (.*)$")
_LEVEL = r"TRACE|DEBUG|DBG|INFORMATION|INFO|INF|NOTICE|NOTE|SYSTEM|WARN|WARNING|WRN|ERROR|ERR|FAIL|FATAL|FTL|CRITICAL|CRIT|SEVERE|EMERG|ALERT|PANIC"
_HEAD = re.compile(
    rf"""\s*(?:
      (?P<time>[\[(]?(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)\w*,?\s+)?(?:
          \d\d?/\d\d?/\d{{4}},\s\d\d?:\d\d:\d\d(?:\s[AP]M)?
        | \d{{2,4}}[-/.](?:\d\d|[A-Z][a-z]{{2}})[-/.]\d{{2,4}}[T :_]?\s?(?:\d\d?:\d\d:\d\d[\d.,:]*)?(?:\s?(?:Z|[+-]\d\d:?\d\d|UTC|GMT|(?!(?:{_LEVEL})\b)[A-Z]{{3,4}}\b))?
        | [A-Z][a-z]{{2}}\s+\d{{1,2}}\s+\d\d:\d\d:\d\d[\d.,]*(?:\s\d{{4}})?
        | \d\d?:\d\d:\d\d[\d.,]*(?:\s[AP]M|Z|[+-]\d\d:?\d\d)?
        | \d\d-\d\d\s\d\d:\d\d:\d\d[\d.,]*
        | \d{{9,13}}(?:\.\d+)?
        | \d+\.\d+s)(?:\s*[\])])?)(?=[\s|,\]\[-]|$)
    | (?:\[[\w-]+:|[\[(<]?\s*)(?P<level>{_LEVEL})\d?(?:/\w+)?\s*[\])>]?(?=[\s:|\]\[,]|$):?
    | (?P<letter>[DIWEF])(?=\s\|\s)
    | \{{[^{{}}"'\n]{{0,60}}\}} | (?:pid|tid|jid|class|elapsed|thread)=\S+ | [\w.-]{{2,30}}\s*\|(?=\s)
    | \[[^\]\n]{{0,100}}\](?::(?=\s))? | \(\#?[\w.-]{{1,60}}\)(?:\s*:(?=\s))? | <[\d.]{{1,30}}>
    | \#?\d{{1,7}}(?=\s) | -{{1,3}}(?=\s) | \|(?=\s) | :(?=\s) | ==>(?=\s)
    )""",
    re.VERBOSE | re.IGNORECASE,
)
"""One piece of what stands before a message: a time, a level, a thread or component in brackets, a process number, a separator."""
_SYSLOG_NAME = re.compile(r"\s*(?:[\w.-]+\s+)?[\w./-]+\[\d+\]:\s")
_PROGRAM_FIRST = re.compile(r"^(?=[\d.-]*[A-Za-z])[\w.-]{2,30}(?=\s+(?:\[?\d{2}:\d{2}:\d{2}|\|))")
_RUBY = re.compile(r"^[DIWEF], \[[^\]]+\]\s+(\w+) -- [^:]*: (.*)$")
_LOGGER = re.compile(
    r"\s*(?:\[[^\]\n]{0,100}\]\s*|\([\w .:#-]{1,60}\)\s+|(?:[\w$-]+[.:/])+[\w$\[\]-]+(?:\.java:\d+)?(?:\s+\[[^\]]*\])?\s+-\s+|(?:[\w$-]+\.)+[\w$-]*\s+:\s|\S+\.(?:java|go|rs|py|cc|cpp|c|ex):\d+(?:\s+-|:)?\s+|[\w./-]{2,60}\t)"
)
_JAVA_REST = re.compile(r"^\d+ --- (?:\[[^\]]*\] ?)+[^:]*?\s*: (.*)$")
FRAME = re.compile(
    r"\s*(?:at \S|File \"|from \S+:\d+|\.\.\. \d+ |\S+\.(?:go|rs|py|js|ts|rb|java|ex|erl):\d+|[\w./*()\[\]-]+\(.*\)$|goroutine \d+)"
)
GO_PANIC = re.compile(r"^(?:panic: |fatal error: |thread '[^']*' (?:\(\d+\) )?panicked at )")
_FAILS_FIRST = re.compile(
    r"^(?:[\w./-]+: )?(?:error|fatal|failed|failure|panic|cannot|can['’]?t|could not|couldn['’]t|unable to|unhandled|uncaught|abort|exec |process terminated|you must )\b",
    re.IGNORECASE,
)
_RELAYED = re.compile(r"^(?:[\w .-]{1,30}: )?(?:PHP )?(?:Fatal error|Parse error|ERROR|FATAL|CRITICAL|panic): ")
"""A fault that a program tells in its own line at a lower level, as PHP-FPM does for its workers."""
_LEVELS = {
    "trace": "debug", "debug": "debug", "dbg": "debug", "info": "info", "inf": "info", "notice": "info", "note": "info", "system": "info", "log": "info", "hint": "info",
    "detail": "info", "statement": "info", "context": "info", "information": "info", "warn": "warn", "warning": "warn", "wrn": "warn", "error": "error", "err": "error", "fail": "error",
    "severe": "error", "crit": "fatal", "e": "error", "d": "debug", "f": "fatal", "w": "warn", "i": "info", "critical": "fatal", "fatal": "fatal",
    "ftl": "fatal", "emerg": "fatal", "alert": "fatal", "panic": "fatal",
}  # fmt: skip
_PINO = {10: "debug", 20: "debug", 30: "info", 40: "warn", 50: "error", 60: "fatal"}
_CAUSE_KEYS = ("err", "error", "error.message", "exception", "exc_info", "stack_trace", "stacktrace", "error.stack_trace", "stack", "reason", "cause")  # fmt: skip


def begins_with_time(line: str) -> bool:
    """Whether a line begins with a time, as a message of its own does."""
    return line[:1] in "[{0123456789" and (found := _HEAD.match(line)) is not None and bool(found["time"])


def parse_line(line: str) -> tuple[str, str]:
    """Level ("" where none is told) and message of one line."""
    if line.startswith("{") and line.rstrip().endswith("}"):
        parsed = json_line(line)
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
            return ("debug" if level == "info" else level), line  # fields without a message
    for form in (_NGINX, POSTGRES, _RUBY):
        if (found := form.match(line)) is not None:
            if form is _NGINX and "(2: No such file or directory), client: " in line:
                return "debug", found[2]  # a client asked for a file that is not there: the access log's 404
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
        level = "warn" if cause is not None and level == "info" else level  # what names its error is no mere information
    return level, text


def _headed(line: str) -> tuple[str, str]:
    """Level and message of a line whose message stands behind times, brackets and names."""
    if GO_PANIC.match(line):
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
            if not dated and not word.isupper() and line[found.end("level") : found.end("level") + 1] not in tuple("])>:|[\t"):
                break  # a sentence that begins with such a word
            level = _LEVELS[word.lower()]
        level = level or _LEVELS.get((found["letter"] or "").lower(), "")
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
    told = [line.strip() for line in lines if not FRAME.match(line)]
    if len(told) < len(lines):
        return told[0] if told else lines[0].strip()
    return " ".join(line for line in told if not re.fullmatch(r"\d+ errors? occurred:", line))


def json_line(line: str) -> tuple[str, str] | None:
    """Level and message of a line that is a JSON object; None where it is none, or has no message."""
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
    if level == "info" and _first(record, *_CAUSE_KEYS[:-2]):
        level = "warn"  # what names its error is no mere information
    return level, _with_cause(message.replace("\\n", "\n"), cause)


def _first(record: dict[str, Any], *keys: str) -> Any:
    return next((record[key] for key in keys if record.get(key) not in (None, "", [], {})), None)


def _words(value: Any) -> str:
    if isinstance(value, dict):
        return _words(_first(value, "message", "msg", "errmsg", "stack", "type"))
    if isinstance(value, list):
        return "\n".join(str(part) for part in value)
    return str(value) if value is not None else ""

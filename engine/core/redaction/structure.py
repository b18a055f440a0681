"""Secrets recognised by where they stand: Secret manifests, env lists, docker and kube configs, private keys, line by line.

YAML and indented JSON share one reader, since both show their structure by indentation. kubectl prints `data` before `kind`,
so a `data` block of unknown kind is held back until the kind is known.
"""

from __future__ import annotations

import base64
import binascii
import itertools
import json
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from engine.core.redaction.patterns import OPTION_ALONE, Mark, no_secret, random_word, redact_line, sensitive_header, sensitive_name
from engine.core.redaction.triggers import may_be_env_value, may_hold_secret

HOLD_LINES = 50_000
HOLD_BYTES = 2_000_000
DEEP = 64
"""The indentation from which on data of unknown kind are taken for a Secret's."""

_KEY = re.compile(
    r"^(?P<indent>\s*)(?P<dash>(?:- )*)(?P<quote>[\"']?)(?P<key>[\w./-]+)(?P=quote)\s*:(?P<gap>\s*)(?P<value>.*?)(?P<tail>,?)\s*$"
)
_SECRET_INLINE = re.compile(r"kind\\*[\"']?\s*:\s*\\*[\"']?Secret\b")
_DATA_INLINE = re.compile(r"(?P<q>\\*[\"']?)(?:data|stringData)(?P=q)\s*:\s*\{")
_PAIR_JSON = re.compile(r"\s*(?P<q>\\*\")(?P<key>[\w./-]+)(?P=q)\s*:\s*(?P=q)(?P<value>.*?)(?<!\\)(?P=q)\s*(?P<comma>,?)")
_PAIR_FLOW = re.compile(r"\s*(?P<key>[\w./-]+)\s*:\s*(?P<value>\"[^\"]*\"|'[^']*'|[^,{}]+?)\s*(?P<comma>,|(?=\}))")
_ENV_INLINE = re.compile(
    r"((?P<q>\\*\")(?i:name|key)(?P=q)\s*:\s*(?P=q)(?P<name>[\w.-]+)(?P=q)\s*,\s*(?P=q)(?i:value|val)(?P=q)\s*:\s*(?P=q))(?P<value>.*?)(?<!\\)(?P=q)"
)
_PAIR_WORDS = re.compile(r"(?i:name|key)\\*\"\s*:.*(?i:val)|(?i:val|value)\\*\"\s*:.*(?i:name|key)")
_NAME_KEYS = ("name", "key")
_VALUE_KEYS = ("value", "val")
MAX_EMBEDDED = 1_000_000
_JWT_CUT = re.compile(r"eyJ[\w.=-]{30,}\\?\s*$")
_WRAPPED = re.compile(r"[\s>|]*[\w.=-]{4,}\\?\s*")
_ANNOUNCED = re.compile(r"(?i)\b(?:password|passphrase|passwort|secret|token|api key|access key|private key)(?: is)?\s*:$")
_DESCRIBED_KEY = re.compile(r"[\w.-]+:\s*$|BinaryData$|Events:")
_SCALAR = re.compile(r"^\s*(?P<dash>(?:- )*)\s*(?P<q>[\"']?)(?P<value>[^\s\"'{}\[\],](?:[^\"'{}\[\]]*?[^\s\"'{}\[\],:])?)(?P=q),?\s*$")
_AUTH_INLINE = re.compile(r"((?P<q>\\*\")(?:auth|identitytoken|registrytoken)(?P=q)\s*:\s*(?P=q))(?P<value>[A-Za-z0-9+/=_.-]{8,})(?P=q)")
_GET_SECRET = re.compile(
    r"\b(?:kubectl|oc|k)\b.*\bget\b.*\bsecrets?\b.*"
    r"(?:-o|--output|--template)[ =]?(?:jsonpath|go-template|template|custom-columns|\{|['\"]?\{)"
)
_BEGIN_KEY = re.compile(r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----|(?<!-----END )(?:[A-Z]+ )?PRIVATE KEY-----$")
_END_KEY = re.compile(r"-----END (?:[A-Z0-9]+ )*PRIVATE KEY")
_BEGIN_OTHER = re.compile(r"-----BEGIN (?!.*PRIVATE KEY)")
_END_OTHER = re.compile(r"-----END (?!.*PRIVATE KEY)")
_BASE64_LINE = re.compile(r"^(?P<head>[ \t|>]*)(?P<body>[A-Za-z0-9+/]{16,}={0,2})(?P<tail>[ \t]*)$")
# Inside a key: also behind a prefix (time stamps of logs), and a short last line that is no plain word.
_KEY_LINE = re.compile(r"^(?P<head>(?:.*\s|[|>])?)(?P<body>[A-Za-z0-9+/]{16,}={0,2}|(?=\S*[A-Z0-9+/=])[A-Za-z0-9+/]+={0,2})\s*$")
# A line that a diff added or took away: the mark stands where a space would. `- ` in front of a word is an item of a list instead.
_DIFF_LINE = re.compile(r"^(?:\+(?!\+)|-(?=\s{2}|[A-Za-z\"'{}\[\]]))")
_ENV_VALUE_FIRST = re.compile(
    r"(?P<start>(?P<q>\\*\")(?i:value|val)(?P=q)\s*:\s*(?P=q))(?P<value>(?:(?!(?P=q)).)*?)"
    r"(?P<rest>(?P=q)\s*,\s*(?P=q)(?i:name|key)(?P=q)\s*:\s*(?P=q)(?P<name>[\w.-]+)(?P=q))"
)
_KEY_HEADER = re.compile(r"^\s*(?:$|Proc-Type:|DEK-Info:|Version:|Comment:)")


@dataclass(frozen=True, slots=True)
class _Next:
    """What is expected on the next line ("" for nothing), from which indentation on, and the key or option that said so."""

    what: Literal["", "block", "value", "word", "argument", "wrapped", "described"] = ""
    indent: int = 0
    key: str = ""


class StructureReader:
    """Lines in, lines without secrets out; keeps what it must know between lines."""

    def __init__(self, mark: Mark) -> None:
        self._mark = mark
        self._kinds: dict[int, str] = {}
        self._held: list[str] = []
        self._held_bytes = 0
        self._held_indent = -1
        self._decided = ""
        self._settling: tuple[list[str], int] | None = None
        self._block = -1
        self._value_indent = -1
        self._env_indent = -1
        self._in_key = False
        self._in_other = False
        self._run: list[str] = []
        self._after_get = 0
        self._waiting: list[tuple[str, int, re.Match[str]]] = []
        self._diff_marks: deque[str] = deque()
        self._next = _Next()

    @property
    def idle(self) -> bool:
        """True when no line seen so far bears on the next one."""
        return (
            not (self._held or self._run or self._in_key or self._in_other or self._after_get or self._kinds or self._waiting)
            and self._block < 0
            and self._env_indent < 0
            and not self._next.what
        )

    def feed(self, line: str) -> Iterator[str]:
        """The lines that are settled by this one, in order: one for each that came, sooner or later."""
        marked = line[:1] if _DIFF_LINE.match(line) else ""
        self._diff_marks.append(marked)
        yield from map(self._remark, self._feed(f" {line[1:]}" if marked else line))

    def flush(self) -> Iterator[str]:
        """What is still held back, at the end of the text."""
        if self._held:
            yield from map(self._remark, self._resolve(None))
        yield from map(self._remark, self._release_run())
        yield from map(self._remark, self._release_waiting())
        self.__init__(self._mark)  # type: ignore[misc]

    def _remark(self, line: str) -> str:
        """A line with the mark of the diff that it came with."""
        mark = self._diff_marks.popleft()
        return mark + line.removeprefix(" ") if mark else line

    def _feed(self, line: str) -> Iterator[str]:
        if self._held:
            yield from self._feed_held(line)
        elif self.idle and not may_hold_secret(line) and not may_be_env_value(line):
            yield line
        else:
            yield from self._pem(line)

    # Private keys -----------------------------------------------------------------------------------------------------

    def _pem(self, line: str) -> Iterator[str]:
        if self._in_key:
            if _END_KEY.search(line):
                self._in_key = False
                yield line
            elif match := _KEY_LINE.match(line):
                yield match["head"] + self._mark("private-key", match["body"])
            elif _KEY_HEADER.match(line):
                yield line
            else:
                self._in_key = False
                yield from self._pem(line)
            return
        if self._in_other:
            # A certificate stays; one that was cut off ends with the first line that cannot be a part of it.
            ended = bool(_END_OTHER.search(line))
            if ended or _BASE64_LINE.match(line) or _KEY_HEADER.match(line):
                self._in_other = not ended
                yield line
                return
            self._in_other = False
        if "-----" in line:
            if _END_KEY.search(line) and "-----BEGIN" not in line:
                # The beginning was cut off: what stands before the end is the rest of a key.
                for held in self._run:
                    match = _BASE64_LINE.match(held)
                    yield match["head"] + self._mark("private-key", match["body"]) if match else held
                self._run = []
                yield redact_line(line, self._mark)
                return
            yield from self._release_run()
            if _BEGIN_KEY.search(line) and not _END_KEY.search(line):
                self._in_key = line.rstrip().endswith("-----")
            elif _BEGIN_OTHER.search(line) and not _END_OTHER.search(line):
                self._in_other = True
            yield from self._tree(line)
            return
        if (
            self._block < 0
            and len(line) >= 40
            and (match := _BASE64_LINE.match(line))
            and len(match["body"]) >= 40
            and len(self._run) < 200
        ):
            self._run.append(line)
            return
        yield from self._release_run()
        yield from self._tree(line)

    def _release_run(self) -> Iterator[str]:
        run, self._run = self._run, []
        for line in run:
            yield from self._tree(line)

    # Manifests --------------------------------------------------------------------------------------------------------

    def _tree(self, line: str) -> Iterator[str]:
        if self._next.what:
            value = self._value_of(line)
            if value:
                yield value
                return
        self._expect(line)
        yield from self._manifest(line)

    def _expect(self, line: str) -> None:
        """Note when a line says that a secret follows on the next one."""
        stripped = line.strip()
        match = _KEY.match(line) if stripped[-1:] in ":|>+-'\"" else None
        if self._block >= 0:
            return
        if _JWT_CUT.search(line):
            self._next = _Next("wrapped", _indent(line))
        elif match is not None and (sensitive_header(match["key"]) or _plural(match["key"])):
            value = match["value"]
            if re.fullmatch(r"[|>][-+\d]*", value):
                self._next = _Next("block", _indent(line) + len(match["dash"]))
            elif value in ("", '"""', "'''") and not match["tail"]:
                self._next = _Next("value", _indent(line) + len(match["dash"]), key=match["key"])
        elif stripped.endswith(":") and _ANNOUNCED.search(stripped):
            self._next = _Next("word", _indent(line))
        elif (option := OPTION_ALONE.match(line)) is not None:
            self._next = _Next("argument", _indent(line), key=option["word"])
        elif stripped.startswith("Private-Lines:"):
            self._in_key = True

    def _value_of(self, line: str) -> str:
        """The line with its value marked when it is the one that was expected, "" when it is none."""
        expected, self._next = self._next, _Next()
        stripped = line.strip()
        indent = _indent(line)
        match expected.what:
            case "block":
                if not stripped or indent > expected.indent:
                    self._next = expected
                    return line if not stripped else line[:indent] + self._mark("secret", stripped)
            case "wrapped" if _WRAPPED.fullmatch(line):
                self._next = expected
                return line[:indent] + self._mark("token", stripped)
            case "described":
                # `kubectl describe configmap` prints KEY:, ----, and the value up to the next KEY:.
                if not stripped or not _DESCRIBED_KEY.match(line):
                    self._next = expected
                    return line if not stripped else line[:indent] + self._mark("secret", stripped)
            case "value" if stripped == "----" and sensitive_name(expected.key):
                self._next = _Next("described")
                return line
            case "value" | "word" | "argument":
                item = _SCALAR.match(line)
                if not stripped and expected.what != "argument":
                    self._next = expected
                    return line
                inner = _KEY.match(line)
                if item is None or indent < expected.indent or no_secret(item["value"]) or (inner and (inner["gap"] or not inner["value"])):
                    return ""
                listed = bool(item["dash"].strip())
                if expected.what == "value" and not listed and indent <= expected.indent:
                    return ""
                if expected.what == "value" and listed and expected.key.lower() in ("secrets", "credentials", "secret"):
                    return ""
                if (expected.what == "word" or len(expected.key) == 1) and not random_word(item["value"]):
                    return ""
                if expected.what == "value" and listed:
                    self._next = expected
                return line[: item.start("value")] + self._mark("password", item["value"]) + line[item.end("value") :]
        return ""

    def _manifest(self, line: str) -> Iterator[str]:
        if self._waiting:
            yield from self._settle_waiting(line)
        if self._after_get:
            self._after_get -= 1
            if line.strip() and not line.lstrip().startswith(("$", "#", "Error", "error", "No resources")):
                yield self._mark("secret", line.strip())
                return
            if line.strip():
                self._after_get = 0
        if "secret" in line and " get " in line and _GET_SECRET.search(line):
            self._after_get = 50
        match = _KEY.match(line)
        indent = _indent(line)
        if self._block >= 0:
            if not line.strip() or indent > self._block:
                yield self._secret_line(line, match)
                return
            self._block = self._value_indent = -1
        if line.startswith("---") or (match is None and line.strip(" \t{}[],") and indent == 0):
            self._kinds.clear()
        if match is None:
            self._env_indent = -1
            if line.strip(" \t{}[],") == "" and line.strip():
                for known in [known for known in self._kinds if known > indent]:
                    del self._kinds[known]
            yield self._leaf(line)
            return
        at = indent + len(match["dash"])
        limit = at if not match["dash"] else indent + 1
        for known in [known for known in self._kinds if known > at or (match["dash"] and known >= limit)]:
            del self._kinds[known]
        key, value = match["key"], match["value"].strip("\"' ")
        if key == "kind" and value:
            self._kinds[at] = value
        if (key in ("data", "stringData") and match["value"] in ("", "{", "|", ">")) or (
            key in ("data", "stringData") and match["value"].startswith("{")
        ):
            yield from self._open_data(line, at, match)
            return
        first = self._env_indent != at or match["dash"]
        if key.lower() in _VALUE_KEYS and first and value and not no_secret(value) and may_be_env_value(line):
            # An env list may name the variable after its value, so the value waits for one line.
            self._waiting.append((line, at, match))
            return
        yield self._env(line, at, key, value, match)

    def _settle_waiting(self, line: str) -> Iterator[str]:
        """Let the values that were held back go, without secrets when this line gives them a telling name."""
        match = _KEY.match(line)
        _, at, _ = self._waiting[0]
        same = match is not None and _indent(line) + len(match["dash"]) == at and not match["dash"]
        if same and match is not None and match["key"].lower() in _VALUE_KEYS:
            return  # a diff shows the value before and after
        if same and match is not None and match["key"].lower() in _NAME_KEYS and sensitive_header(match["value"].strip("\"' ")):
            waiting, self._waiting = self._waiting, []
            self._env_indent = at
            for held, _, value in waiting:
                yield self._env(held, at, value["key"], value["value"].strip("\"' "), value)
        else:
            yield from self._release_waiting()

    def _release_waiting(self) -> Iterator[str]:
        waiting, self._waiting = self._waiting, []
        for held, _, _ in waiting:
            yield self._leaf(held)

    def _open_data(self, line: str, at: int, match: re.Match[str]) -> Iterator[str]:
        kind = "Secret" if match["key"] == "stringData" else self._decided or self._kinds.get(at)
        if self._decided:
            self._kinds[at], self._decided = self._decided, ""
        if kind is None and self._settling is not None:
            # Below a block of unknown kind no line that could tell the kind is still to come.
            held, number = self._settling
            kind = "Secret" if at > DEEP or _looks_like_secret_data(held, at, number) else "unknown"
        if kind is None:
            self._held, self._held_indent, self._held_bytes = [line], at, len(line)
            return
        if kind != "Secret":
            yield self._leaf(line)
            return
        if match["value"] not in ("", "{"):
            start = match.start("value")
            yield line[:start] + _pairs(line[start:], self._mark)
            return
        self._block, self._value_indent = at, -1
        yield line

    def _feed_held(self, line: str) -> Iterator[str]:
        match = _KEY.match(line)
        indent = _indent(line)
        at = indent + len(match["dash"]) if match else indent
        self._held_bytes += len(line)
        inside = not line.strip() or indent > self._held_indent or line.strip(" \t{}[],") == ""
        if match and at == self._held_indent and not match["dash"]:
            inside = match["key"] not in ("data", "stringData")  # a second one belongs to the next object
            if match["key"] == "kind":
                yield from self._resolve(match["value"].strip("\"' "))
                yield from self._pem(line)
                return
        if len(self._held) > HOLD_LINES or self._held_bytes > HOLD_BYTES:
            yield from self._resolve("Secret")
            yield from self._pem(line)
            return
        if line.startswith("---") or not inside:
            yield from self._resolve(None)
            yield from self._feed(line)
            return
        self._held.append(line)

    def _resolve(self, kind: str | None) -> Iterator[str]:
        held, at = self._held, self._held_indent
        self._held, self._held_indent = [], -1
        self._decided = kind if kind is not None else ("Secret" if _looks_like_secret_data(held, at) else "unknown")
        for number, line in enumerate(held):
            self._settling = (held, number)
            yield from self._feed(line)
        self._settling = None

    def _secret_line(self, line: str, match: re.Match[str] | None) -> str:
        """A line inside the data of a Secret: the key stays, the value goes."""
        stripped = line.strip()
        if not stripped or stripped in ("{", "}", "},", "{}"):
            return line
        indent = _indent(line)
        if match and (self._value_indent < 0 or indent <= self._value_indent):
            self._value_indent = indent
            value = match["value"]
            if value in ("", "|", ">", "|-", ">-", "|+", ">+", "{", "{}") or no_secret(value.strip("\"'")):
                return line
            quote = value[0] if value[0] in "\"'" else ""
            inner = value[1:-1] if quote and value.endswith(quote) and len(value) > 1 else value.strip("\"'")
            return line[: match.start("value")] + quote + self._mark("secret", inner) + quote + match["tail"]
        return line[:indent] + self._mark("secret", stripped)

    def _env(self, line: str, at: int, key: str, value: str, match: re.Match[str]) -> str:
        if key.lower() in _VALUE_KEYS and self._env_indent == at and value and not no_secret(value):
            quote = match["value"][0] if match["value"][0] in "\"'" else ""
            return line[: match.start("value")] + quote + self._mark("password", value) + quote + match["tail"]
        self._env_indent = at if key.lower() in _NAME_KEYS and sensitive_header(value) else -1
        return self._leaf(line)

    def _leaf(self, line: str) -> str:
        if "\\n" in line and ": " in line and len(line) < MAX_EMBEDDED:
            # A text of several lines inside a string, such as a chart's manifest: read as the lines that it is.
            separator = "\\\\n" if "\\\\n" in line else "\\n"
            inner = StructureReader(self._mark)
            pieces = line.split(separator)
            if len(pieces) > 2:
                return separator.join([*(out for piece in pieces for out in inner.feed(piece)), *inner.flush()])
        if "ecret" in line and _DATA_INLINE.search(line) and _SECRET_INLINE.search(line):
            line = _inline_secret(line, self._mark)
        if _PAIR_WORDS.search(line):
            line = _ENV_INLINE.sub(
                lambda m: (
                    m[0] if not sensitive_header(m["name"]) or no_secret(m["value"]) else m[1] + self._mark("password", m["value"]) + m["q"]
                ),
                line,
            )
            line = _ENV_VALUE_FIRST.sub(
                lambda m: (
                    m[0]
                    if not sensitive_header(m["name"]) or no_secret(m["value"])
                    else m["start"] + self._mark("password", m["value"]) + m["rest"]
                ),
                line,
            )
        if "auth" in line or "token" in line:
            line = _AUTH_INLINE.sub(lambda m: m[1] + self._mark("credential", m["value"]) + m["q"], line)
        return redact_line(line, self._mark)


def _plural(key: str) -> bool:
    """Whether a key names a list of secrets, and not of names of Secrets."""
    return key.endswith("s") and key.lower() not in ("secrets", "credentials") and sensitive_name(key[:-1])


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" \t"))


def _looks_like_secret_data(lines: list[str], at: int, start: int = 0) -> bool:
    """Whether a data block that begins at a line and whose kind was cut off holds base64 only, as a Secret's does."""
    values = [pair["value"].strip("\"' ") for pair in _PAIR_FLOW.finditer(lines[start].partition("{")[2])]
    for line in itertools.islice(lines, start + 1, None):
        match = _KEY.match(line)
        if match and _indent(line) > at:
            values.append(match["value"].strip("\"' "))
        elif _indent(line) <= at:
            break
    telling = [value for value in values if value]
    return bool(telling) and all(_is_base64(value) for value in telling) and any(len(value) >= 12 for value in telling)


def _is_base64(value: str) -> bool:
    if len(value) % 4 or not value:
        return False
    try:
        base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return False
    return True


def _pairs(text: str, mark: Mark) -> str:
    """`{a: b, c: "d"}` (flow YAML or JSON, also escaped) with each value marked, up to the closing brace."""
    at = text.index("{") + 1
    out = [text[:at]]
    while match := _PAIR_JSON.match(text, at) or _PAIR_FLOW.match(text, at):
        value = match["value"]
        start, end = match.span("value")
        bare = value.strip("\"'")
        if bare and not no_secret(bare):
            inner = text.index(bare, start)
            out.append(text[at:inner] + mark("secret", bare) + text[inner + len(bare) : match.end()])
        else:
            out.append(text[at : match.end()])
        at = match.end()
        if end == at and not match["comma"]:
            break
    out.append(text[at:])
    return "".join(out)


def _inline_secret(line: str, mark: Mark) -> str:
    """A line with whole objects on it: the data of each Secret goes, that of other kinds stays when the line parses as JSON."""
    start = line.find("{")
    try:
        body, _ = json.JSONDecoder().raw_decode(line, start)
    except ValueError:
        body = None
    if body is not None and not isinstance(body, str):
        for value in sorted(set(_secret_values(body)), key=len, reverse=True):
            if value and not no_secret(value):
                for spelled in {json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]}:
                    line = line.replace(f'"{spelled}"', f'"{mark("secret", value)}"')
    at = 0
    pieces = []
    if body is None or '\\"' in line:
        for match in _DATA_INLINE.finditer(line):
            if match.start() < at or (body is not None and not match["q"].startswith("\\")):
                continue
            pieces.append(line[at : match.start()])
            rest = line[match.start() :]
            done = _pairs(rest, mark)
            pieces.append(done)
            line, at = "".join(pieces), len("".join(pieces))
            break
    return line


def _secret_values(body: object) -> Iterator[str]:
    if isinstance(body, list):
        for item in body:
            yield from _secret_values(item)
    elif isinstance(body, dict):
        if body.get("kind") == "Secret":
            for block in ("data", "stringData"):
                values = body.get(block)
                if isinstance(values, dict):
                    yield from (value for value in values.values() if isinstance(value, str))
        for value in body.values():
            yield from _secret_values(value)

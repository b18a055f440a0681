"""Code of an answer: coloured by its language, and split into commands that can be run and text that can be copied."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from textual.content import Content, Span

from tui.style.text import plain
from tui.widgets.text.flow import Para
from tui.widgets.text.table import table_of

SHELLS = frozenset({"bash", "sh", "shell", "console", "zsh"})
PROGRAMS = frozenset({"kubectl", "oc", "helm", "journalctl", "systemctl", "crictl"})
"""A block without a language is a shell's when each of its lines begins with one of these."""
COLOURED = 20_000
"""Characters up to which a block is coloured."""
WIDEST = 120


@dataclass(frozen=True, slots=True)
class Code:
    """A fenced block: the first word of its info string ("" if none) and its text."""

    language: str
    text: str


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a block: a `command` that can be run, `code` that can be copied, or `words` around commands (comments, outputs)."""

    kind: Literal["command", "code", "words"]
    text: str
    language: str = ""


def parts_of(code: Code) -> Iterator[Part]:
    """A shell's block command by command (prompts off, continued lines joined, comments and outputs apart); any other whole."""
    language = code.language.lower()
    lines = re.sub(r"[ \t]*\\\n[ \t]*", " ", code.text).rstrip("\n").split("\n")
    spoken = [line for line in lines if line.strip() and not line.lstrip().startswith("#")]
    if language not in SHELLS and not (
        language == "" and spoken and all(line.removeprefix("$ ").split()[0] in PROGRAMS for line in spoken)
    ):
        yield Part("code", code.text.rstrip("\n"), language)
        return
    prompted = any(line.startswith("$ ") for line in spoken)
    held: list[str] = []
    for line in lines:
        if line in spoken and (line.startswith("$ ") or not prompted):
            if any(text.strip() for text in held):
                yield Part("words", "\n".join(held).strip("\n"), "sh")
            held = []
            yield Part("command", line.removeprefix("$ ").strip(), "sh")
        else:
            held.append(line)
    if any(text.strip() for text in held):
        yield Part("words", "\n".join(held).strip("\n"), "sh")


def code_paras(text: str, language: str, *, colour: bool = True) -> list[Para]:
    """The lines of a piece of code on their own ground, coloured where the language is known; a table is drawn as one."""
    lines = [plain(line) for line in text.rstrip("\n").split("\n")]
    if language in ("", "text") and (table := table_of(lines)) is not None:
        return [dataclasses.replace(table, lead=Content(" "))]
    widest = min(max(map(len, lines), default=0), WIDEST)
    return [
        Para(Content.assemble(" ", line, " " * (widest - len(line) + 1)), Content("  "), "on $code")
        for line in (_coloured(lines, language.lower()) if colour else map(Content, lines))
    ]


def _coloured(lines: Sequence[str], language: str) -> Sequence[Content]:
    text = "\n".join(lines)
    lexer = _lexer(language) if language and len(text) <= COLOURED else None
    if lexer is None:
        return [Content(line) for line in lines]
    looks = _looks()
    spans, at = [], 0
    for kind, value in lexer.get_tokens(text):
        while kind is not None and kind not in looks:
            kind = kind.parent
        if kind is not None and looks[kind]:
            spans.append(Span(at, at + len(value), looks[kind]))
        at += len(value)
    whole = Content(text, spans=[span for span in spans if span.start < len(text)])
    return list(whole.split("\n", allow_blank=True))


@cache
def _lexer(language: str) -> Any:
    from pygments.lexers import get_lexer_by_name
    from pygments.util import ClassNotFound

    try:
        return get_lexer_by_name(language, stripnl=False, ensurenl=False)
    except ClassNotFound:
        return None


@cache
def _looks() -> dict[Any, str]:
    from pygments.token import Token

    return {
        Token.Comment: "$quiet",
        Token.Keyword: "$place",
        Token.Keyword.Constant: "$wait",
        Token.Literal.Number: "$wait",
        Token.Literal.Scalar: "",
        Token.Literal.String: "$good",
        Token.Name.Tag: "$place",
        Token.Name.Builtin: "$you",
        Token.Name.Function: "$you",
        Token.Name.Class: "$you",
        Token.Name.Variable: "$you",
        Token.Name.Attribute: "$you",
        Token.Operator: "$quiet",
        Token.Punctuation: "$quiet",
    }

"""Markdown of an answer as paragraphs: headings, lists, code, emphasis and citations; everything else stays literal text."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Any

from textual.content import Content
from textual.style import Style

from tui.style.text import plain
from tui.widgets.text.code import Code, code_paras
from tui.widgets.text.flow import Para, blank

CITATION = re.compile(r"\[((?:[ED]\d+)(?:\s*,\s*[ED]\d+)*)\]")
Link = Callable[[str], Style]
"""The style of a citation's id: a colour, and where a click leads."""


@cache
def _parser() -> Any:
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"html": False})


def link_to(action: str, *arguments: str) -> Style:
    """A style whose click the app follows (`cite`, `start` or `block`); arguments travel as values, never as text to be parsed."""
    return Style.from_meta({"@click": ("app.follow", (action, *arguments))})


def cited(text: str, link: Link, style: str = "") -> Content:
    """Literal text of one line whose citations `[E1]`, `[D2, E3]` are links."""
    parts: list[str | Content | tuple[str, str | Style]] = []
    at = 0
    for match in CITATION.finditer(text):
        parts.append((plain(text[at : match.start()]), style))
        for number, id in enumerate(re.findall(r"[ED]\d+", match.group(1))):
            parts.append((" " if number else "", ""))
            parts.append(Content(id).stylize("$place").stylize(link(id)))
        at = match.end()
    parts.append((plain(text[at:]), style))
    return Content.assemble(*parts)


Piece = list[Para] | Code
"""Of a Markdown text: paragraphs, or a code block between them."""


def prose(text: str, link: Link, *, colour: bool = True) -> list[Para]:
    """The paragraphs of a Markdown text, code blocks among them (`colour=False` leaves these plain)."""
    return _Walk(link, colour).walk(_parser().parse(text))


def pieces(text: str, link: Link) -> list[Piece]:
    """The same with each code block by itself, so that keys can work on it."""
    walk = _Walk(link, True)
    paras = walk.walk(_parser().parse(text))
    found: list[Piece] = []
    at = 0
    for start, end, code in walk.codes:
        if between := _trimmed(paras[at:start]):
            found.append(between)
        found.append(code)
        at = end
    if rest := _trimmed(paras[at:]):
        found.append(rest)
    return found


def _trimmed(paras: list[Para]) -> list[Para]:
    """Without the empty paragraphs at both ends."""
    while paras and not paras[0].plain:
        paras = paras[1:]
    while paras and not paras[-1].plain:
        paras = paras[:-1]
    return paras


class _Walk:
    """One pass over the parser's tokens."""

    def __init__(self, link: Link, colour: bool) -> None:
        self.link = link
        self.colour = colour
        self.paras: list[Para] = []
        self.codes: list[tuple[int, int, Code]] = []
        self.lists: list[int | None] = []
        self.bullet = ""
        self.heading = False

    def walk(self, tokens: list[Any]) -> list[Para]:
        for token in tokens:
            getattr(self, f"_{token.type}", self._other)(token)
        while self.paras and not self.paras[-1].body.plain and not self.paras[-1].lead.plain:
            self.paras.pop()
        return self.paras

    def _other(self, token: Any) -> None:
        """Closing tokens and rules carry nothing to show."""

    def _gap(self) -> None:
        if self.paras and self.paras[-1] != blank() and not self.lists:
            self.paras.append(blank())

    def _heading_open(self, token: Any) -> None:
        self._gap()
        self.heading = True

    def _heading_close(self, token: Any) -> None:
        self.heading = False

    def _paragraph_open(self, token: Any) -> None:
        self._gap()

    def _bullet_list_open(self, token: Any) -> None:
        self._gap()
        self.lists.append(None)

    def _ordered_list_open(self, token: Any) -> None:
        self._gap()
        self.lists.append(int(token.attrGet("start") or 1))

    def _bullet_list_close(self, token: Any) -> None:
        self.lists.pop()

    _ordered_list_close = _bullet_list_close

    def _list_item_open(self, token: Any) -> None:
        number = self.lists[-1] if self.lists else None
        self.bullet = "• " if number is None else f"{number} "
        if number is not None:
            self.lists[-1] = number + 1

    def _inline(self, token: Any) -> None:
        indent = "  " * max(len(self.lists) - 1, 0)
        lead = Content(indent + "  ") if self.lists else Content("")
        if self.bullet:
            lead = Content.assemble(indent, (self.bullet, "$quiet"))
            self.bullet = ""
        body = self._spans(token.children or [])
        for number, line in enumerate(body.split("\n", allow_blank=True)):
            self.paras.append(Para(line, lead if not number else Content(" " * len(lead.plain))))

    def _spans(self, tokens: list[Any]) -> Content:
        parts: list[Content] = []
        styles: list[str] = ["bold $strong"] if self.heading else []
        for token in tokens:
            match token.type:
                case "strong_open":
                    styles.append("bold $strong")
                case "em_open":
                    styles.append("italic")
                case "strong_close" | "em_close":
                    styles.pop()
                case "softbreak" | "hardbreak":
                    parts.append(Content("\n"))
                case "code_inline":
                    parts.append(Content(plain(token.content)).stylize("$strong on $code"))
                case _:
                    piece = cited(token.content, self.link)
                    for style in styles:
                        piece = piece.stylize_before(style)
                    parts.append(piece)
        return Content.assemble(*parts)

    def _fence(self, token: Any) -> None:
        self._gap()
        language = (token.info.split() or [""])[0]
        start = len(self.paras)
        self.paras.extend(code_paras(token.content, language, colour=self.colour))
        if self.lists:
            return
        self.codes.append((start, len(self.paras), Code(language, token.content)))
        self.paras.append(blank())

    _code_block = _fence

    def _html_block(self, token: Any) -> None:
        for line in token.content.rstrip("\n").split("\n"):
            self.paras.append(Para(Content(plain(line))))


class GrowingProse:
    """Markdown that arrives piece by piece: finished paragraphs are laid out once, only the last one again."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._done: list[Para] = []
        self._open = ""

    def append(self, text: str) -> list[Para]:
        """Take in more text; returns all paragraphs so far."""
        self._open += text
        at = self._open.rfind("\n\n")
        if at > 0 and self._open[:at].count("```") % 2 == 0 and not self._open[at + 2 :].startswith((" ", "\t")):
            fresh = prose(self._open[:at], self._link)
            self._done = [*self._done, blank(), *fresh] if self._done and fresh else [*self._done, *fresh]
            self._open = self._open[at + 2 :]
        tail = prose(self._open, self._link, colour=self._open.count("```") % 2 == 0)
        return [*self._done, blank(), *tail] if self._done and tail else [*self._done, *tail]

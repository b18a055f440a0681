"""A document file to chunks: heading path, line range, whole typed code blocks, and the front matter read safely.

Markdown (its blocks by markdown-it-py), reStructuredText and plain text. Text from a file is data: decoded with replacement,
control characters taken out, nothing in it is run.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from index.passage import CodeBlock

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

SUFFIXES = (".md", ".markdown", ".txt", ".rst")
MAX_BYTES = 2_000_000
CHUNK_CHARACTERS = 2_000
MAX_BLOCK_CHARACTERS = 8_000
FRONT_MATTER_LINES = 200
SHELL_LANGUAGES = frozenset({"bash", "sh", "shell", "console", "zsh"})

_CONTROL = {c: None for c in [*range(0x20), *range(0x7F, 0xA0)] if c not in (0x09, 0x0A)}
_ADORNMENT = re.compile(r"([=\-`:'\"~^_*+#<>.])\1{2,}[ \t]*$")
_DIRECTIVE = re.compile(r"([ \t]*)\.\. (?:code-block|code|sourcecode|prompt)::[ \t]*(\S*)")
_INLINE = re.compile(r"!?\[([^\]]*)\]\([^)]*\)|[*`]{1,3}")


class NotText(ValueError):
    """The file is not a text document; the message says why."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """One section of a document, or a part of a long one.

    `heading` is the path from the title down, `lines` the first and last line in the file (1-based, the heading's line
    included), `text` the lines below the heading, `sha` the SHA-1 of the text with white space folded.
    """

    heading: tuple[str, ...]
    lines: tuple[int, int]
    text: str
    sha: str

    @property
    def code_blocks(self) -> tuple[CodeBlock, ...]:
        """The chunk's fenced code blocks; line numbers count in the file."""
        return code_blocks(self.text, last_line=self.lines[1])


@dataclass(frozen=True, slots=True)
class Document:
    """A whole document: title, front matter lists, chunks, and what could not be read as it should."""

    title: str
    chunks: tuple[Chunk, ...]
    codes: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


@dataclass(slots=True)
class _Section:
    heading: tuple[str, ...]
    first: int
    lines: list[tuple[int, str]] = field(default_factory=list)


def read_text(path: Path) -> str:
    """A file's text, cut at MAX_BYTES. Raises NotText for binary content and OSError where the file cannot be read."""
    with path.open("rb") as stream:
        return decode(stream.read(MAX_BYTES))


def decode(raw: bytes) -> str:
    """Bytes to text: UTF-8, or UTF-16 with its mark; line ends as \\n, control characters out. Raises NotText for binary content."""
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = raw.decode("utf-16", errors="replace")
    else:
        if b"\0" in raw:
            raise NotText("it holds NUL bytes, so it is not a text file")
        text = raw.decode("utf-8-sig", errors="replace")
    if text.count("\ufffd") > max(8, len(text) // 20):
        raise NotText("it is not UTF-8 text")
    return text.replace("\r\n", "\n").replace("\r", "\n").translate(_CONTROL)


def parse(text: str, name: str) -> Document:
    """A document from its text; `name` is the file's name: it gives the format by its suffix, and the title where the text has none."""
    lines = text.split("\n")
    if lines and not lines[-1]:
        lines.pop()
    suffix = Path(name).suffix.lower()
    problems: list[str] = []
    start = 0
    meta: Mapping[str, object] = {}
    if suffix in (".md", ".markdown"):
        start, meta, problem = _front_matter(lines)
        if problem:
            problems.append(problem)
        found = list(_markdown_sections(lines, start))
    elif suffix == ".rst":
        found = list(_rst_sections(lines))
    else:
        found = [_Section((), 1, list(enumerate(lines, 1)))]
    title = _one_line(meta.get("title")) or next((s.heading[0] for s in found if s.heading), "")
    title = title or _first_line(lines, start) or Path(name).stem.replace("-", " ").replace("_", " ")
    chunks = tuple(c for s in found for c in _chunks(s, title))
    return Document(
        title=title,
        chunks=chunks,
        codes=_words(meta.get("codes")),
        kinds=_words(meta.get("kinds")),
        tags=_words(meta.get("tags")),
        problems=tuple(problems),
    )


def code_blocks(text: str, last_line: int) -> tuple[CodeBlock, ...]:
    """The fenced code blocks of a chunk's text whose last line is the file's `last_line`."""
    offset = last_line - text.count("\n") + 1
    return tuple(CodeBlock(_language(fence.info), fence.content.removesuffix("\n"), offset + first) for first, _, fence in _fences(text))


def _language(info: str) -> str:
    return (info.split() or [""])[0].strip("{}.").lower()


@functools.cache
def _parser() -> MarkdownIt:
    """CommonMark's blocks; inline markup stays as it is written."""
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark").disable("inline")


def _fences(text: str) -> Iterator[tuple[int, int, Token]]:
    """The fenced code blocks of a text: first line (from 0), the line after the last one, and the fence."""
    for token in _parser().parse(text) if "```" in text or "~~~" in text else ():
        if token.type == "fence" and token.map is not None:
            yield token.map[0], token.map[1], token


def _front_matter(lines: Sequence[str]) -> tuple[int, Mapping[str, object], str]:
    """Where the text begins (index of its first line), the front matter's mapping, and a problem or ""."""
    if not lines or lines[0].rstrip() != "---":
        return 0, {}, ""
    end = next((i for i, line in enumerate(lines[1:FRONT_MATTER_LINES], 1) if line.rstrip() in ("---", "...")), 0)
    if not end:
        return 0, {}, "the front matter has no closing ---; the file is indexed without it"
    import yaml

    try:
        meta = yaml.safe_load("\n".join(lines[1:end]))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        where = getattr(getattr(error, "problem_mark", None), "line", None)
        at = f" near line {where + 2}" if isinstance(where, int) else ""
        return end + 1, {}, f"the front matter is not valid YAML{at}; the file is indexed without it"
    if meta is None:
        return end + 1, {}, ""
    if not isinstance(meta, dict):
        return end + 1, {}, "the front matter is not a list of keys and values; the file is indexed without it"
    return end + 1, meta, ""


def _markdown_sections(lines: Sequence[str], start: int) -> Iterator[_Section]:
    path: list[tuple[int, str]] = []
    section = _Section((), start + 1)
    at = start
    for heading, title in itertools.pairwise(_parser().parse("\n".join(lines[start:]))):
        name = _plain(title.content) if heading.type == "heading_open" and not heading.level else ""
        if not name or heading.map is None:
            continue
        first, after = start + heading.map[0], start + heading.map[1]
        section.lines.extend((number + 1, lines[number]) for number in range(at, first))
        yield section
        level, at = int(heading.tag[1]), after
        while path and path[-1][0] >= level:
            path.pop()
        path.append((level, name))
        section = _Section(tuple(n for _, n in path), first + 1)
    section.lines.extend((number + 1, lines[number]) for number in range(at, len(lines)))
    yield section


def _rst_sections(lines: Sequence[str]) -> Iterator[_Section]:
    styles: list[str] = []
    path: list[tuple[int, str]] = []
    section = _Section((), 1)
    number = 0
    while number < len(lines):
        line = lines[number]
        name, style, used = "", "", 0
        here = _ADORNMENT.match(line)
        if here and number + 2 < len(lines) and lines[number + 2].rstrip() == line.rstrip() and lines[number + 1].strip():
            name, style, used = lines[number + 1].strip(), here[1] + here[1], 3
        elif line.strip() and not line.startswith((" ", "\t")) and not here and number + 1 < len(lines):
            under = _ADORNMENT.match(lines[number + 1])
            if under and len(lines[number + 1].rstrip()) >= len(line.rstrip()):
                name, style, used = line.strip(), under[1], 2
        if not used:
            directive = _DIRECTIVE.match(line)
            if directive:
                number = _literal(lines, number, directive, section)
                continue
            section.lines.append((number + 1, line))
            number += 1
            continue
        yield section
        if style not in styles:
            styles.append(style)
        level = styles.index(style)
        while path and path[-1][0] >= level:
            path.pop()
        path.append((level, _plain(name)))
        section = _Section(tuple(n for _, n in path), number + 1)
        number += used
    yield section


def _literal(lines: Sequence[str], number: int, directive: re.Match[str], section: _Section) -> int:
    """A code directive becomes a fence on the same lines, so that all formats carry code the same way; returns the next line's index."""
    indent = len(directive[1])
    last = number
    for i in range(number + 1, len(lines)):
        if lines[i].strip():
            if len(lines[i]) - len(lines[i].lstrip()) <= indent:
                break
            last = i
    section.lines.append((number + 1, f"```{directive[2]}"))
    body = lines[number + 1 : last + 1]
    margin = min((len(b) - len(b.lstrip()) for b in body if b.strip()), default=0)
    section.lines.extend((number + 2 + i, b[margin:]) for i, b in enumerate(body))
    section.lines.append((last + 1, "```"))
    return last + 1


def _chunks(section: _Section, title: str) -> Iterator[Chunk]:
    heading = section.heading if section.heading and section.heading[0] == title else (title, *section.heading)
    parts = list(_parts(section.lines))
    for number, part in enumerate(parts):
        first = section.first if number == 0 else part[0][0]
        text = "\n".join(line for _, line in part)
        yield Chunk(heading, (first, part[-1][0]), text, hashlib.sha1(" ".join(text.split()).encode(), usedforsecurity=False).hexdigest())


def _parts(lines: Sequence[tuple[int, str]]) -> Iterator[list[tuple[int, str]]]:
    """A section's lines in parts of about CHUNK_CHARACTERS, split between blocks; a fence stays whole up to MAX_BLOCK_CHARACTERS."""
    part: list[tuple[int, str]] = []
    size = 0
    for block in _blocks(lines):
        length = sum(len(line) + 1 for _, line in block)
        if part and size + length > CHUNK_CHARACTERS:
            yield from _stripped(part)
            part, size = [], 0
        part.extend(block)
        size += length
    yield from _stripped(part)


def _blocks(lines: Sequence[tuple[int, str]]) -> Iterator[list[tuple[int, str]]]:
    """Paragraphs and fences; one without an end in sight is cut by lines, and a line without an end by characters."""
    block: list[tuple[int, str]] = []
    size = 0
    fenced = {at for first, after, _ in _fences("\n".join(line for _, line in lines)) for at in range(first, after - 1)}
    for at, (number, line) in enumerate(lines):
        for piece in _pieces(line):
            limit = MAX_BLOCK_CHARACTERS if at in fenced or at - 1 in fenced else CHUNK_CHARACTERS
            if block and size + len(piece) > limit:
                yield block
                block, size = [], 0
            block.append((number, piece))
            size += len(piece) + 1
        if at not in fenced and (at - 1 in fenced or not line.strip()):
            yield block
            block, size = [], 0
    if block:
        yield block


def _pieces(line: str) -> list[str]:
    if len(line) <= CHUNK_CHARACTERS:
        return [line]
    return [line[i : i + CHUNK_CHARACTERS] for i in range(0, len(line), CHUNK_CHARACTERS)]


def _stripped(part: Sequence[tuple[int, str]]) -> Iterator[list[tuple[int, str]]]:
    kept = list(part)
    while kept and not kept[0][1].strip():
        kept.pop(0)
    while kept and not kept[-1][1].strip():
        kept.pop()
    if kept:
        yield kept


def _plain(text: str) -> str:
    return " ".join(_INLINE.sub(lambda m: m[1] or "", text).split())[:200]


def _one_line(value: object) -> str:
    return _plain(value) if isinstance(value, str) else ""


def _first_line(lines: Sequence[str], start: int) -> str:
    first = next((line for line in lines[start:] if line.strip()), "")
    return _plain(first.lstrip("#> ")) if len(first) <= 120 else ""


def _words(value: object) -> tuple[str, ...]:
    """A front matter list; a single word or a comma list does as well. Anything else in it is left out."""
    if isinstance(value, str):
        value = [v for v in re.split(r"[,\s]+", value) if v]
    if not isinstance(value, list):
        return ()
    return tuple(_plain(str(v)) for v in value[:100] if isinstance(v, str | int))

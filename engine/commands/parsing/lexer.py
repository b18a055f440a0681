"""From text to argv without a shell: what this lexer cannot read exactly, it refuses for good.

`parse` knows words, quotes, `|`, `&&`, `||`, `;`, `2>&1` and `2>/dev/null`. `* ? [ ] { }` are plain characters, since nothing
expands them here. The argv that comes out is the argv that is judged and the argv that runs; there is no second, weaker parser.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal, NoReturn

MAX_CHARACTERS = 4096
MAX_PARTS = 8
MAX_STAGES = 8

Operator = Literal["", "&&", "||", ";"]

_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\+?=")
_DROP_STDERR = re.compile(r"2> ?/dev/null(?=[ |;&]|$)")
_MERGE_STDERR = re.compile(r"2>&1(?=[ |;&]|$)")
# Characters without a glyph of their own that Unicode files under letters and marks.
_INVISIBLE = frozenset([0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0, *range(0x180B, 0x1810), *range(0xFE00, 0xFE10)])
_KEYWORDS = frozenset(
    (
        "if then else elif fi for while until do done case esac select function time coproc in [[ ]] eval exec source . alias unalias "
        "export declare local typeset readonly set unset shopt trap builtin command cd pushd popd umask ulimit read wait exit return "
        "break continue shift"
    ).split()
)


class Refused(Exception):
    """This text is not run: `rule` names the rule, `reason` is a sentence with the way to do it instead."""

    def __init__(self, rule: str, reason: str) -> None:
        super().__init__(reason)
        self.rule = rule
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Stage:
    """One process: its argv, and whether its stderr goes into the pipe or nowhere."""

    argv: tuple[str, ...]
    merge_stderr: bool = False
    drop_stderr: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """One pipeline, and the operator that stands before it ("" for the first)."""

    stages: tuple[Stage, ...]
    operator: Operator = ""


@dataclass(frozen=True, slots=True)
class Script:
    """What a text means: pipelines in a row."""

    parts: tuple[Part, ...]

    @property
    def stages(self) -> tuple[Stage, ...]:
        """All stages of all parts, in order."""
        return tuple(stage for part in self.parts for stage in part.stages)


def parse(text: str) -> Script:
    """The script of a text; raises `Refused` for whatever this lexer does not read exactly as a shell would."""
    gate(text)
    return _Lexer(text.strip(" ")).script()


def gate(text: str) -> None:
    """Raise `Refused` for text with hidden, ambiguous or too many characters, before anything is read from it."""
    if not text.strip():
        raise Refused("lexer.empty", "There is no command in the text.")
    if len(text) > MAX_CHARACTERS:
        raise Refused("lexer.length", f"The command has {len(text)} characters and at most {MAX_CHARACTERS} are read; make it shorter.")
    if "\n" in text or "\r" in text:
        raise Refused(
            "lexer.newline", "The text has more than one line; give one command on one line, without line continuation or here-document."
        )
    for character in text:
        if " " <= character <= "~":
            continue
        problem = _problem(character)
        if problem:
            shown = f"U+{ord(character):04X}"
            raise Refused(
                "lexer.character",
                f"The text holds {problem} ({shown}), so what it shows may differ from what it does; write it in plain characters.",
            )


def _problem(character: str) -> str:
    category = unicodedata.category(character)
    if category == "Cc":
        return "a control character"
    if category in ("Cf", "Cs", "Co", "Cn") or ord(character) in _INVISIBLE or 0xE0100 <= ord(character) <= 0xE01EF:
        return "an invisible or undefined character"
    if category in ("Zs", "Zl", "Zp"):
        return "a blank that is no plain space"
    if unicodedata.normalize("NFKC", character) != character:
        return "a look-alike form of another character"
    return ""


class _Lexer:
    """One pass over the text, a character at a time."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._parts: list[Part] = []
        self._stages: list[Stage] = []
        self._argv: list[str] = []
        self._merge = False
        self._drop = False
        self._operator: Operator = ""

    def script(self) -> Script:
        while self._at < len(self._text):
            here = self._text[self._at]
            if here == " ":
                self._at += 1
            elif here in "|&;":
                self._take_operator()
            elif match := _DROP_STDERR.match(self._text, self._at):
                self._drop, self._at = True, match.end()
            elif match := _MERGE_STDERR.match(self._text, self._at):
                self._merge, self._at = True, match.end()
            else:
                self._take_word()
        if self._argv or self._stages or self._operator in ("&&", "||") or not self._parts:
            self._close_part("")
        if len(self._parts) > MAX_PARTS or any(len(part.stages) > MAX_STAGES for part in self._parts):
            raise Refused("lexer.parts", f"The text holds more than {MAX_PARTS} commands; run them in smaller groups.")
        return Script(tuple(self._parts))

    def _take_operator(self) -> None:
        rest = self._text[self._at :]
        if rest.startswith("&&"):
            self._close_part("&&")
            self._at += 2
        elif rest.startswith("||"):
            self._close_part("||")
            self._at += 2
        elif rest.startswith("|&"):
            self._refuse_syntax("|&", "write 2>&1 | instead")
        elif rest.startswith("|"):
            self._close_stage("|")
            self._at += 1
        elif rest.startswith(";;"):
            self._refuse_syntax(";;", "run the commands one by one")
        elif rest.startswith(";"):
            self._close_part(";")
            self._at += 1
        else:
            self._refuse_syntax("&", "commands run in the foreground; leave it out")

    def _close_stage(self, what: str) -> None:
        if not self._argv:
            raise Refused(
                "lexer.syntax", f"There is no command beside {what!r}." if what else "The command ends where another one was expected."
            )
        self._stages.append(Stage(tuple(self._argv), self._merge, self._drop))
        self._argv, self._merge, self._drop = [], False, False

    def _close_part(self, following: Operator) -> None:
        self._close_stage(following)
        self._parts.append(Part(tuple(self._stages), self._operator))
        self._stages, self._operator = [], following

    def _take_word(self) -> None:
        start = self._at
        pieces: list[str] = []
        while self._at < len(self._text):
            here = self._text[self._at]
            if here in " |&;":
                break
            if here == "'":
                pieces.append(self._single())
            elif here == '"':
                pieces.append(self._double())
            else:
                self._check_plain(here, self._at == start, self._text[self._at - 1] if self._at > start else "")
                pieces.append(here)
                self._at += 1
        word = "".join(pieces)
        if not self._argv:
            raw = self._text[start : self._at]
            if _ASSIGNMENT.match(raw):
                raise Refused(
                    "lexer.assignment",
                    "Environment variables cannot be set for a command; the session's settings decide them. Leave the assignment out.",
                )
            if word in _KEYWORDS:
                raise Refused("lexer.shell", f"{word!r} belongs to a shell and no shell runs here; give the commands one by one.")
            if not word:
                raise Refused("lexer.syntax", "The command's name is empty.")
        self._argv.append(word)

    def _check_plain(self, here: str, first: bool, before: str) -> None:
        if here == "$":
            self._refuse_syntax("$", "nothing is expanded here; write the value itself, or put the text in single quotes")
        if here == "`":
            self._refuse_syntax("`", "nothing is substituted here; run the inner command first and use its output")
        if here in "<>":
            self._refuse_syntax(here, "files and here-documents are not read or written; 2>&1 and 2>/dev/null are the only redirections")
        if here in "()":
            self._refuse_syntax(here, "there are no subshells here; run the commands one by one, or quote the text")
        if here == "\\":
            self._refuse_syntax("\\", "quote the text with single quotes instead of escaping characters")
        if here == "#" and first:
            self._refuse_syntax("#", "leave the comment out, or quote the text")
        if here == "~" and (first or before in "=:"):
            self._refuse_syntax("~", "home folders are not expanded; write the whole path or quote the text")
        if here == "!" and self._text[self._at + 1 : self._at + 2] != "=":
            self._refuse_syntax("!", "put text with an exclamation mark in single quotes")

    def _single(self) -> str:
        end = self._text.find("'", self._at + 1)
        if end < 0:
            raise Refused("lexer.quote", "A single quote is not closed; a backslash does not escape it.")
        inside = self._text[self._at + 1 : end]
        self._at = end + 1
        return inside

    def _double(self) -> str:
        pieces: list[str] = []
        at = self._at + 1
        while at < len(self._text):
            here = self._text[at]
            following = self._text[at + 1 : at + 2]
            if here == '"':
                self._at = at + 1
                return "".join(pieces)
            if here == "`" or (here == "\\" and following == "`"):
                self._refuse_syntax("`", "nothing is substituted here; use single quotes for text")
            # A dollar that begins no name, brace or parenthesis is plain text to a shell too.
            if here == "$" and following not in ('"', " ", "|", ")", "/"):
                self._refuse_syntax("$", "nothing is expanded here; use single quotes for text with a dollar sign")
            if here == "\\" and following in ('"', "\\", "$"):
                pieces.append(following)
                at += 2
                continue
            pieces.append(here)
            at += 1
        raise Refused("lexer.quote", "A double quote is not closed.")

    def _refuse_syntax(self, what: str, instead: str) -> NoReturn:
        raise Refused("lexer.syntax", f"{what!r} is shell syntax and no shell runs here: {instead}.")

"""What a search gives back: a passage of a document, with everything needed to cite it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CodeBlock:
    """A fenced code block: its info string's first word ("" if none), text without fences, first line number in the file."""

    language: str
    text: str
    line: int = 0


@dataclass(frozen=True, slots=True)
class Passage:
    """One chunk of a document: `heading` is the heading path from the title down, `lines` first and last line (1-based).

    `score` is the engine's own (higher is better, not comparable across queries); `id` is D1, D2… within one Run.
    """

    path: str
    heading: tuple[str, ...]
    lines: tuple[int, int]
    text: str
    score: float = 0.0
    code_blocks: tuple[CodeBlock, ...] = ()
    id: str = ""
    corpus: str = "built-in"

    @property
    def citation(self) -> str:
        """`file › heading:line`, as answers cite it."""
        return f"{self.path} › {self.heading[-1] if self.heading else ''}:{self.lines[0]}"

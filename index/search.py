"""A question to passages: terms, Whoosh's BM25F, then what a ranking by words alone cannot know.

Works for a sentence, for pasted kubectl output (of which the rarest terms are taken) and for finding codes.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from index.analyzer import Analysis
from index.markdown import SHELL_LANGUAGES, code_blocks
from index.passage import Passage
from index.semantic import fuse

RAREST_TERMS = 12
QUESTION_CHARACTERS = 60_000
TABLE_LINES = 20
CANDIDATES = 40
CHUNKS_PER_FILE = 2
NEAR_DUPLICATE = 0.7
CODE_BOOST = 20.0
NAMED_CODE_BOOST = 5.0
KIND_FACTOR = 1.08
_CODE = re.compile(r"\b[A-Z]+[a-z]+[A-Z][A-Za-z]*\b")


def find(
    searcher: Any,
    analysis: Analysis,
    text: str,
    limit: int = 8,
    codes: Sequence[str] = (),
    kinds: Sequence[str] = (),
    near: Sequence[Mapping[str, Any]] = (),
) -> list[Passage]:
    """The best passages for a question, best first; `codes` are finding codes and `kinds` object kinds that weigh in.

    `near` are stored chunks nearest in meaning, nearest first; with them the score is the fused rank's.
    Raises whatever Whoosh raises on a damaged index.
    """
    from whoosh.query import Or, Term

    reader = searcher.reader()
    text = text[:QUESTION_CHARACTERS]
    columns = _columns(text, analysis)
    chosen = _rarest(reader, {t: w for t, w in analysis.question(text).items() if t not in columns})
    clauses = [Term(field, term, boost=weight) for term, weight in chosen.items() for field in ("body", "head")]
    named = [c for c in dict.fromkeys(_CODE.findall(text)) if c not in codes]
    clauses += [Term("codes", code.lower(), boost=CODE_BOOST) for code in dict.fromkeys(codes)]
    clauses += [Term("codes", code.lower(), boost=NAMED_CODE_BOOST) for code in named[:RAREST_TERMS]]
    if not clauses:
        return [_passage(score, chunk) for score, _, chunk in _without_duplicates(_fused([], near), limit)]
    wanted = {k.lower() for k in kinds}
    ranked: list[tuple[float, int, Mapping[str, Any]]] = []
    query = Or(clauses)
    query.matcher_type = Or.ARRAY_MATCHER  # Whoosh takes a tree of pairs above 5,000 chunks, at twice the cost for the same hits
    for hit in searcher.search(query, limit=CANDIDATES):
        chunk = hit["chunk"]
        factor = float(chunk["weight"])
        if wanted and wanted & set(chunk["kinds"]):
            factor *= KIND_FACTOR
        ranked.append((hit.score * factor, hit.docnum, chunk))
    ranked.sort(key=lambda r: (-r[0], r[2]["path"], r[2]["lines"][0]))
    return [_passage(score, chunk) for score, _, chunk in _without_duplicates(_fused(ranked, near) if near else ranked, limit)]


def _fused(
    ranked: Sequence[tuple[float, int, Mapping[str, Any]]], near: Sequence[Mapping[str, Any]]
) -> list[tuple[float, int, Mapping[str, Any]]]:
    """Two rankings as one, by reciprocal rank."""
    chunks = {str(chunk["sha"]): chunk for chunk in near} | {str(chunk["sha"]): chunk for _, _, chunk in reversed(ranked)}
    scores = fuse([str(chunk["sha"]) for _, _, chunk in ranked], [str(chunk["sha"]) for chunk in near])
    return [(score, 0, chunks[sha]) for sha, score in sorted(scores.items(), key=lambda item: -item[1])]


def weighting() -> Any:
    """BM25F for short sections: length counts for less than Whoosh's default, and so does a word said again."""
    from whoosh.scoring import BM25F

    return BM25F(B=0.5, K1=0.8)


def _columns(text: str, analysis: Analysis) -> set[str]:
    """The terms of a long paste that say nothing: a table's columns are in a quarter of all lines, its figures everywhere."""
    lines = [line for line in text.split("\n") if line.strip()]
    if len(lines) <= TABLE_LINES:
        return set()
    counts = Counter(term for line in lines for term in set(analysis.terms(line)))
    return {term for term, count in counts.items() if count > len(lines) / 4 or term.isdigit()}


def _rarest(reader: Any, weights: Mapping[str, float]) -> dict[str, float]:
    """The rarest terms of a question that the index knows at all; common words cost most and say least."""
    known: list[tuple[int, str]] = []
    for term in weights:
        frequency = max(reader.doc_frequency("body", term), reader.doc_frequency("head", term))
        if frequency:
            known.append((frequency, term))
    return {term: weights[term] for _, term in sorted(known)[:RAREST_TERMS]}


def _without_duplicates(
    ranked: Sequence[tuple[float, int, Mapping[str, Any]]], limit: int
) -> Iterator[tuple[float, int, Mapping[str, Any]]]:
    """The first `limit` that are neither copies of a better one nor a third chunk of a file."""
    files: dict[str, int] = {}
    taken: list[Mapping[str, Any]] = []
    for row in ranked:
        chunk = row[2]
        if len(taken) >= limit:
            return
        if files.get(chunk["path"], 0) >= CHUNKS_PER_FILE or any(_is_near_duplicate(chunk, other) for other in taken):
            continue
        files[chunk["path"]] = files.get(chunk["path"], 0) + 1
        taken.append(chunk)
        yield row


def _is_near_duplicate(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    if one["sha"] == other["sha"]:
        return True
    a, b = set(one["sketch"]), set(other["sketch"])
    return bool(a and b) and len(a & b) >= NEAR_DUPLICATE * min(len(a), len(b))


def _passage(score: float, chunk: Mapping[str, Any]) -> Passage:
    first, last = chunk["lines"]
    return Passage(
        path=chunk["path"],
        heading=tuple(chunk["heading"]),
        lines=(first, last),
        text=chunk["text"],
        score=round(score, 4),
        code_blocks=code_blocks(chunk["text"], last),
        corpus=chunk["corpus"],
    )


def commands(passage: Passage) -> list[str]:
    """The command lines of a passage's shell blocks: prompts and comments off, continued lines joined. They are text, not yet judged."""
    found: list[str] = []
    for block in passage.code_blocks:
        if block.language not in SHELL_LANGUAGES:
            continue
        for line in re.sub(r"[ \t]*\\\n[ \t]*", " ", block.text).split("\n"):
            line = re.sub(r"^\s*[$#]\s", "", line).strip() if re.match(r"\s*\$\s", line) else line.strip()
            line = re.sub(r"\s+#\s.*$", "", line)
            if line and not line.startswith("#"):
                found.append(line)
    return found


def matches(text: str, analysis: Analysis, question: str) -> list[tuple[int, int]]:
    """Where a text matches a question: spans of characters, to mark in a snippet."""
    wanted = set(analysis.question(question))
    return [m.span() for m in re.finditer(r"\w+", text) if wanted & set(analysis.terms(m[0]))]


def snippet(text: str, analysis: Analysis, question: str, lines: int = 3) -> str:
    """The run of lines that holds most of the question's distinct terms."""
    rows = [row for row in text.split("\n") if row.strip() and not row.lstrip().startswith(("```", "~~~"))]
    wanted = set(analysis.question(question))
    held: list[Collection[str]] = [wanted & set(analysis.terms(row)) for row in rows]
    best = max(range(max(1, len(rows) - lines + 1)), key=lambda i: (len(set().union(*held[i : i + lines])), -i), default=0)
    return "\n".join(rows[best : best + lines])


@dataclass(frozen=True, slots=True)
class Advice:
    """A runbook's Fix section, and the sentences of it that speak most to the matter at hand."""

    passage: Passage
    sentences: tuple[str, ...]


def advice(text: str, analysis: Analysis, question: str, blocks: int = 2, characters: int = 220) -> list[str]:
    """The sentences of a section that speak most to a question, in its order: at most so many paragraphs or list items, each one line.

    Those that share no word with the question are left out, unless all are so.
    Code blocks, tables and headings are left out, since what stands in them is an example.
    """
    wanted = set(analysis.question(question))
    found = [_sentence(block, characters) for block in _prose(text)]
    shared = [len(wanted & set(analysis.terms(sentence))) for sentence in found]
    speaking = [i for i in range(len(found)) if shared[i]] or list(range(len(found)))
    ranked = sorted(speaking, key=lambda i: (-shared[i], i))
    return [found[i] for i in sorted(ranked[:blocks])]


def _prose(text: str) -> Iterator[str]:
    """The paragraphs and list items of a chunk, each as one line."""
    block: list[str] = []
    fence = ""
    for line in [*text.split("\n"), ""]:
        bare = line.strip()
        if fence or bare.startswith(("```", "~~~")):
            fence = "" if fence and bare.startswith(fence) else fence or bare[:3]
            bare = ""
        item = re.match(r"(?:[-*+]|\d+[.)])\s+", bare)
        if block and (item or not bare):
            yield " ".join(block)
            block = []
        if bare and not bare.startswith(("|", "#", "<!--")):
            block.append(bare[item.end() :] if item else bare)


def _sentence(block: str, characters: int) -> str:
    """A block cut behind the last whole sentence that fits, or else at a word."""
    block = " ".join(block.split()).rstrip(":")
    if len(block) <= characters:
        return block
    end = max(block.rfind(mark, 0, characters) for mark in (". ", "; "))
    return block[: end + 1].rstrip(";") if end > characters // 3 else block[:characters].rsplit(" ", 1)[0] + " …"

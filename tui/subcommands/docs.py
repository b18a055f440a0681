"""`docs search|list|index|show`: the documentation."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager

from engine.docs import DocsDesk
from tui.cli import FAILED, FINDINGS, OK, USAGE
from tui.subcommands.common import complain, painted, progress, say, say_json, settings_of


@contextmanager
def _desk(args: argparse.Namespace) -> Iterator[DocsDesk]:
    desk = DocsDesk(settings_of(args).index.docs)
    desk.open()
    try:
        for problem in desk.problems:
            complain(problem)
        yield desk
    finally:
        desk.close()


def search(args: argparse.Namespace) -> int:
    """Passages for a text, best first."""
    with _desk(args) as desk:
        found = desk.search(" ".join(args.text), limit=args.limit)
    if args.output == "json":
        rows = [
            {"path": p.path, "heading": " › ".join(p.heading), "lines": list(p.lines), "score": round(p.score, 3), "text": p.text}
            for p in found
        ]
        say_json({"passages": rows})
        return OK
    for passage in found:
        say(f"{painted(passage.citation, 'blue')}  {painted(f'{passage.score:.2f}', 'grey')}")
        for line in [line for line in passage.text.splitlines() if line.strip()][:4]:
            say(f"    {line}")
    if not found:
        say("nothing found; try other words, or `k8sagent docs list`")
    return OK


def list_documents(args: argparse.Namespace) -> int:
    """Every document."""
    with _desk(args) as desk:
        rows = desk.list()
    if args.output == "json":
        say_json({"documents": [{"path": r.path, "title": r.title, "corpus": r.corpus, "chunks": r.chunks} for r in rows]})
    else:
        for row in rows:
            say(f"{row.path}  {row.title}  {painted(row.corpus, 'grey')}")
    return OK


def index(args: argparse.Namespace) -> int:
    """Take in every change now."""
    with _desk(args) as desk:
        count = desk.rebuild(lambda done, total: progress(f"{done}/{total} documents"))
        problems = desk.problems
    if args.output == "json":
        say_json({"documents": count, "problems": problems})
    else:
        say(f"{count} documents indexed in {desk.cache}")
    return FINDINGS if problems else OK if count else FAILED


def show(args: argparse.Namespace) -> int:
    """Print a document."""
    with _desk(args) as desk:
        try:
            say(desk.show(args.path))
        except (LookupError, OSError) as error:
            complain(str(error))
            return USAGE
    return OK

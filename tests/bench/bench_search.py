"""The index on a large foreign corpus, beside SQLite's FTS5 on the same terms in the same run.

Prints CPU milliseconds of a query, build and update time, and size. Machines differ: read the ratios.
"""

from __future__ import annotations

import json
import random
import resource
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import index.store
from index.analyzer import analysis
from index.markdown import parse
from index.store import Folder, Library

pytestmark = pytest.mark.bench
ROOT = Path(__file__).resolve().parents[2]
ROWS = [json.loads(line) for line in (ROOT / "tests/data/queries.jsonl").read_text(encoding="utf-8").splitlines()]
QUERIES = [row["query"] for row in ROWS]
FILES = 1_000


def make_corpus(folder: Path) -> None:
    """A thousand documents of some six sections; words as frequent as in the runbooks, with a long tail of made-up names."""
    draw = random.Random(7)
    words = [w for p in sorted((ROOT / "docs/runbooks").glob("*.md")) for w in p.read_text(encoding="utf-8").split()]
    tail = [f"{draw.choice(['svc', 'job', 'node', 'shard'])}{draw.randrange(20_000)}alpha" for _ in range(20_000)]
    folder.mkdir()
    for number in range(FILES):
        parts = [f"# Document {number} {' '.join(draw.sample(words, 3))}"]
        for section in range(6):
            text = " ".join(draw.choice(tail) if draw.random() < 0.05 else draw.choice(words) for _ in range(draw.randint(60, 200)))
            parts.append(f"## Section {section} {draw.choice(words)}\n\n{text.replace('#', '')}")
        (folder / f"doc-{number}.md").write_text("\n\n".join(parts), encoding="utf-8")


def percentiles(ask: Callable[[str], object]) -> tuple[float, float]:
    spent = []
    for query in QUERIES:
        started = time.process_time()
        ask(query)
        spent.append((time.process_time() - started) * 1000)
    spent.sort()
    return spent[len(spent) // 2], spent[int(len(spent) * 0.95)]


def cpu() -> float:
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def size(folder: Path) -> float:
    return sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()) / 1e6


def test_a_large_corpus_beside_fts5(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    docs, cache = tmp_path / "docs", tmp_path / "cache"
    make_corpus(docs)
    library = Library([Folder(docs, "user")], cache)
    started = cpu()
    library.open()
    built = cpu() - started
    chunks = sum(row.chunks for row in library.list())
    library.close()

    library = Library([Folder(docs, "user")], cache)
    started = time.process_time()
    library.open()
    library.search(QUERIES[0])
    warm = (time.process_time() - started) * 1000
    p50, p95 = percentiles(library.search)

    monkeypatch.setattr(index.store, "CHECK_SECONDS", 0.0)
    (docs / "doc-1.md").write_text("# Changed\n\nzebracrossing\n", encoding="utf-8")
    started = time.process_time()
    assert library.search("zebracrossing")[0].path == "docs/doc-1.md"
    update = (time.process_time() - started) * 1000
    on_disk = size(cache)
    library.close()

    terms = analysis()
    started = cpu()
    table = sqlite3.connect(tmp_path / "fts.db")
    table.execute("create virtual table chunks using fts5(path unindexed, body)")
    for path in sorted(docs.glob("*.md")):
        for chunk in parse(path.read_text(encoding="utf-8"), path.name).chunks:
            table.execute(
                "insert into chunks values (?, ?)", (path.name, " ".join(terms.terms(" ".join(chunk.heading) + " " + chunk.text)))
            )
    table.commit()
    fts_built = cpu() - started

    def ask(query: str) -> list[tuple[str]]:
        match = " OR ".join(f'"{t}"' for t in list(terms.question(query))[:12])
        return table.execute("select path from chunks where chunks match ? order by rank limit 60", (match,)).fetchall() if match else []

    fts50, fts95 = percentiles(ask)
    print(f"\n{chunks} chunks of {FILES} documents, {size(docs):.1f} MB; {len(QUERIES)} queries; CPU time")
    print(f"{'':12}{'build s':>9}{'disk MB':>9}{'open+1st ms':>13}{'p50 ms':>8}{'p95 ms':>8}{'update ms':>11}")
    print(f"{'index':12}{built:9.1f}{on_disk:9.1f}{warm:13.0f}{p50:8.1f}{p95:8.1f}{update:11.0f}")
    fts_disk = (tmp_path / "fts.db").stat().st_size / 1e6
    print(f"{'fts5':12}{fts_built:9.1f}{fts_disk:9.1f}{'':13}{fts50:8.1f}{fts95:8.1f}")
    assert chunks > 5_000
    assert p50 < 7 * fts50
    assert p95 < 10 * fts95


def test_quality_beside_whoosh_out_of_the_box(tmp_path: Path) -> None:
    from whoosh.fields import ID, TEXT, Schema
    from whoosh.index import create_in
    from whoosh.qparser import MultifieldParser, OrGroup

    library = Library([Folder(ROOT / "docs/runbooks"), Folder(ROOT / "docs/guide")], tmp_path / "cache")
    library.open()
    (tmp_path / "default").mkdir()
    plain = create_in(str(tmp_path / "default"), Schema(path=ID(stored=True), title=TEXT, body=TEXT))
    writer = plain.writer()
    for folder in ("runbooks", "guide"):
        for path in sorted((ROOT / "docs" / folder).glob("*.md")):
            text = path.read_text(encoding="utf-8")
            writer.add_document(path=f"{folder}/{path.name}", title=parse(text, path.name).title, body=text)
    writer.commit()
    table = sqlite3.connect(":memory:")
    table.execute("create virtual table pages using fts5(path unindexed, title, body, tokenize='porter')")
    for row in library.list():
        table.execute("insert into pages values (?, ?, ?)", (row.path, row.title, library.show(row.path)))

    def fts(query: str) -> list[str]:
        match = " OR ".join(f'"{word}"' for word in "".join(c if c.isalnum() else " " for c in query).split())
        return [p for (p,) in table.execute("select path from pages where pages match ? order by rank limit 10", (match,))] if match else []

    def ours(query: str) -> list[str]:
        return [passage.path for passage in library.search(query, limit=10)]

    parsers = {
        "AND": MultifieldParser(["title", "body"], plain.schema),
        "OR": MultifieldParser(["title", "body"], plain.schema, group=OrGroup),
    }
    with plain.searcher() as searcher:

        def default(group: str) -> Callable[[str], list[str]]:
            return lambda query: [hit["path"] for hit in searcher.search(parsers[group].parse(query), limit=10)]

        engines = {"this index": ours, "whoosh, default": default("AND"), "whoosh, OR": default("OR"), "fts5, porter": fts}
        figures = {name: [quality(ask, form) for form in ("typed", "printed", "")] for name, ask in engines.items()}
    library.close()
    print(f"\n{len(ROWS)} labelled queries: MRR@10 / hit@5 as typed, as printed, all")
    for name, found in figures.items():
        print(f"{name:18}" + "".join(f"   {mrr:.3f} / {hit:.3f}" for mrr, hit in found))
    assert figures["this index"][2] > max(found[2] for name, found in figures.items() if name != "this index")


def quality(ask: Callable[[str], list[str]], form: str) -> tuple[float, float]:
    """Mean reciprocal rank within ten and hits within five over the queries of a form ("" = all)."""
    rows = [row for row in ROWS if form in ("", row["form"])]
    ranks = [next((n for n, path in enumerate(ask(row["query"]), 1) if path in row["relevant"]), 0) for row in rows]
    return sum(1 / n for n in ranks if n) / len(rows), sum(0 < n <= 5 for n in ranks) / len(rows)


def test_the_built_in_corpus_opens_warm_within_its_share(tmp_path: Path) -> None:
    folders = [Folder(ROOT / "docs/runbooks"), Folder(ROOT / "docs/guide")]
    first = Library(folders, tmp_path / "cache")
    first.open()
    first.close()
    spent = []
    for _ in range(5):
        library = Library(folders, tmp_path / "cache")
        started = time.process_time()
        library.open()
        library.search("why is checkout-api restarting?")
        spent.append((time.process_time() - started) * 1000)
        library.close()
    print(f"\nbuilt-in corpus, warm opening and first query: {min(spent):.0f} ms of CPU (whoosh imported already)")
    assert min(spent) < 150

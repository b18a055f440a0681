"""A question to passages: the labelled queries hold the quality, the rest holds what words alone cannot know."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from index.analyzer import Analysis, read_synonyms
from index.passage import CodeBlock, Passage
from index.search import advice, commands, matches, snippet
from index.store import Folder, Library

ROOT = Path(__file__).resolve().parents[2]
QUERIES = [json.loads(line) for line in (ROOT / "tests/data/queries.jsonl").read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    one = Library([Folder(ROOT / "docs/runbooks"), Folder(ROOT / "docs/guide")], tmp_path_factory.mktemp("cache"))
    one.open()
    yield one
    one.close()


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Callable[..., Library]]:
    made: list[Library] = []

    def make(**files: str) -> Library:
        for name, text in files.items():
            path = tmp_path / "docs" / name.replace("__", "/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.with_suffix(".md").write_text(text)
        made.append(Library([Folder(tmp_path / "docs")], tmp_path / "cache"))
        return made[-1]

    yield make
    for one in made:
        one.close()


def quality(rows: list[dict[str, Any]], ask: Callable[[str], list[str]]) -> tuple[float, float]:
    """Mean reciprocal rank within ten, and the share with a right page among the first five."""
    reciprocal = hits = 0.0
    for row in rows:
        rank = next((i for i, path in enumerate(ask(row["query"]), 1) if path in row["relevant"]), 0)
        reciprocal += 1 / rank if rank else 0
        hits += bool(rank and rank <= 5)
    return reciprocal / len(rows), hits / len(rows)


def test_the_labelled_queries_are_of_both_forms_and_name_pages_that_exist() -> None:
    forms = [row["form"] for row in QUERIES]

    assert min(forms.count("typed"), forms.count("printed")) >= 40
    assert len({row["query"] for row in QUERIES}) == len(QUERIES)
    assert [p for row in QUERIES for p in row["relevant"] if not (ROOT / "docs" / p).is_file()] == []


@pytest.mark.parametrize("form", ["typed", "printed"])
def test_the_right_page_is_found(library: Library, form: str) -> None:
    rows = [row for row in QUERIES if row["form"] == form]
    reciprocal, hits = quality(rows, lambda text: [p.path for p in library.search(text, limit=10)])

    assert reciprocal >= 0.88, f"MRR@10 of {form} queries is {reciprocal:.3f}"
    assert hits >= 0.95, f"hit@5 of {form} queries is {hits:.3f}"


def test_whoosh_out_of_the_box_finds_far_less() -> None:
    from whoosh.fields import ID, TEXT, Schema
    from whoosh.filedb.filestore import RamStorage
    from whoosh.qparser import MultifieldParser

    index = RamStorage().create_index(Schema(path=ID(stored=True), title=TEXT, body=TEXT))
    writer = index.writer()
    for path in sorted((ROOT / "docs/runbooks").glob("*.md")):
        text = path.read_text(encoding="utf-8")
        writer.add_document(path=f"runbooks/{path.name}", title=text.split("\n# ")[1].split("\n")[0], body=text)
    writer.commit()
    parser = MultifieldParser(["title", "body"], index.schema)
    with index.searcher() as searcher:
        reciprocal, hits = quality(QUERIES, lambda text: [hit["path"] for hit in searcher.search(parser.parse(text), limit=10)])

    assert (reciprocal, hits) < (0.5, 0.5)


def test_a_finding_code_brings_its_runbook_to_the_top_whatever_the_question_says(library: Library) -> None:
    assert library.search("crm-api is crash looping", codes=["ScaledToZero"])[0].path == "runbooks/scaled-to-zero.md"
    assert library.search("", codes=["OOMKilled"])[0].path == "runbooks/oom-killed.md"
    assert library.search("PVC", codes=["NoSuchCodeAnywhere"])[0].path.startswith("runbooks/")


def test_the_kinds_of_the_objects_at_hand_tip_the_balance(small: Callable[..., Library]) -> None:
    page = "---\nkinds: [{kind}]\n---\n# {title}\n\nwidget is stuck and says frobnicate\n"
    found = small(a=page.format(kind="Pod", title="One page about it"), b=page.format(kind="Node", title="Two pages about it"))

    assert found.search("frobnicate", kinds=["Node"])[0].path == "docs/b.md"
    assert found.search("frobnicate", kinds=["Pod"])[0].path == "docs/a.md"


def test_a_page_of_pasted_output_is_searched_by_its_rarest_terms(library: Library) -> None:
    filler = "\n".join(f"web-{i}-7d9f6b5c4-x2lq{i % 9} 1/1 Running 0 {i}m 10.244.1.{i % 250} worker-1 <none> <none>" for i in range(500))
    pasted = f"{filler}\n0/3 nodes are available: 3 Insufficient memory, 1 node(s) had untolerated taint\n{filler}"

    assert "runbooks/pod-pending.md" in [p.path for p in library.search(pasted)][:2]


@pytest.mark.parametrize("text", ["", "   ", "the and of", "zzqx yyvw", "\x00\x1b[31m", "AND OR ( \" ' * ? ~ [ ] : ^"])
def test_what_holds_no_known_word_finds_nothing_and_fails_nowhere(library: Library, text: str) -> None:
    assert library.search(text) == []


def test_copies_and_near_copies_are_shown_once(small: Callable[..., Library]) -> None:
    body = " ".join(f"sentence{i} about the ledger and its mountains of paper" for i in range(20))
    found = small(
        original=f"# Ledger\n\n{body}\n",
        copy=f"# Ledger\n\n{body}\n",
        nearly=f"# Ledger again\n\n{body} one word\n",
        other="# Other\n\nThe ledger of mountains is a different text with many other words that nobody wrote twice.\n",
    )

    assert len([p for p in found.search("ledger mountains") if p.path != "docs/other.md"]) == 1
    assert "docs/other.md" in [p.path for p in found.search("ledger mountains")]


def test_at_most_two_chunks_of_a_file(small: Callable[..., Library]) -> None:
    sections = "\n".join(f"## Part {i}\n\nThe gasket of number {i} leaks for reason {i * 7} in house {i * 3}.\n" for i in range(9))
    found = small(long=f"# Long\n\n{sections}", short="# Short\n\nA gasket is a seal.\n")

    assert sorted(p.path for p in found.search("gasket", limit=8)) == ["docs/long.md", "docs/long.md", "docs/short.md"]


def test_an_empty_template_ranks_below_a_page_that_says_something(small: Callable[..., Library]) -> None:
    found = small(
        template="# Gasket leaks\n\n## Gasket leaks\n\nTo be written.\n",
        real="# Engine room\n\nWhere a gasket leaks, close the valve first, drain the pipe, take off both flanges and fit a new seal.\n",
    )

    assert found.search("gasket leaks")[0].path == "docs/real.md"


def test_a_reference_page_ranks_below_a_runbook_of_the_same_words(small: Callable[..., Library]) -> None:
    found = small(
        reference__gasket="# Gasket\n\nThe gasket field sets which seal is fitted between the two pipes of a line, one of four.\n",
        runbooks__gasket="# Gasket\n\nThe gasket field sets which seal is fitted between the both pipes of that line, one in four.\n",
    )

    assert [p.path for p in found.search("gasket")] == ["docs/runbooks/gasket.md", "docs/reference/gasket.md"]


def test_passages_carry_their_code_blocks_with_lines_of_the_file(library: Library) -> None:
    passage = next(
        p
        for p in library.search("kubectl top pod working set memory limit", limit=8)
        if p.path == "runbooks/oom-killed.md" and p.code_blocks
    )
    lines = (ROOT / "docs" / passage.path).read_text(encoding="utf-8").splitlines()

    for block in passage.code_blocks:
        assert lines[block.line - 1] == block.text.split("\n")[0]


def test_commands_are_taken_from_shell_blocks_without_prompts_and_comments() -> None:
    text = "$ kubectl get pods \\\n  -n shop\n# a comment\nkubectl get nodes   # all of them\n\nkubectl get events"
    passage = Passage("x.md", ("X",), (1, 9), "", code_blocks=(CodeBlock("bash", text), CodeBlock("yaml", "kind: Pod")))

    assert [" ".join(c.split()) for c in commands(passage)] == ["kubectl get pods -n shop", "kubectl get nodes", "kubectl get events"]


def test_a_snippet_shows_the_lines_that_match_and_where() -> None:
    analysis = Analysis(read_synonyms("oom = OOMKilled"))
    text = "first line\n\nsecond line\nthe reason was OOMKilled\nexit code 137\nlast line"

    assert snippet(text, analysis, "oom with exit 137", lines=2) == "the reason was OOMKilled\nexit code 137"
    assert [text[a:b] for a, b in matches(text, analysis, "oom with exit 137")] == ["OOMKilled", "exit", "137"]
    assert snippet("", analysis, "oom") == ""


def test_advice_is_the_sentences_that_speak_to_the_question_and_never_an_example() -> None:
    text = (
        "- A bad release: go back.\n- A missing variable: give it from a Secret.\n\n```bash\nkubectl set env deployment/web\n```\n\n"
        "| variable | table |\n\nThe dependency is down. Mend it, since nothing here helps: "
        + "it comes back by itself at the next start of the pod. "
        * 6
    )

    assert advice(text, Analysis(), "environment variable STRIPE_API_KEY is missing", blocks=1) == [
        "A missing variable: give it from a Secret."
    ]
    both = advice(text, Analysis(), "dependency down, variable missing")
    assert both[0] == "A missing variable: give it from a Secret."
    assert both[1].startswith("The dependency is down. Mend it")
    assert len(both[1]) <= 220
    assert both[1].endswith(".")
    assert advice("```bash\nkubectl get pods\n```", Analysis(), "pods") == []


def test_every_runbook_s_fix_says_something_in_words(library: Library) -> None:
    silent = []
    for row in library.list():
        fixes = [section for section in library.sections(row.path) if section.heading[-1] == "Fix"]
        if fixes and not advice(fixes[0].text, library.analysis, row.title):
            silent.append(row.path)
    assert silent == []

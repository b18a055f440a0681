"""Finding by meaning beside finding by words: what it adds, when it keeps out of the way, and what happens when its model fails."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

import index.store
from index.semantic import BATCH, Embedder, Vectors, fuse, is_output
from index.store import Folder, Library

ROOT = Path(__file__).resolve().parents[2]
MEANINGS = (("memory", "oom", "ram", "hungry"), ("name", "dns", "resolve", "address book"))
Make = Callable[..., Library]


class Model:
    """Vectors that count words of two meanings; remembers what it was asked, and fails on request."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.calls = 0
        self.error: Exception | None = None

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        self.calls += 1
        if self.error is not None:
            raise self.error
        self.asked.extend(texts)
        return [[0.01 + sum(text.lower().count(word) for word in words) for words in MEANINGS] for text in texts]


@pytest.fixture
def model() -> Model:
    return Model()


@pytest.fixture
def make(tmp_path: Path, model: Model, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    monkeypatch.setattr(index.store, "CHECK_SECONDS", 0.0)
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "oom.md").write_text("# Killed by the kernel\n\nThe limit of memory was reached: OOMKilled, more RAM or less hunger.\n")
    (docs / "dns.md").write_text("# Names\n\nThe name does not resolve: DNS says no such host, look at CoreDNS and its service.\n")
    (docs / "app.md").write_text(
        "# Greedy application\n\nA greedy application takes what it gets, and its users wait for it all the day.\n"
    )
    made: list[Library] = []

    def begin(embedder: Embedder | None = None) -> Library:
        one = Library([Folder(docs)], tmp_path / "cache", embedder=embedder or Embedder("m", model.embed, "q: ", "d: "))
        one.open()
        made.append(one)
        return one

    yield begin
    for one in made:
        one.close()


def paths(library: Library, text: str, **options: object) -> list[str]:
    return [p.path for p in library.search(text, **options)]  # type: ignore[arg-type]


def test_a_page_without_any_word_of_the_question_is_found_by_its_meaning(make: Make, model: Model) -> None:
    library = make()
    assert "docs/oom.md" not in paths(library, "greedy and hungry application")
    library.embed()

    assert set(paths(library, "greedy and hungry application")) >= {"docs/app.md", "docs/oom.md"}
    assert paths(library, "greedy and hungry application")[0] == "docs/app.md", "words weigh twice as much as meaning"
    assert paths(library, "the hungry")[0] == "docs/oom.md"
    assert model.asked[0].startswith("d: Killed by the kernel\n") or model.asked[0].startswith("d: ")
    assert model.asked[-1] == "q: the hungry"


def test_vectors_are_kept_by_the_hash_of_the_chunk(make: Make, model: Model, tmp_path: Path) -> None:
    first = make()
    first.embed()
    first.close()
    assert len(model.asked) == 3
    second = make()
    second.embed()
    assert len(model.asked) == 3
    (tmp_path / "docs" / "new.md").write_text("# New\n\nAn address book is a kind of DNS for people, so to speak of old times.\n")
    assert paths(second, "speak of people")[0] == "docs/new.md"
    assert second.missing == 1
    second.embed()

    assert [text.split("\n")[0] for text in model.asked if text.startswith("d: ")][-1] == "d: New"
    assert paths(second, "the address books")
    assert second.missing == 0


@pytest.mark.parametrize(
    "text",
    [
        "Warning  BackOff  2m (x70 over 47m)  kubelet  Back-off restarting failed container, hungry",
        "NAME   READY   STATUS\nweb-1  0/1   hungry",
        'Error: configmap "hungry" not found',
    ],
)
def test_pasted_output_goes_by_words_alone(make: Make, model: Model, text: str) -> None:
    library = make()
    library.embed()
    before = model.calls
    library.search(text)

    assert is_output(text)
    assert model.calls == before


def test_a_finding_code_goes_by_words_alone(make: Make, model: Model) -> None:
    library = make()
    library.embed()
    before = model.calls
    library.search("why is it hungry", codes=["OOMKilled"])

    assert model.calls == before


def test_the_labelled_queries_are_told_apart() -> None:
    rows = [json.loads(line) for line in (ROOT / "tests/data/queries.jsonl").read_text(encoding="utf-8").splitlines()]
    typed = [row["query"] for row in rows if row["form"] == "typed"]
    pasted = [row["query"] for row in rows if row["form"] == "printed"]

    assert sum(map(is_output, typed)) <= len(typed) * 0.03
    assert sum(map(is_output, pasted)) >= len(pasted) * 0.9


def test_a_model_that_fails_leaves_the_words_and_is_not_asked_again_at_once(make: Make, model: Model) -> None:
    library = make()
    model.error = ConnectionError("nobody listens")
    library.embed()
    assert paths(library, "greedy application") == ["docs/app.md"]
    (problem,) = library.problems
    assert "keywords alone are used: nobody listens" in problem
    assert library.missing == 0, "nothing is asked for again while the model is down"

    model.error = None
    library.embed()
    model.error = ConnectionError("gone again")
    before = model.calls
    library.search("hungry")
    library.search("hungry")
    assert model.calls == before + 1


@pytest.mark.parametrize("vectors", [[], [[]], [[0.0, 0.0]], [[1.0], [1.0], [1.0], [1.0]]])
def test_vectors_that_are_none_are_refused(tmp_path: Path, vectors: list[list[float]]) -> None:
    one = Vectors(Embedder("m", lambda texts: vectors), tmp_path)
    one.compute({"a": "text"})

    assert len(one) == 0
    assert "keywords alone are used" in one.problem


def test_a_damaged_file_of_vectors_is_made_anew(make: Make, model: Model, tmp_path: Path) -> None:
    first = make()
    first.embed()
    first.close()
    (path,) = (tmp_path / "cache").glob("vectors-*.sqlite3")
    path.write_bytes(b"rubbish" * 100)
    second = make()
    second.embed()

    assert len(model.asked) == 6
    assert second.problems == []
    assert "docs/oom.md" in paths(second, "the hungry")


def test_closing_ends_the_making_of_vectors_after_the_batch(tmp_path: Path) -> None:
    class Cancel:
        cancelled = False

        def wait(self, seconds: float) -> bool:
            return self.cancelled

    cancel = Cancel()

    def embed(texts: Sequence[str]) -> list[list[float]]:
        cancel.cancelled = True
        return [[1.0] for _ in texts]

    one = Vectors(Embedder("m", embed), tmp_path)
    one.compute({str(n): "text" for n in range(5 * BATCH)}, cancel)

    assert len(one) == BATCH


def test_threads_search_while_vectors_are_made(make: Make) -> None:
    library = make()
    errors: list[BaseException] = []

    def ask() -> None:
        try:
            for _ in range(20):
                assert paths(library, "greedy and hungry application")[0] == "docs/app.md"
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    library.embed()
    for thread in threads:
        thread.join()

    assert errors == []


def test_fusion_is_by_rank() -> None:
    scores = fuse(["a", "b", "c"], ["c", "d"])

    assert sorted(scores, key=lambda sha: -scores[sha]) == ["c", "a", "b", "d"]
    assert fuse(["a", "b"], []) == {"a": 1 / 61, "b": 1 / 62}

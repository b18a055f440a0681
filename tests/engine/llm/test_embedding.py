"""`[index] semantic`: vectors from an Ollama server, and a clear word where it cannot give any."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest
from fakes.ollama_server import OllamaServer

from engine.agent.documentation import Documentation
from engine.core.config import IndexSettings, ModelSection, Settings
from engine.llm.chat_model import ModelError
from engine.llm.servers.embedding import OllamaEmbedding
from index.store import Folder, Library


def settings(host: str, **changes: object) -> Settings:
    return dataclasses.replace(Settings(), index=IndexSettings(semantic=True, **changes), model=ModelSection(host=host))  # type: ignore[arg-type]


@pytest.fixture
def server() -> Iterator[OllamaServer]:
    with OllamaServer(models=("nomic-embed-text",), capabilities=("embedding",)) as one:
        yield one


def test_off_by_default() -> None:
    assert OllamaEmbedding(Settings()).embedder is None


def test_vectors_come_from_ollama_with_the_prefixes_of_the_model(server: OllamaServer) -> None:
    source = OllamaEmbedding(settings(server.url))
    embedder = source.embedder
    assert embedder is not None
    try:
        assert embedder.embed(["one", "three"]) == [[3.0, 1.0], [5.0, 1.0]]
        assert (embedder.question_prefix, embedder.document_prefix) == ("search_query: ", "search_document: ")
        assert server.requests[-1].body["model"] == "nomic-embed-text"
    finally:
        source.close()


def test_another_model_gets_no_prefix() -> None:
    embedder = OllamaEmbedding(settings("", embed_model="bge-m3")).embedder
    assert embedder is not None
    assert (embedder.question_prefix, embedder.document_prefix) == ("", "")


@pytest.mark.parametrize("absent", ["the model", "the server"])
def test_an_absent_model_is_named_with_its_remedy_and_words_alone_decide(
    server: OllamaServer, absent: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    source = OllamaEmbedding(settings(server.url if absent == "the model" else "http://127.0.0.1:9", embed_model="mxbai-embed-large"))
    embedder = source.embedder
    assert embedder is not None
    with pytest.raises(ModelError):
        embedder.embed(["x"])

    docs = tmp_path_factory.mktemp("pages")
    (docs / "a.md").write_text("# A\n\nThe gasket leaks.\n")

    class Small(Documentation):
        def _create(self) -> Library:
            return Library([Folder(docs)], tmp_path_factory.mktemp("cache"), embedder=self._embedder)

    desk = Small(embedder=embedder)
    desk.open()
    try:
        assert desk._threads.join(10)
        assert [p.heading[-1] for p in desk.search("gasket")] == ["A"]
        (problem,) = desk.problems
        assert "keywords alone are used" in problem
        assert ("ollama pull mxbai-embed-large" if absent == "the model" else "127.0.0.1:9") in problem
    finally:
        source.close()
        desk.close()

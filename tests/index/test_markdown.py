"""A document file to chunks: headings, line ranges, whole code blocks, front matter, and files that are not what they claim."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.markdown import CHUNK_CHARACTERS, MAX_BLOCK_CHARACTERS, NotText, decode, parse, read_text
from index.passage import CodeBlock

RUNBOOK = """---
title: Container killed for memory
codes: [OOMKilled]
kinds: Pod, Deployment
tags: [memory]
---
# Container killed for memory

Intro.

## Diagnose

```bash
# this is a comment, not a heading
kubectl top pod my-pod
```

### On the node

~~~text
## not a heading either
~~~

## Fix

Raise the limit.
"""


def test_chunks_follow_the_headings_with_path_and_lines() -> None:
    document = parse(RUNBOOK, "oom.md")

    assert [(c.heading, c.lines) for c in document.chunks] == [
        (("Container killed for memory",), (7, 9)),
        (("Container killed for memory", "Diagnose"), (11, 16)),
        (("Container killed for memory", "Diagnose", "On the node"), (18, 22)),
        (("Container killed for memory", "Fix"), (24, 26)),
    ]


def test_front_matter_gives_title_codes_kinds_and_tags() -> None:
    document = parse(RUNBOOK, "oom.md")

    assert document.title == "Container killed for memory"
    assert (document.codes, document.kinds, document.tags) == (("OOMKilled",), ("Pod", "Deployment"), ("memory",))
    assert document.problems == ()


def test_code_blocks_are_whole_typed_and_know_their_line() -> None:
    diagnose, node = parse(RUNBOOK, "oom.md").chunks[1:3]

    assert diagnose.code_blocks == (CodeBlock("bash", "# this is a comment, not a heading\nkubectl top pod my-pod", 14),)
    assert node.code_blocks == (CodeBlock("text", "## not a heading either", 21),)


@pytest.mark.parametrize(
    "front",
    ["title: [unclosed", "title: *nowhere", "- just\n- a list", "title: !!python/object/apply:os.system ['true']", "a: b: c"],
)
def test_broken_front_matter_is_a_problem_and_the_text_is_still_read(front: str) -> None:
    document = parse(f"---\n{front}\n---\n# Real title\n\nThe text.\n", "broken.md")

    assert document.title == "Real title"
    assert document.chunks[0].text == "The text."
    assert "front matter" in document.problems[0]


def test_front_matter_without_an_end_is_text() -> None:
    document = parse("---\ntitle: x\n\n# Heading\n\nText.\n", "open.md")

    assert document.chunks[-1].text == "Text."
    assert "no closing" in document.problems[0]


def test_a_bomb_of_aliases_in_the_front_matter_stays_small() -> None:
    rows = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"] + [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12)]
    document = parse("---\n" + "\n".join(rows) + "\ntags: *a11\n---\n# T\n\ntext\n", "bomb.md")

    assert document.tags == ()
    assert document.chunks[0].text == "text"


def test_a_long_section_is_cut_between_paragraphs_and_never_inside_a_fence() -> None:
    paragraph = "word " * 100
    fence = "```bash\n" + "kubectl get pods\n" * 150 + "```"
    text = "# T\n\n" + f"{paragraph}\n\n" * 8 + fence + f"\n\n{paragraph}\n"
    chunks = parse(text, "long.md").chunks

    assert len(chunks) > 2
    assert [c for c in chunks if "kubectl" in c.text] == [c for c in chunks if len(c.code_blocks) == 1]
    assert all(len(c.text) <= CHUNK_CHARACTERS for c in chunks if not c.code_blocks)
    lines = text.split("\n")
    for chunk in chunks[1:]:
        assert "\n".join(lines[chunk.lines[0] - 1 : chunk.lines[1]]) == chunk.text


def test_one_endless_line_and_one_endless_fence_are_cut_all_the_same() -> None:
    for text in ("x" * 100_000, "```\n" + "line\n" * 50_000):
        chunks = parse(f"# T\n\n{text}", "endless.md").chunks
        assert len(chunks) > 5
        assert max(len(c.text) for c in chunks) <= MAX_BLOCK_CHARACTERS + CHUNK_CHARACTERS


def test_setext_headings_count_and_rules_and_tables_do_not() -> None:
    text = "Title\n=====\n\nintro\n\nPart\n----\n\nbody\n\n---\n\n| a | b |\n|---|---|\n| 1 | 2 |\n"
    document = parse(text, "setext.md")

    assert [c.heading for c in document.chunks] == [("Title",), ("Title", "Part")]
    assert "| 1 | 2 |" in document.chunks[1].text


def test_headings_in_html_comments_and_indented_code_are_text() -> None:
    chunks = parse("# T\n\n<!--\n# no\n-->\n\n    # no\n\nyes\n", "t.md").chunks

    assert [c.heading for c in chunks] == [("T",)]


def test_formatting_is_taken_out_of_headings() -> None:
    chunks = parse("# The `kubectl` [guide](http://x.example) **now** ##\n\ntext\n", "t.md").chunks

    assert chunks[0].heading == ("The kubectl guide now",)


def test_restructured_text_has_headings_and_code() -> None:
    text = "=====\nTitle\n=====\n\nIntro.\n\nPart\n----\n\n.. code-block:: bash\n\n   kubectl get pods\n   kubectl get nodes\n\nAfter.\n"
    document = parse(text, "guide.rst")

    assert document.title == "Title"
    assert [c.heading for c in document.chunks] == [("Title",), ("Title", "Part")]
    assert document.chunks[1].code_blocks[0].language == "bash"
    assert document.chunks[1].code_blocks[0].text.strip() == "kubectl get pods\nkubectl get nodes"
    assert document.chunks[1].text.endswith("After.")


def test_plain_text_takes_its_first_line_as_title_and_hashes_as_text() -> None:
    document = parse("Restoring the ledger\n\n# step one\nrun it\n", "ledger.txt")

    assert document.title == "Restoring the ledger"
    assert "# step one" in document.chunks[0].text


def test_an_empty_file_has_a_title_and_no_chunks() -> None:
    document = parse("", "node-not-ready.md")

    assert (document.title, document.chunks) == ("node not ready", ())


@pytest.mark.parametrize("raw", [b"\x00\x01\x02PNG", bytes(range(128, 256)) * 50])
def test_binary_content_is_not_text(raw: bytes) -> None:
    with pytest.raises(NotText):
        decode(raw)


def test_terminal_escapes_and_carriage_returns_do_not_survive(tmp_path: Path) -> None:
    path = tmp_path / "evil.md"
    path.write_bytes(b"\xef\xbb\xbf# T\r\n\r\n\x1b]0;owned\x07text \x1b[31mred\x9b5m\r\n")

    assert not set(read_text(path)) & {"\x1b", "\x07", "\x9b", "\r", "\ufeff"}


def test_utf16_with_its_mark_is_read() -> None:
    assert decode("# Größe".encode("utf-16")) == "# Größe"


@given(st.text(alphabet=st.sampled_from("#=-`~ \n\tab:.|>*<!"), max_size=400), st.sampled_from(["a.md", "a.rst", "a.txt"]))
def test_any_text_is_cut_into_lines_that_exist_and_nothing_is_lost(text: str, name: str) -> None:
    chunks = parse(text, name).chunks

    last = text.count("\n") + 1
    assert all(1 <= c.lines[0] <= c.lines[1] <= last for c in chunks)
    assert [c.lines[0] for c in chunks] == sorted(c.lines[0] for c in chunks)
    if name == "a.txt":
        assert "".join("".join(c.text.split()) for c in chunks) == "".join(text.split())

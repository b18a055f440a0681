"""The built-in runbooks: one shape, commands that the policy knows, examples that parse."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from engine.analyzers.check import check
from engine.analyzers.common.view import ClusterView
from engine.cluster.recordings.recorded_cluster import open_recording
from engine.commands.policy.policy import Policy
from engine.core.paths import resource_path
from index.markdown import parse
from index.passage import Passage
from index.search import commands

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs/runbooks"
RUNBOOKS = {path.stem: parse(path.read_text(encoding="utf-8"), path.name) for path in sorted(FOLDER.glob("*.md"))}
SHAPE = ["Symptoms", "Likely causes", "Diagnose", "Fix", "Verify", "Prevent"]


def test_one_shape() -> None:
    for name, document in RUNBOOKS.items():
        assert document.problems == (), name
        assert list(dict.fromkeys(c.heading[1] for c in document.chunks)) == SHAPE, name
        assert document.kinds, name
        assert document.tags, name
        assert document.chunks[0].heading[0] == document.title, name


def test_every_runbook_has_a_title_of_its_own_and_no_code_is_claimed_twice() -> None:
    titles = [d.title for d in RUNBOOKS.values()]
    codes = [code for d in RUNBOOKS.values() for code in d.codes]

    assert len(set(titles)) == len(titles)
    assert {c for c in codes if codes.count(c) > 1} == set()
    assert [c for c in codes if not re.fullmatch(r"[A-Z][A-Za-z]+", c)] == []


def test_references_in_italics_name_a_runbook() -> None:
    titles = [d.title for d in RUNBOOKS.values()]
    named = [m for d in RUNBOOKS.values() for c in d.chunks for m in re.findall(r"[Ss]ee \*([^*]+)\*", c.text)]

    assert len(named) > 10
    assert [n for n in named if not any(t.startswith(n) for t in titles)] == []


def test_commands_pass_the_policy_with_the_class_of_their_section() -> None:
    """A bash block is for this program: Diagnose and Verify read (or start a process in a pod, which asks); a sh block is for a person."""
    policy = Policy()
    wrong: list[str] = []
    for name, chunk in ((name, chunk) for name, document in RUNBOOKS.items() for chunk in document.chunks):
        blocks = tuple(b for b in chunk.code_blocks if b.language == "bash")
        for command in commands(Passage("", chunk.heading, chunk.lines, chunk.text, code_blocks=blocks)):
            risk = policy.judge(command).verdict.risk
            starts = re.match(r"kubectl (exec|run) ", command) is not None
            allowed = {"Diagnose": {"read"}, "Verify": {"read"}}.get(chunk.heading[1], {"read", "mutate", "destructive"})
            if risk not in (allowed | {"mutate"} if starts else allowed):
                wrong.append(f"{name}, {chunk.heading[1]}: {risk}: {command}")
    assert wrong == []


def test_python_examples_parse() -> None:
    for name, document in RUNBOOKS.items():
        for block in (block for chunk in document.chunks for block in chunk.code_blocks):
            if block.language == "python":
                ast.parse(block.text, name)


def test_every_block_says_what_it_is() -> None:
    known = {"bash", "sh", "text", "yaml", "python"}
    assert {b.language for d in RUNBOOKS.values() for c in d.chunks for b in c.code_blocks} <= known


def test_every_finding_code_of_the_analyzers_has_a_runbook() -> None:
    """The codes that stand in the analyzers' source, and those of all findings in the bundled recording."""
    written = {
        node.value.value
        for path in (ROOT / "engine/analyzers").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.keyword) and node.arg == "code" and isinstance(node.value, ast.Constant)
    }
    found = {finding.code for finding in check(ClusterView.of(open_recording(resource_path("demo")))).findings}
    covered = {code for document in RUNBOOKS.values() for code in document.codes}

    assert len(written) > 30
    assert len(found) > 10
    assert sorted((written | found) - covered) == []

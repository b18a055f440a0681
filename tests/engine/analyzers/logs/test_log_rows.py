"""Whole logs of many programs: the first finding names the cause, and healthy logs give none."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from engine.analyzers.log_patterns import known_patterns
from engine.analyzers.log_patterns.pattern import compiled, regex_words, text_words
from engine.analyzers.logs.reader import analyze_text, explain
from index.markdown import parse

ROOT = Path(__file__).parents[4]
LOGS = ROOT / "tests/data/logs"


def rows(name: str) -> list[dict[str, object]]:
    return tomllib.loads((LOGS / name).read_text(encoding="utf-8"))["log"]


@pytest.mark.parametrize("name", sorted(p.name for p in LOGS.glob("*.toml") if p.name != "healthy.toml"))
def test_the_first_finding_names_the_cause(name: str) -> None:
    wrong = []
    for row in rows(name):
        found = analyze_text(str(row["log"]))
        summary = found[0].summary if found else "no finding"
        if not all(re.search(wanted, summary, re.IGNORECASE) for wanted in row["expect"]):  # type: ignore[attr-defined]
            wrong.append(f"{row['id']}: {summary[:160]}")
    assert wrong == []


def test_a_healthy_log_gives_nothing() -> None:
    wrong = []
    for row in rows("healthy.toml"):
        lines = str(row["log"]).splitlines()
        told = explain(lines, ended=False)
        wrong += [f"{row['id']}: {finding.summary[:160]}" for finding in analyze_text(str(row["log"]))]
        wrong += [f"{row['id']} running: {told.says[:160]}"] if told is not None else []
    assert wrong == []


def test_every_pattern_is_tried_on_its_own_words_and_has_a_runbook() -> None:
    """The words that a line must hold are worked out from the pattern itself, so that no second list can forget one."""
    covered = {code for path in (ROOT / "docs/runbooks").glob("*.md") for code in parse(path.read_text(encoding="utf-8"), path.name).codes}
    unsaid, missed = set(), []
    for pattern in known_patterns().patterns:
        unsaid |= {pattern.code} - covered
        for text in pattern.texts:
            line = re.sub(r"\{(\w+)\}|\.\.\.", lambda hole: _EXAMPLES.get((hole[1] or "").rstrip("0123456789"), "x1"), text)
            hit = compiled(text, True, False).search(line)
            if hit is None or not any(p is pattern for p, _ in known_patterns().hits(line)):
                missed.append(text)
    assert missed == []
    assert sorted(unsaid) == []


_EXAMPLES = {"host": "db-0.db", "path": "/data/x.db", "number": "17", "port": "8080", "version": "8.0.1", "name": "orders"}


def test_the_words_of_a_pattern_are_the_longest_that_every_match_holds() -> None:
    assert text_words("Unable to lock {path} error: {number}") == ("unable to lock",)
    assert set(regex_words(r"(?:connection refused|ECONNREFUSED) by (?P<host>\S+)")) == {"connection refused", "econnrefused"}
    assert regex_words(r"\d+ [a-z]?") == ()

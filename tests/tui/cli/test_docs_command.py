"""`k8sagent docs …` as a script and a person see it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.core.events import AnswerFinished, QueryClassified, QueryReceived, RunFinished
from engine.core.types import Answer, ObjectRef, RootCause
from engine.session.incidents import incidents_folder
from engine.session.transcript import Session, sessions_folder
from index.markdown import parse
from tui.cli.main import main

CAUSE = RootCause("web lacks its Secret", ObjectRef("Deployment", "shop", "web"), 0.8, code="MissingSecret")


def docs(*argv: str) -> int:
    return main(["docs", *argv])


def test_search_says_where_shows_the_lines_and_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert docs("search", "missing", "environment", "variable", "crash", "fix", "--limit", "4") == 0
    out = capsys.readouterr().out.splitlines()

    where = [line for line in out if not line.startswith(" ")]
    assert len(where) == 4
    assert where[0].startswith("runbooks/crash-loop.md › ")
    assert where[0].split("  ")[0].rsplit(":", 1)[1].isdigit()
    assert any("variable" in line for line in out if line.startswith("    "))
    assert any(line.startswith(("    $ kubectl ", "    kubectl ")) for line in out)
    assert not any("```" in line for line in out)


def test_search_as_json_keeps_its_shape(capsys: pytest.CaptureFixture[str]) -> None:
    assert docs("search", "OOMKilled", "--output", "json") == 0
    (first, *_) = json.loads(capsys.readouterr().out)["passages"]

    assert set(first) == {"path", "heading", "lines", "score", "text"}


def test_a_past_incident_is_found_below_listed_and_shown(capsys: pytest.CaptureFixture[str]) -> None:
    incidents_folder().mkdir(parents=True, mode=0o700)
    text = '---\ntitle: "MissingSecret: Deployment/web"\ncodes: [MissingSecret]\n---\n# web\n\nfrobnicated gizmo\n'
    (incidents_folder() / "20260105-101500-web-1a2b3c4d.md").write_text(text)

    assert docs("search", "frobnicated", "gizmo") == 0
    assert "past incidents\nincidents/20260105-101500-web-1a2b3c4d.md  MissingSecret: Deployment/web" in capsys.readouterr().out
    assert docs("list") == 0
    assert "incidents/20260105-101500-web-1a2b3c4d.md" in capsys.readouterr().out
    assert docs("show", "incidents/20260105-101500-web-1a2b3c4d.md") == 0
    assert capsys.readouterr().out == text


def a_session(answer: Answer) -> str:
    session = Session(sessions_folder())
    for event in (
        QueryReceived(query="why?", context="demo", namespace="shop", run="r", at=1.0),
        QueryClassified(tier="troubleshooting", reason="why", run="r"),
        AnswerFinished(answer=answer, run="r"),
        RunFinished(run="r"),
    ):
        session.append(event)
    session.close()
    return session.id


def test_draft_prints_a_runbook_of_a_saved_session(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert docs("draft", a_session(Answer("troubleshooting", "…", root_causes=(CAUSE,)))) == 0
    parsed = parse(capsys.readouterr().out, "draft.md")

    assert parsed.title == "MissingSecret: Deployment/web"
    assert parsed.codes == ("MissingSecret",)


def test_draft_says_why_there_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert docs("draft", "nosuch") == 2
    assert "no session 'nosuch'" in capsys.readouterr().err
    assert docs("draft", a_session(Answer("troubleshooting", "Healthy."))) == 5
    assert "no root cause to draft from" in capsys.readouterr().err

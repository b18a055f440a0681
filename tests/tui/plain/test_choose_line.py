"""A choice on a line terminal: a number of the list chooses, everything else goes on without."""

import io

import pytest

from engine.core.types import Choice, ChoiceRequest
from tui.cli.questions.troubleshoot import choose_line

WHICH = ChoiceRequest("Q1", "Which api?", (Choice("shop/api", "api in shop", "2 of 3 ready"), Choice("web/api", "api in web")))


@pytest.mark.parametrize(
    ("typed", "chosen"),
    [("1\n", "shop/api"), (" 2 \n", "web/api"), ("3\n", ""), ("0\n", ""), ("-1\n", ""), ("²\n", ""), ("\n", ""), ("", "")],
)
def test_only_a_number_of_the_list_chooses(typed: str, chosen: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    out = io.StringIO()
    assert choose_line(WHICH, out) == chosen
    assert "1  api in shop  (2 of 3 ready)" in out.getvalue()

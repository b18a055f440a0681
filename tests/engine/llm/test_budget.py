"""What a question may spend, and what is kept when not everything fits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.types import Evidence
from engine.llm.budget import Budget, BudgetSpent, Estimator, estimate
from engine.llm.chat_model import Final, Message
from engine.llm.prompts.truncation import cut, fit_evidence, fit_passages, fold, share
from index.passage import Passage


class Silent:
    """A model that is only counted for."""

    name = "silent"
    server = "nowhere"


MODEL = Silent()
PROMPT = [Message("system", "Be brief."), Message("user", "why is web down? " * 20)]


def test_an_estimate_is_rather_too_high():
    assert estimate("") == 0
    assert estimate("the pod is not ready") == 5
    assert estimate("CrashLoopBackOff") == 3
    assert estimate("2026-11-23T07:06:42Z") >= 14
    assert estimate("日本語") >= 6


def test_estimates_follow_the_servers_count_and_keep_to_the_highest_of_the_last():
    estimator = Estimator()
    base = estimator.messages(PROMPT)
    estimator.learn(PROMPT, base * 3 // 2)
    estimator.learn(PROMPT, base)
    assert estimator.messages(PROMPT) == pytest.approx(base * 1.5, abs=2)
    for _ in range(5):
        estimator.learn(PROMPT, base)
    assert estimator.messages(PROMPT) == base


@pytest.mark.parametrize("counted", [0, -1, 1, 10**9])
def test_a_count_that_cannot_be_is_not_learned(counted):
    estimator = Estimator()
    base = estimator.messages(PROMPT)
    estimator.learn(PROMPT, counted)
    assert estimator.messages(PROMPT) == base


def test_the_ledger_says_what_was_in_the_window_and_what_it_cost():
    budget = Budget(1000)
    budget.spend("classify", MODEL, PROMPT, Final(prompt_tokens=120, answer_tokens=9, seconds=0.5))
    budget.spend("diagnose", MODEL, PROMPT, Final())
    first, second = budget.spent
    assert (first.task, first.prompt_tokens, first.answer_tokens, first.counted) == ("classify", 120, 9, True)
    assert second.counted is False
    assert second.prompt_tokens == sum(second.parts.values()) + 16
    assert budget.left == 1000 - 120 - second.prompt_tokens
    assert budget.metrics == {"model_requests": 2, "prompt_tokens": 120 + second.prompt_tokens, "answer_tokens": 9, "model_seconds": 0.5}


def test_a_prompt_beyond_what_is_left_is_not_admitted():
    budget = Budget(150)
    budget.admit(MODEL, PROMPT)
    budget.spend("classify", MODEL, PROMPT, Final(prompt_tokens=100))
    with pytest.raises(BudgetSpent, match="50 are left"):
        budget.admit(MODEL, PROMPT)


def test_lines_of_one_template_are_folded_with_their_count():
    lines = [f"2026-11-23T07:06:{n:02d}.123456789Z GET /health 200 in {n}ms" for n in range(10)] + ["", "started"]
    assert fold(lines) == ["07:06:00 GET /health 200 in 0ms (x10)", "started"]


def log_with_error(size: int) -> str:
    words = "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu".split()
    lines = [f"{words[n % 12]} {words[n * 5 % 11]} {words[n * 7 % 9]} {'x' * (n % 17)} did its work" for n in range(size)]
    lines[size // 2] = "connecting to ledger:5432"
    lines[size // 2 + 1] = "FATAL: password authentication failed for user shop"
    lines[size // 2 + 2] = "stack: open_pool() at db.go"
    return "\n".join([*lines, "the very last line"])


def test_the_lines_around_an_error_and_the_end_outlive_a_cut():
    short = cut(log_with_error(3000), 120, estimate)
    assert estimate(short) <= 120
    for line in ("connecting to ledger", "FATAL: password", "stack: open_pool", "the very last line"):
        assert line in short
    assert "lines left out" in short
    assert short.index("connecting") < short.index("FATAL") < short.index("the very last line")


def test_what_fits_is_not_touched():
    assert cut("a  b\n\n12:00 c", 50, estimate) == "a  b\n\n12:00 c"


@given(st.lists(st.text(alphabet="ab 19:errorx\u00e9", max_size=60), max_size=60), st.integers(20, 200))
def test_no_cut_is_larger_than_its_room(lines, room):
    assert estimate(cut("\n".join(lines), room, estimate)) <= room


@given(st.lists(st.integers(0, 500), max_size=12), st.integers(0, 2000))
def test_a_share_is_never_more_than_wanted_nor_more_than_there_is(wants, room):
    given_out = share(wants, room)
    assert all(0 <= got <= want for got, want in zip(given_out, wants, strict=True))
    assert sum(given_out) <= room
    if sum(wants) <= room:
        assert given_out == wants


def test_short_evidence_stays_whole_and_long_evidence_shares_the_rest():
    evidence = [
        Evidence("Pod/a .status", "exit code 1", "E1"),
        Evidence("log of Pod/a", log_with_error(2000), "E2"),
        Evidence("log of Pod/b", log_with_error(2000), "E3"),
        Evidence("event", "Back-off restarting failed container", "E4"),
    ]
    text = fit_evidence(evidence, 400, estimate)
    assert estimate(text) <= 400
    assert "[E1] Pod/a .status: exit code 1" in text
    assert text.count("FATAL: password") == 2
    assert "[E4] event: Back-off restarting failed container" in text


def test_evidence_that_does_not_fit_at_all_is_counted():
    evidence = [Evidence(f"source {n}", "word " * 100, f"E{n}") for n in range(40)]
    text = fit_evidence(evidence, 200, estimate)
    assert estimate(text) <= 200
    assert "more pieces of evidence are not shown" in text
    assert "[E0]" in text


def test_the_best_passages_come_with_their_heading():
    pages = [Passage("a.md", ("Pods", f"Part {n}"), (1, 2), "words " * 300, id=f"D{n}") for n in range(1, 6)]
    text = fit_passages(pages, 200, estimate)
    assert estimate(text) <= 200
    assert "[D1] Pods › Part 1" in text
    assert "[D4]" not in text

"""Typed text answers no dialog, whatever it is, however fast, and whenever the dialog opens."""

from __future__ import annotations

import random

import pytest

from tui.state.answer_guard import BURST, QUIET, TICKS, AnswerGuard

WORDS = (
    "why is crm-api down yes no y s n e delete the namespace shop show events say edit never stay easy sync nodes yaml set env "
    "1 2 3 9 scale to 3 eyes yesterday ssh nginx"
).split()


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def dialog(clock: Clock, protected: bool) -> AnswerGuard:
    return AnswerGuard(clock, ("n", "y", "s", "e"), confirm=("y", "s") if protected else ("s",), at_once=("n",))


def answers(guard: AnswerGuard, clock: Clock, until: float) -> list[str]:
    """What became due up to a moment, looked at 20 times a second as the dialog does."""
    found = []
    while clock.now + 0.05 < until:
        clock.now += 0.05
        found.append(guard.due())
    clock.now = until
    return [answer for answer in found if answer]


def test_typed_words_approve_nothing() -> None:
    """Two hundred words at 20 to 400 ms a key, with the dialog opening at any moment before, within or just as they begin."""
    approved: list[tuple[int, str]] = []
    for seed in range(400):
        chance, clock = random.Random(seed), Clock()
        text = " ".join(chance.choices(WORDS, k=200)) + "\n"
        opens = chance.choice([0, 1, chance.randrange(len(text))])
        before = chance.choice([0.0, QUIET, chance.uniform(0, 3)])
        guard: AnswerGuard | None = None
        for at, character in enumerate(text):
            if at == opens:
                guard = dialog(clock, protected=seed % 2 == 0)
                clock.now += before if at == 0 else 0
            if guard is not None:
                taken = guard.press("enter" if character == "\n" else character)
                taken = taken or next(iter(answers(guard, clock, clock.now + chance.uniform(0.02, 0.4))), "")
                if taken in ("y", "s"):
                    approved.append((seed, text[max(at - 10, 0) : at + 10]))
    assert approved == []


@pytest.mark.parametrize("text", ["delete the namespace shop", "s\n", "y\n", "yes\n", "ns\n", "e\n"])
def test_a_burst_is_text_whatever_stood_before_it(text: str) -> None:
    clock = Clock()
    guard = dialog(clock, protected=False)
    clock.now += 60
    for character in text:
        assert guard.press("enter" if character == "\n" else character) in ("", "n"), "at most the way to a rejection"
        clock.now += BURST / 10
    assert guard.held == ""


def test_a_key_counts_after_quiet_on_both_sides_or_with_enter() -> None:
    clock = Clock()
    guard = dialog(clock, protected=False)
    clock.now += QUIET
    assert (guard.press("y"), guard.held) == ("", "y")
    clock.now += QUIET
    assert [guard.due() for _ in range(TICKS + 1)] == [""] * (TICKS - 1) + ["y", ""]
    clock.now += QUIET
    assert guard.press("y") == ""
    clock.now += 0.2
    assert guard.press("enter") == "y", "enter says it is meant"


def test_a_wider_answer_waits_for_enter_however_long_it_takes() -> None:
    clock = Clock()
    for protected, key in ((False, "s"), (True, "y"), (True, "s")):
        guard = dialog(clock, protected)
        clock.now += QUIET
        assert guard.press(key) == ""
        assert answers(guard, clock, clock.now + 30) == []
        assert guard.press("enter") == key


def test_a_key_that_answers_nothing_disarms_and_starts_the_wait_again() -> None:
    clock = Clock()
    guard = dialog(clock, protected=False)
    clock.now += QUIET
    guard.press("y")
    clock.now += 0.3
    assert guard.press("a") == ""
    assert guard.disarmed
    clock.now += 0.3
    assert guard.press("y") == ""
    assert answers(guard, clock, clock.now + 5) == []
    assert guard.press("n") == "n"

"""The model's say in which test runs next: one of those that the arithmetic offers, or an end; whatever else it says changes nothing."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from engine.core.types import Hypothesis
from engine.flows.tools import Emit, Tools, step
from engine.llm.chat_model import ModelError

SECONDS = 10.0
"""How long the model may think about one choice; then the arithmetic's pick runs."""
MOST = 6
"""Hypotheses and tests that the model is shown."""


def may_choose(tools: Tools) -> bool:
    """Whether there is a model, time for it, and at least half of the question's tokens, since the answer is still to be worded."""
    speaker = tools.speaker
    return speaker is not None and tools.left() > 2 and 2 * speaker.budget.left >= speaker.budget.limit


@dataclass(frozen=True, slots=True)
class Chosen:
    """The index of the test to run, None to end; `heard` is False where the model said nothing of use."""

    index: int | None
    heard: bool = True


def choose(checks: Sequence[tuple[str, str]], known: Sequence[Hypothesis], tools: Tools, emit: Emit, *, may_finish: bool) -> Chosen:
    """One of the `checks` (command, ids that it tests; the arithmetic's pick first).

    The first one stands where the model says nothing of use, and where it wants to end though a test could still change which hypothesis
    leads (`may_finish` is False). Raises only Cancelled.
    """
    from engine.llm.tasks import FINISH, next_check

    speaker = tools.speaker
    if speaker is None:
        return Chosen(0, heard=False)
    problems: list[ModelError] = []
    offered = [f"{command} (tests {ids})" for command, ids in checks[:MOST]]
    stand = "\n".join(f"{h.id}, {h.status}, {h.confidence:.0%}: {h.statement}" for h in known[:MOST])
    now = time.monotonic()
    with step(tools, emit, "let the model choose the next test", "model") as note:
        picked = next_check(
            speaker.model,
            stand,
            offered,
            tools.token,
            speaker.budget,
            fence=speaker.fence,
            deadline=min(tools.deadline or now + SECONDS, now + SECONDS),
            on_problem=problems.append,
        )
        if picked is None:
            why = str(problems[0]) if problems else "the model did not choose"
            note.detail, note.outcome = f"{checks[0][0]}, by arithmetic: {why}", "skipped"
            return Chosen(0, heard=False)
        if picked != FINISH:
            note.detail = checks[picked][0]
            return Chosen(picked)
        if may_finish:
            note.detail = "none: what is known is enough"
            return Chosen(None)
        note.detail = f"{checks[0][0]}, by arithmetic: the model would end here, but a test may still change which cause leads"
        note.outcome = "skipped"
        return Chosen(0)

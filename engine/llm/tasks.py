"""What flows ask of a model: each a cancellable call that gives None where the model is of no use, so that the way without it is taken.

`on_problem` hears a `ModelError` that says why. Only `Cancelled` is raised. `deadline` is a moment of `time.monotonic()`.
A budget, a fence and a deadline belong to one question and are passed to each of its tasks.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from engine.core.cancel import CancelToken
from engine.core.types import Evidence, Tier
from engine.llm.budget import Budget, estimator_of, window_of
from engine.llm.chat_model import ChatModel, Message, ModelError
from engine.llm.checks.output_guard import bad_start, unfit
from engine.llm.prompts import prompt, template
from engine.llm.prompts.fence import Fence
from engine.llm.prompts.shapes import Classified, Guess, Judgement, Pick, ReadPlan
from engine.llm.prompts.truncation import cut, fit_evidence, fit_passages
from engine.llm.request import OutOfTime, Request, unusable
from engine.llm.structured import OnProblem, Shape, decide
from index.passage import Passage

OnText = Callable[[str], None]

FINISH = -1
"""`next_check`: the model wants no further check."""
NO_READ = "none"
HELD_CHARS = 40
"""So much of an answer is looked at before any of it is shown."""
_QUERY_TOKENS = 400
_EVIDENCE_TOKENS = 2500
_PAGE_TOKENS = 350
_LIST_TOKENS = 500


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What a read command may be made of: reads (`get`, `describe`, `logs`…), kinds, names that could be meant, and namespaces."""

    reads: tuple[str, ...]
    kinds: tuple[str, ...]
    names: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()


def classify(
    model: ChatModel,
    query: str,
    cancel: CancelToken | None = None,
    budget: Budget | None = None,
    *,
    deadline: float | None = None,
    on_problem: OnProblem | None = None,
) -> Tier | None:
    """The tier of a query that keywords leave open; None where the model cannot tell."""
    messages = prompt("classify", query=_short(model, query))
    found = _decide(model, "classify", messages, Classified, cancel, budget, deadline, on_problem)
    return None if found is None or found.tier == "unclear" else found.tier


def plan_reads(
    model: ChatModel,
    query: str,
    catalogue: Catalogue,
    cancel: CancelToken | None = None,
    budget: Budget | None = None,
    *,
    fence: Fence | None = None,
    deadline: float | None = None,
    on_problem: OnProblem | None = None,
) -> ReadPlan | None:
    """The read command that answers a query, as slots that all come from the catalogue; None where no read answers it."""
    count = estimator_of(model).text
    lists = {
        "reads": (*catalogue.reads, NO_READ),
        "kinds": ("", *catalogue.kinds),
        "names": ("", *_fitting(catalogue.names[:40], _LIST_TOKENS, count)),
        "namespaces": ("", "*", *_fitting(catalogue.namespaces[:60], _LIST_TOKENS, count)),
    }
    text = "\n".join(f"{title}: {', '.join(w for w in words if w)}" for title, words in lists.items())
    messages = prompt("plan", fence, catalogue=text, query=_short(model, query))
    allowed = {"read": lists["reads"], "kind": lists["kinds"], "name": lists["names"], "namespace": lists["namespaces"]}
    found = _decide(model, "plan", messages, ReadPlan, cancel, budget, deadline, on_problem, allowed)
    return None if found is None or found.read == NO_READ else found


def next_check(
    model: ChatModel,
    diagnosis: str,
    checks: Sequence[str],
    cancel: CancelToken | None = None,
    budget: Budget | None = None,
    *,
    fence: Fence | None = None,
    deadline: float | None = None,
    on_problem: OnProblem | None = None,
) -> int | None:
    """The index of the check to run next, or FINISH; None where the model cannot choose."""
    if not checks:
        return FINISH
    count = estimator_of(model).text
    messages = prompt("next_check", fence, known=cut(diagnosis, 900, count), checks=_numbered(checks))
    allowed = {"choice": (*map(str, range(1, len(checks) + 1)), "finish")}
    found = _decide(model, "next_check", messages, Pick, cancel, budget, deadline, on_problem, allowed)
    if found is None:
        return None
    return FINISH if found.choice == "finish" else int(found.choice) - 1


def judge(
    model: ChatModel,
    hypothesis: str,
    evidence: Sequence[Evidence],
    cancel: CancelToken | None = None,
    budget: Budget | None = None,
    *,
    fence: Fence | None = None,
    deadline: float | None = None,
    on_problem: OnProblem | None = None,
) -> Judgement | None:
    """What the evidence says about a hypothesis; the judgement's `evidence` is one of the ids or "". Confidence stays the caller's sum."""
    pieces = fit_evidence(evidence, 1200, estimator_of(model).text)
    messages = prompt("judge", fence, hypothesis=_short(model, hypothesis), evidence=pieces)
    allowed = {"evidence": ("", *(e.id for e in evidence if e.id))}
    return _decide(model, "judge", messages, Judgement, cancel, budget, deadline, on_problem, allowed)


def hypothesise(
    model: ChatModel,
    query: str,
    evidence: Sequence[Evidence],
    checks: Sequence[str],
    cancel: CancelToken | None = None,
    budget: Budget | None = None,
    *,
    fence: Fence | None = None,
    deadline: float | None = None,
    on_problem: OnProblem | None = None,
) -> tuple[str, int | None] | None:
    """A cause that no analyzer found, and the index of the check that tests it; None where the model has none."""
    pieces = fit_evidence(evidence, 1500, estimator_of(model).text)
    messages = prompt("hypothesise", fence, query=_short(model, query), evidence=pieces, checks=_numbered(checks))
    allowed = {"check": (*map(str, range(1, len(checks) + 1)), "none")}
    found = _decide(model, "hypothesise", messages, Guess, cancel, budget, deadline, on_problem, allowed)
    if found is None or not found.cause.strip():
        return None
    return " ".join(found.cause.split()), None if found.check == "none" else int(found.check) - 1


def word_answer(
    model: ChatModel,
    frame: str,
    evidence: Sequence[Evidence],
    passages: Sequence[Passage],
    on_text: OnText,
    cancel: CancelToken | None = None,
    budget: Budget | None = None,
    *,
    query: str = "",
    fence: Fence | None = None,
    deadline: float | None = None,
    on_problem: OnProblem | None = None,
) -> str | None:
    """Word a result (`frame`: the whole answer without a model) from its evidence; streams to `on_text`.

    None when the model failed in any way or left out what was found; what was streamed is then to be replaced by the frame.
    """
    count = estimator_of(model).text
    room = _room(model, "diagnose", budget)
    question, result = _short(model, query or "what is wrong?"), cut(frame, max(200, room // 3), count)
    room -= count(question) + count(result)
    pieces = fit_evidence(evidence, min(_EVIDENCE_TOKENS, room * 3 // 4), count)
    pages = fit_passages(passages, min(_PAGE_TOKENS, room - count(pieces)), count, most=2)
    messages = prompt("diagnose", fence, query=question, result=result, evidence=pieces, passages=pages)
    return write(model, "diagnose", messages, on_text, cancel, budget, about=frame, query=query, deadline=deadline, on_problem=on_problem)


def explain(
    model: ChatModel,
    query: str,
    passages: Sequence[Passage],
    on_text: OnText,
    cancel: CancelToken | None = None,
    budget: Budget | None = None,
    *,
    facts: str = "",
    fence: Fence | None = None,
    deadline: float | None = None,
    on_problem: OnProblem | None = None,
) -> str | None:
    """Answer a general question from passages, and from facts about the cluster where there are any."""
    count = estimator_of(model).text
    room = _room(model, "explain", budget)
    known = cut(facts, min(1500, room // 2), count)
    pages = fit_passages(passages, min(1800, room - count(known) - _QUERY_TOKENS), count)
    messages = prompt("explain", fence, query=_short(model, query), facts=known, passages=pages)
    return write(model, "explain", messages, on_text, cancel, budget, query=query, deadline=deadline, on_problem=on_problem)


def read_log(
    model: ChatModel,
    title: str,
    log: str,
    on_text: OnText,
    cancel: CancelToken | None = None,
    budget: Budget | None = None,
    *,
    fence: Fence | None = None,
    deadline: float | None = None,
    on_problem: OnProblem | None = None,
) -> str | None:
    """What went wrong first in a log, in a few sentences; `title` names whose log it is."""
    lines = cut(log, min(_EVIDENCE_TOKENS, _room(model, "logs", budget)), estimator_of(model).text)
    messages = prompt("logs", fence, object=_one_line(title), log=lines)
    return write(model, "logs", messages, on_text, cancel, budget, deadline=deadline, on_problem=on_problem)


def write_code(
    model: ChatModel,
    query: str,
    kind: Literal["kubectl", "python", "yaml"],
    facts: str,
    on_text: OnText,
    cancel: CancelToken | None = None,
    budget: Budget | None = None,
    *,
    fence: Fence | None = None,
    deadline: float | None = None,
    on_problem: OnProblem | None = None,
) -> str | None:
    """One code block and what to know about it, to be read: nothing of it runs before the policy has judged it and a person agreed."""
    known = cut(facts, min(1500, _room(model, "code", budget) - _QUERY_TOKENS), estimator_of(model).text)
    messages = prompt("code", fence, kind=kind, query=_short(model, query), facts=known)
    text = write(model, "code", messages, on_text, cancel, budget, deadline=deadline, on_problem=on_problem)
    if text is not None and text.count("```") < 2:
        _report(on_problem, unusable(model, "its answer has no complete code block"))
        return None
    return text


def optimise(
    model: ChatModel,
    workload: str,
    observations: str,
    on_text: OnText,
    cancel: CancelToken | None = None,
    budget: Budget | None = None,
    *,
    fence: Fence | None = None,
    deadline: float | None = None,
    on_problem: OnProblem | None = None,
) -> str | None:
    """Put computed observations about a workload into an order and into words."""
    known = cut(observations, min(1500, _room(model, "optimise", budget)), estimator_of(model).text)
    messages = prompt("optimise", fence, workload=_one_line(workload), facts=known)
    return write(model, "optimise", messages, on_text, cancel, budget, deadline=deadline, on_problem=on_problem)


def write(
    model: ChatModel,
    task: str,
    messages: Sequence[Message],
    on_text: OnText,
    cancel: CancelToken | None = None,
    budget: Budget | None = None,
    *,
    about: str = "",
    query: str = "",
    deadline: float | None = None,
    on_problem: OnProblem | None = None,
) -> str | None:
    """Stream free text. Its first words are held back until they look like an answer; the whole is judged at the end."""
    form = template(task)
    request = Request(model, task, form.max_tokens, form.temperature, cancel, budget, deadline)
    text, shown = "", False
    pieces = request.pieces(messages)
    try:
        for piece in pieces:
            text += piece
            if shown:
                on_text(piece)
            elif len(text) >= HELD_CHARS:
                reason = bad_start(text)
                if reason:
                    raise unusable(model, reason)
                on_text(text)
                shown = True
        reason = unfit(text, about=about, query=query)
        if reason:
            raise unusable(model, reason)
    except OutOfTime as error:
        best = _sentences(text) if shown else ""
        error.kept = bool(best) and not unfit(best, about=about, query=query)
        _report(on_problem, error)
        return f"{best} …" if error.kept else None
    except ModelError as error:
        _report(on_problem, error)
        return None
    finally:
        pieces.close()
    if not shown:
        on_text(text)
    return text.strip()


def _sentences(text: str) -> str:
    """The whole sentences at the beginning of a text, outside of a code block that is still open; "" where there is none."""
    if text.count("```") % 2:
        text = text[: text.rindex("```")]
    ends = [m.end() for m in re.finditer(r"[.!?](?:\s*\[[ED]\d+\])*(?=\s|$)", text)]
    return text[: ends[-1]].strip() if ends else ""


def _decide(
    model: ChatModel,
    task: str,
    messages: Sequence[Message],
    shape: type[Shape],
    cancel: CancelToken | None,
    budget: Budget | None,
    deadline: float | None,
    on_problem: OnProblem | None,
    allowed: dict[str, tuple[str, ...]] | None = None,
) -> Shape | None:
    form = template(task)
    return decide(
        model,
        messages,
        shape,
        cancel,
        allowed=allowed,
        max_tokens=form.max_tokens,
        temperature=form.temperature,
        task=task,
        budget=budget,
        deadline=deadline,
        on_problem=on_problem,
    )


def _room(model: ChatModel, task: str, budget: Budget | None) -> int:
    """Tokens that are left for what changes in a prompt; at least a few, and the budget itself refuses what is too much."""
    form = template(task)
    whole = window_of(model) - form.max_tokens
    if budget is not None:
        whole = min(whole, budget.left)
    fixed = estimator_of(model).messages([*form.fixed, Message("user", form.ask)])
    return max(120, whole - fixed - 80)


def _short(model: ChatModel, text: str) -> str:
    return cut(text.strip(), _QUERY_TOKENS, estimator_of(model).text)


def _fitting(words: Sequence[str], tokens: int, count: Callable[[str], int]) -> list[str]:
    """The first words that fit; none is cut, since a name is right as a whole alone."""
    kept: list[str] = []
    for word in words:
        tokens -= count(word) + 1
        if tokens < 0:
            break
        kept.append(word)
    return kept


def _one_line(text: str) -> str:
    return " ".join(text.split())[:200]


def _numbered(checks: Sequence[str]) -> str:
    return "\n".join(f"{n}. {_one_line(check)}" for n, check in enumerate(checks, 1))


def _report(on_problem: OnProblem | None, error: ModelError) -> None:
    if on_problem is not None:
        on_problem(error)

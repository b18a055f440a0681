"""The action tier: build the commands from resolved slots, ask one by one, run, read the cluster until it has settled, sum up."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence

from engine.cluster.source import ClusterError
from engine.core.events import AnswerFinished, Notice
from engine.core.run import FlowError
from engine.core.types import Answer, Choice, CommandRecord, ObjectRef, Remedy
from engine.flows.answering.compose import action_answer
from engine.flows.disambiguation import pick_one
from engine.flows.tools import Emit, Tools, step
from engine.language.orders.apply_fix import Wanted, blank_in, order_of
from engine.language.orders.parser import plan
from engine.language.orders.plan import Order, Plan
from engine.language.request import Request
from engine.language.understand import in_english

SETTLE_SECONDS = 60.0
POLL_SECONDS = 0.25


def action(request: Request, tools: Tools, emit: Emit) -> str:
    """Carry out an order; the outcome is `answered`, `rejected`, `refused` or `nothing_to_do`."""
    query = in_english(request.text)
    with step(tools, emit, "work out the command", "cluster") as note:
        try:
            intended = _planned(query, tools)
        except ClusterError as error:
            raise FlowError("cluster", str(error)) from error
        note.detail = "; ".join(order.command for order in intended.orders) or intended.problem
        note.outcome = "done" if intended.orders else "skipped"
    return carry_out(intended, tools, emit)


def apply_fix(what: Wanted, about: Sequence[ObjectRef], tools: Tools, emit: Emit) -> str:
    """Take the fix of the diagnosis before through approval, word for word; several are offered, and nobody's word means none."""
    remedies = what.remedies
    if len(remedies) > 1:
        picked = tools.choose("Which fix?", [Choice(str(n), remedy.command, remedy.text) for n, remedy in enumerate(remedies, 1)])
        remedies = (remedies[int(picked) - 1],) if picked else ()
        if not remedies:
            listed = "; ".join(f"“apply fix {n}”: {remedy.command}" for n, remedy in enumerate(what.remedies, 1))
            return carry_out(Plan(problem=f"There are several fixes, and nothing was done. Say which: {listed}"), tools, emit)
    if not remedies:
        return carry_out(Plan(problem=what.problem), tools, emit)
    blank = blank_in(remedies[0].command)
    if blank:
        problem = f"The fix leaves {blank} open, which only you know. Put it in and run it yourself: {remedies[0].command}"
        emit(AnswerFinished(answer=Answer(tier="action", text=problem, fix=remedies)))
        return "nothing_to_do"
    return carry_out(Plan((order_of(remedies[0], about, tools.source),)), tools, emit)


def carry_out(intended: Plan, tools: Tools, emit: Emit) -> str:
    """Ask for and run a plan's orders one by one; the first that is not done ends it, and what is left is said."""
    if not intended.orders:
        kept = tuple(_remedy(order, tools) for order in intended.understood)
        lines = [f"  {remedy.command}   ({remedy.risk})" for remedy in kept]
        text = "\n".join([intended.problem, *(["Understood, but not started without the rest:", *lines] if kept else [])])
        emit(AnswerFinished(answer=Answer(tier="action", text=text, fix=kept)))
        return "nothing_to_do"
    if intended.note:
        emit(Notice(level="info", text=intended.note))
    if len(intended.orders) > 1:
        steps = "\n".join(f"{number}. {order.words}: {order.command}" for number, order in enumerate(intended.orders, 1))
        emit(Notice(level="info", text=f"The plan has {len(intended.orders)} steps, each asked about by itself:\n{steps}"))
    said: list[str] = []
    fix: list[Remedy] = []
    records: list[CommandRecord] = []
    outcome = "answered"
    for order in intended.orders:
        done, words = _carry_out(order, tools, emit, records)
        said.append(words)
        if done != "answered":
            outcome = done
            fix.append(_remedy(order, tools))
            break
    tools.remember([ref for order in intended.orders for ref in order.objects])
    emit(AnswerFinished(answer=action_answer(said, fix, records, left=intended.orders[len(said) :])))
    return outcome


def _remedy(order: Order, tools: Tools) -> Remedy:
    return Remedy(text=order.words, command=order.command, risk=tools.desk.judge(order.command).risk)


def _planned(query: str, tools: Tools) -> Plan:
    """The plan of an order; where a name fits several objects, or only resembles some, the person chooses."""
    place = tools.place
    intended = plan(query, tools.source, place.namespace, cancel=tools.token)
    if intended.near:
        names = [Choice(name, name) for name in intended.near]
        picked = tools.choose(intended.problem.partition(" Did you mean")[0] + " Which is meant?", names)
        if picked:
            query = re.sub(rf"(?<![\w-]){re.escape(intended.word)}(?![\w-])", picked, query, flags=re.I)
            intended = plan(query, tools.source, place.namespace, cancel=tools.token)
    if intended.choices:
        chosen = pick_one(intended.problem.partition(" Say which")[0] + " Which is meant?", intended.choices, tools)
        if chosen is not None:
            intended = plan(query, tools.source, place.namespace, cancel=tools.token, chosen=chosen)
    return intended


def _carry_out(order: Order, tools: Tools, emit: Emit, records: list[CommandRecord]) -> tuple[str, str]:
    outcome = tools.desk.run(order.command, why=order.words, objects=order.objects)
    records += outcome.records
    if outcome.status == "rejected":
        reason = f" ({outcome.reason})" if outcome.reason not in ("", "rejected") else ""
        return "rejected", f"Not done: “{outcome.command}” was rejected{reason}. Nothing was changed."
    if outcome.status in ("refused", "unavailable"):
        return "refused", f"Not done: {outcome.reason}"
    result = outcome.result
    if result is None or result.exit_code != 0:
        failure = (result.error or result.stderr or result.stdout).strip() if result else outcome.reason
        return "refused", f"It failed: {outcome.command} — {' '.join(failure.split())[:300]}"
    return "answered", _verify(order, outcome.command, result.stdout, tools, emit)


def _verify(order: Order, command: str, output: str, tools: Tools, emit: Emit) -> str:
    with step(tools, emit, "verify", "cluster") as note:
        end = time.monotonic() + min(SETTLE_SECONDS, max(5.0, tools.settings.kubectl.change_seconds))
        settled, words = False, ""
        while True:
            try:
                settled, words = order.verify(tools.source)
            except ClusterError as error:
                words = f"it ran, but cannot be verified: {error}"
            if settled or time.monotonic() > end:
                break
            if tools.token.wait(POLL_SECONDS):
                tools.token.check()
        note.detail = words or "done"
        note.outcome = "done" if settled else "failed"
    if not words:
        return f"Done: {command}\n\n{output.strip()}"
    return f"Done: {words}." if settled else f"It ran, but has not settled after {SETTLE_SECONDS:.0f} s: {words}."

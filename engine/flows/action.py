"""The action tier: build the commands from resolved slots, ask one by one, run, read the cluster until it has settled, sum up."""

from __future__ import annotations

import time

from engine.answer import action_answer
from engine.cluster.source import ClusterError
from engine.events import AnswerFinished, Notice
from engine.facts import Answer, CommandRecord, Remedy
from engine.flows.tools import Emit, Tools, step
from engine.orders import Order, plan
from engine.run import FlowError

SETTLE_SECONDS = 60.0
POLL_SECONDS = 0.25


def action(query: str, tools: Tools, emit: Emit) -> str:
    """Carry out an order; the outcome is `answered`, `rejected`, `refused` or `nothing_to_do`."""
    with step(tools, emit, "work out the command", "cluster") as note:
        try:
            intended = plan(query, tools.source, tools.place.namespace, cancel=tools.token)
        except ClusterError as error:
            raise FlowError("cluster", str(error)) from error
        note.detail = "; ".join(order.command for order in intended.orders) or intended.problem
        note.outcome = "done" if intended.orders else "skipped"
    if not intended.orders:
        emit(AnswerFinished(answer=Answer(tier="action", text=intended.problem)))
        return "nothing_to_do"
    if intended.note:
        emit(Notice(level="info", text=intended.note))
    said: list[str] = []
    fix: list[Remedy] = []
    records: list[CommandRecord] = []
    outcome = "answered"
    for order in intended.orders:
        done, words = _carry_out(order, tools, emit, records)
        said.append(words)
        if done != "answered":
            outcome = done
            fix.append(Remedy(text=order.words, command=order.command, risk=tools.desk.judge(order.command).risk))
            break
    emit(AnswerFinished(answer=action_answer(said, fix, records, left=intended.orders[len(said) :])))
    return outcome


def _carry_out(order: Order, tools: Tools, emit: Emit, records: list[CommandRecord]) -> tuple[str, str]:
    outcome = tools.desk.run(order.command, why=order.words, objects=order.objects)
    records += outcome.records
    if outcome.status == "rejected":
        reason = f" ({outcome.reason})" if outcome.reason else ""
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

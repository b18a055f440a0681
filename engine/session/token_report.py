"""`ContextReport`: what is in the model's window and what each request cost, as data and as lines of text."""

from __future__ import annotations

from dataclasses import dataclass

from engine.session.conversation import Conversation, Retention, Spending


@dataclass(frozen=True, slots=True)
class TurnRow:
    """An earlier question, how the next prompt holds it, and its tokens there."""

    query: str
    kept: Retention
    tokens: int


@dataclass(frozen=True, slots=True)
class ContextReport:
    """The window in tokens, what a question may spend, what earlier questions take, and every request so far (oldest first)."""

    model: str
    window: int
    question_tokens: int
    turns: tuple[TurnRow, ...]
    requests: tuple[Spending, ...]

    @property
    def prompt_tokens(self) -> int:
        """Sent in the whole session."""
        return sum(row.spent.prompt_tokens for row in self.requests)

    @property
    def answer_tokens(self) -> int:
        """Written in the whole session."""
        return sum(row.spent.answer_tokens for row in self.requests)

    @property
    def seconds(self) -> float:
        """Spent waiting for the model."""
        return sum(row.spent.seconds for row in self.requests)


def context_report(memory: Conversation, model: str, window: int, question_tokens: int) -> ContextReport:
    """The report of a session as it is now."""
    turns = tuple(TurnRow(turn.query, kept, tokens) for turn, kept, tokens in memory.kept())
    return ContextReport(model, window, question_tokens, turns, memory.spendings)


def context_lines(report: ContextReport) -> list[str]:
    """The report as lines: the window, the earlier questions in it, then each request with its parts."""
    lines = [
        f"{report.model or 'no model'}: window {report.window} tokens, at most {report.question_tokens} prompt tokens a question",
        f"session: {report.prompt_tokens} tokens in, {report.answer_tokens} out, {report.seconds:.1f} s in {len(report.requests)} requests",
    ]
    if report.turns:
        lines += ["", "earlier questions in the next prompt"]
        lines += [f"  {row.kept:9}  {row.tokens:5}  {_short(row.query)}" for row in report.turns]
    if report.requests:
        lines += ["", "requests: tokens in, tokens out, seconds, tokens/s"]
    question = ""
    for row in report.requests:
        if row.question != question:
            question = row.question
            lines.append(f"  {_short(question)}")
        spent = row.spent
        speed = f"{spent.answer_tokens / spent.seconds:.1f}" if spent.seconds and spent.answer_tokens else "-"
        about = "" if spent.counted else "~"
        lines.append(f"    {spent.task:12} {about}{spent.prompt_tokens:5} {spent.answer_tokens:5} {spent.seconds:6.1f} {speed:>6}")
        lines.append("      " + ", ".join(f"{part} {tokens}" for part, tokens in spent.parts.items() if tokens))
    if any(not row.spent.counted for row in report.requests):
        lines += ["", "~ estimated: the server reported no count"]
    return lines


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= 70 else flat[:69] + "…"

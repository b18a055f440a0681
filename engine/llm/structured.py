"""`decide`: a validated decision from a model, with one attempt at a repair, or None, and the caller continues without."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from engine.core.cancel import CancelToken
from engine.llm.budget import Budget
from engine.llm.chat_model import CapabilityMissing, ChatModel, Message, ModelError
from engine.llm.prompts.shapes import flat_schema
from engine.llm.request import Request, Unusable, unusable

Shape = TypeVar("Shape", bound=msgspec.Struct)
OnProblem = Callable[[ModelError], None]


def decide(
    model: ChatModel,
    messages: Sequence[Message],
    shape: type[Shape],
    cancel: CancelToken | None = None,
    *,
    allowed: Mapping[str, Sequence[str]] | None = None,
    max_tokens: int = 128,
    temperature: float = 0.0,
    task: str = "",
    budget: Budget | None = None,
    deadline: float | None = None,
    on_problem: OnProblem | None = None,
) -> Shape | None:
    """One value of the shape, its `allowed` fields among the given words; None when the model cannot, and `on_problem` gets the reason.

    Raises only `Cancelled`.
    """
    schema = flat_schema(shape, allowed)
    request = Request(model, task or shape.__name__, max_tokens, temperature, cancel, budget, deadline)
    turns: Sequence[Message] = messages
    problem: ModelError | None = None
    for _ in range(2):
        try:
            text = _collect(request, turns, schema)
        except ModelError as error:
            problem = error
            break
        try:
            return read(text, shape, schema)
        except ValueError as error:
            problem = unusable(model, f"{request.task}: {error}")
            turns = [*messages, *_repair_messages(text, str(error), schema)]
    if on_problem is not None and problem is not None:
        on_problem(problem)
    return None


def read(text: str, shape: type[Shape], schema: Mapping[str, Any]) -> Shape:
    """The value in a model's text; raises ValueError that says what is wrong with it, in words a model can follow."""
    found = first_object(text)
    if found is None:
        raise ValueError("there is no JSON object in it" if text.strip() else "it is empty")
    fields: Mapping[str, Any] = schema["properties"]
    for name, rule in fields.items():
        words = rule.get("enum")
        if words is None:
            continue
        value = found.get(name)
        near = [w for w in words if isinstance(value, (str, int)) and str(value).strip().casefold() == w.casefold()]
        if not near:
            raise ValueError(f'"{name}" must be one of {", ".join(json.dumps(w) for w in list(words)[:30])}')
        found[name] = near[0]
    try:
        return msgspec.convert(found, shape)
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from error


def first_object(text: str) -> dict[str, Any] | None:
    """The first JSON object anywhere in a text, None without one."""
    decoder = json.JSONDecoder()
    start = text.find("{")
    tries = 0
    while start != -1 and tries < 50:
        try:
            value, _ = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            value = None
        if isinstance(value, dict):
            return value
        start = text.find("{", start + 1)
        tries += 1
    return None


def _collect(request: Request, messages: Sequence[Message], schema: Mapping[str, Any]) -> str:
    """The text; without the schema where the model cannot take one, and cut where it goes round in circles."""
    text: list[str] = []
    try:
        try:
            text.extend(request.pieces(messages, schema))
        except CapabilityMissing:
            text.extend(request.pieces(messages))
    except Unusable:
        pass
    return "".join(text)


def _repair_messages(text: str, error: str, schema: Mapping[str, Any]) -> list[Message]:
    form = ", ".join(f'"{name}": …' for name in schema["properties"])
    message = Message("user", f"That cannot be used: {error}. Answer again with one JSON object {{{form}}} and nothing else.")
    return [Message("assistant", text.strip()[:400]), message] if text.strip() else [message]

"""Prompts: one file a task, with its version, its limits, a few examples, and named places for what changes.

A file has a head of `key: value` lines (`version`, `max_tokens`, `temperature`, `outside`, `shape`) and then parts that begin
with `=== system`, `=== user`, `=== assistant` and `=== ask`. `{{name}}` is a place to fill. What `outside` lists always goes into a fence.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from types import MappingProxyType
from typing import Any, Literal, cast

from engine.llm.chat_model import Message
from engine.llm.prompts.fence import RULE, Fence
from engine.llm.prompts.shapes import SHAPES, flat_schema

TASKS = ("classify", "plan", "next_check", "judge", "hypothesise", "diagnose", "logs", "code", "explain", "optimise")
_PLACE = re.compile(r"\{\{(\w+)\}\}")
_PART = re.compile(r"^=== (system|user|assistant|ask)$", re.MULTILINE)


class Filled(list[Message]):
    """A prompt's messages; `parts` names what was put into it, so that its cost can be shown part by part."""

    parts: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Template:
    """One task's prompt before it is filled; `fixed` are the turns that never change, `ask` the last turn with its places."""

    task: str
    version: int
    max_tokens: int
    temperature: float
    outside: tuple[str, ...]
    shape: str
    fixed: tuple[Message, ...]
    ask: str

    @property
    def fields(self) -> tuple[str, ...]:
        """The places to fill."""
        return tuple(dict.fromkeys(_PLACE.findall(self.ask)))

    def fill(self, fence: Fence | None = None, **fields: str) -> Filled:
        """The whole prompt; raises ValueError for a missing or unknown field. The fixed turns come first and are the same each time."""
        if set(fields) != set(self.fields):
            raise ValueError(f"the prompt {self.task} takes the fields {', '.join(self.fields)}, not {', '.join(fields)}")
        mark = fence or Fence()

        def put(match: re.Match[str]) -> str:
            name = match.group(1)
            return mark.wrap(fields[name]) if name in self.outside else fields[name].strip()

        filled = Filled([*self.fixed, Message("user", _PLACE.sub(put, self.ask))])
        filled.parts = {"instructions": "\n".join(m.content for m in self.fixed), **fields}
        return filled


def prompt(task: str, fence: Fence | None = None, **fields: str) -> Filled:
    """The messages of a task."""
    return template(task).fill(fence, **fields)


def schema(task: str, allowed: Mapping[str, tuple[str, ...]] | None = None) -> dict[str, Any] | None:
    """The JSON schema of a task's answer, None where the answer is free text; `allowed` narrows fields to given words."""
    name = template(task).shape
    return flat_schema(SHAPES[name], allowed) if name else None


@functools.cache
def template(task: str) -> Template:
    """A task's template, read once; raises ValueError for an unknown task or a damaged file."""
    if task not in TASKS:
        raise ValueError(f"no prompt is named {task!r}; there are {', '.join(TASKS)}")
    text = (resources.files(__package__) / f"{task}.txt").read_text(encoding="utf-8")
    pieces = _PART.split(text)
    head = dict(line.split(":", 1) for line in pieces[0].splitlines() if ":" in line)
    values = {key.strip(): value.strip() for key, value in head.items()}
    turns = list(zip(pieces[1::2], (p.strip() for p in pieces[2::2]), strict=True))
    if not turns or turns[0][0] != "system" or turns[-1][0] != "ask":
        raise ValueError(f"the prompt {task} must begin with === system and end with === ask")
    outside = tuple(values.get("outside", "").split())
    fixed = [
        Message(cast(Literal["system", "user", "assistant"], role), f"{body}\n{RULE}" if role == "system" and outside else body)
        for role, body in turns[:-1]
    ]
    return Template(
        task=task,
        version=int(values["version"]),
        max_tokens=int(values["max_tokens"]),
        temperature=float(values["temperature"]),
        outside=outside,
        shape=values.get("shape", ""),
        fixed=tuple(fixed),
        ask=turns[-1][1],
    )

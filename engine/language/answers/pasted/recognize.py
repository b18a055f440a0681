"""What a pasted text is: objects, a list of events, `kubectl describe`, a table of `kubectl get`, or a log (a stack trace and an error, too)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["objects", "broken manifest", "events", "describe", "table", "log"]
_DESCRIBE = re.compile(
    r"^(?:Name|Namespace|Priority|Node|Labels|Status|IP|Controlled By|Containers|Conditions|Volumes|QoS Class|Events):", re.M
)
_EVENT = re.compile(
    r"^\s*(?:(?P<space>[a-z0-9-]+)\s{2,})?(?:(?P<ago>\S+(?: \(x\d+ over \S+\))?)\s{2,})?(?P<type>Warning|Normal)\s+(?P<reason>[A-Z][A-Za-z]+)\s+(?P<rest>.+)$"
)
_AGE = re.compile(r"^(?P<age>(?:\d+[smhd])+|<unknown>)(?:\s+\(x(?P<count>\d+)\s+over\s+\S+\))?\s+")
_TABLE = re.compile(r"^(?:NAMESPACE\s{2,})?NAME\s{2,}[A-Z]", re.M)
_MANIFEST = re.compile(r"^\s*(?:-\s+)?(?:apiVersion|kind):\s*\S", re.M)


@dataclass(frozen=True, slots=True)
class EventLine:
    """One line of an events table: the reason, the message, the object where the line has one, and how often."""

    type: str
    reason: str
    message: str
    object: str = ""
    count: int = 1
    line: str = ""


@dataclass(frozen=True, slots=True)
class Pasted:
    """A pasted text with its kind and what was read from it."""

    kind: Kind
    text: str
    objects: tuple[Mapping[str, Any], ...] = ()
    events: tuple[EventLine, ...] = ()
    problem: str = ""
    """Why a manifest cannot be parsed."""

    @property
    def title(self) -> str:
        """The kind in words."""
        if self.kind == "objects":
            kinds = [str(obj.get("kind") or "object") for obj in self.objects]
            return " and ".join(dict.fromkeys(kinds)) if len(kinds) < 4 else f"{len(kinds)} objects"
        return {
            "broken manifest": "manifest",
            "events": "list of events",
            "describe": "output of kubectl describe",
            "table": "table of kubectl get",
            "log": "text",
        }[self.kind]


def recognize(text: str) -> Pasted:
    """The kind of a pasted text and what can be read from it."""
    if _MANIFEST.search(text) or text.lstrip().startswith(("{", "[")):
        found = _objects(text)
        if found is not None:
            return found
    if len(_DESCRIBE.findall(text)) >= 3:
        return Pasted("describe", text, events=tuple(_events(text)))
    events = tuple(_events(text))
    lines = [line for line in text.splitlines() if line.strip()]
    if events and len(events) * 2 >= len(lines) - 1:
        return Pasted("events", text, events=events)
    if _TABLE.search(text):
        return Pasted("table", text)
    return Pasted("log", text)


def _objects(text: str) -> Pasted | None:
    """The objects of YAML or JSON; None where the text is neither (a JSON log line is no object)."""
    import yaml

    try:
        documents = [json.loads(text)] if text.lstrip().startswith(("{", "[")) else list(yaml.safe_load_all(text))
    except (ValueError, yaml.YAMLError) as error:
        if not _MANIFEST.search(text):
            return None
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        return Pasted("broken manifest", text, problem=f"{where}{getattr(error, 'problem', None) or error}")
    found: list[Mapping[str, Any]] = []
    for document in documents:
        inner = document.get("items") if isinstance(document, Mapping) else None
        items = document if isinstance(document, list) else inner if isinstance(inner, list) else [document]
        found += [
            item
            for item in items
            if isinstance(item, Mapping) and isinstance(item.get("kind"), str) and ("apiVersion" in item or "metadata" in item)
        ]
    return Pasted("objects", text, objects=tuple(found)) if found else None


def _events(text: str) -> list[EventLine]:
    """The event lines of a text, in the shapes of `kubectl describe`, `kubectl get events` and `kubectl events`."""
    found = []
    for line in text.splitlines():
        hit = _EVENT.match(line)
        if hit is None:
            continue
        rest = hit["rest"]
        age = _AGE.match(rest)
        count = int(age["count"]) if age and age["count"] else 1
        if age:
            rest = rest[age.end() :]
        about = re.match(r"(?P<object>[a-z]+/[a-z0-9.-]+|[A-Z][A-Za-z]+/[a-z0-9.-]+)\s+", rest)
        if about:
            rest = rest[about.end() :]
        elif age:
            rest = re.sub(
                r"^[a-z][\w./-]*(?:, \S+)?\s{2,}|^(?:kubelet|default-scheduler|[a-z-]+-controller|[a-z-]+)(?:, \S+)?\s+", "", rest, count=1
            )
        found.append(
            EventLine(hit["type"], hit["reason"], " ".join(rest.split()), about["object"] if about else "", count, " ".join(line.split()))
        )
    return found

"""Evidence cut from objects: what an analyzer quotes is verbatim, with the field, event or log line it comes from."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable

from engine.analyzers.common.confidence import EVENT, HINT, LOG, STATE
from engine.analyzers.common.view import ClusterView, event_time
from engine.cluster.objects import Obj
from engine.core.types import Evidence

_LONGEST = 700


def field(obj: Obj, *path: str | int) -> Evidence:
    """The value of one field: strings as they are, anything else as compact JSON."""
    value = obj.at(*path)
    excerpt = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return Evidence(f"{_title(obj)} {_dotted(path)}", excerpt[:_LONGEST], object=obj.ref)


def fields(obj: Obj, *paths: tuple[str | int, ...]) -> tuple[Evidence, ...]:
    """The values of those fields that are there."""
    return tuple(field(obj, *path) for path in paths if obj.at(*path) is not None)


def event(found: Obj) -> Evidence:
    """An event's message, with its reason and the object it is about."""
    about = found.map("involvedObject")
    moment = event_time(found)
    return Evidence(
        f"event {found.text('reason')} on {about.get('kind') or '?'}/{about.get('name') or '?'}",
        found.text("message")[:_LONGEST],
        at=moment.isoformat().replace("+00:00", "Z") if moment else "",
    )


def condition(obj: Obj, kind: str) -> Evidence:
    """A status condition's message (its reason where it has no message)."""
    found = obj.condition(kind)
    said = found.get("message") or found.get("reason") or found.get("status") or ""
    when = found.get("lastTransitionTime")
    return Evidence(
        f"{_title(obj)} status.conditions[{kind}]", str(said)[:_LONGEST], at=when if isinstance(when, str) else "", object=obj.ref
    )


def log_line(pod: Obj, container: str, line: str, *, previous: bool = False) -> Evidence:
    """One line of a container's log without its timestamp prefix."""
    stamp, _, rest = line.partition(" ")
    stamped = len(stamp) > 19 and stamp[4:5] == "-" and "T" in stamp
    which = " --previous" if previous else ""
    text = rest if stamped else line
    return Evidence(f"log of {_title(pod)} container {container}{which}", text[:_LONGEST], at=stamp if stamped else "", object=pod.ref)


def latest_event(view: ClusterView, obj: Obj, *reasons: str, containing: str = "") -> Obj | None:
    """The newest event of an object with one of these reasons (any where none is given) and this text in its message."""
    for found in reversed(view.events_of(obj)):
        if (not reasons or found.text("reason") in reasons) and containing in found.text("message"):
            return found
    return None


def warning_of(view: ClusterView, obj: Obj) -> Obj | None:
    """The newest Warning event of an object, whatever its reason: its controller's own word."""
    return next((e for e in reversed(view.events_of(obj)) if e.text("type") == "Warning" and e.text("message")), None)


def weights(evidence: Iterable[Evidence]) -> list[float]:
    """What each piece weighs by where it comes from: a status field, an event, a log line, or a field that somebody wrote."""
    found = []
    for piece in evidence:
        if piece.source.startswith("event "):
            found.append(EVENT)
        elif piece.source.startswith("log of"):
            found.append(LOG)
        else:
            found.append(STATE if " status." in piece.source else HINT)
    return found


def nearest(name: str, names: Iterable[str]) -> str:
    """The existing name that a misspelt one most probably meant, or ""."""
    candidates = sorted({n for n in names if n and n != name})
    close = difflib.get_close_matches(name, candidates, n=1, cutoff=0.72)
    if close:
        return close[0]
    folded = name.lower().replace("_", "-")
    same = [n for n in candidates if n.lower().replace("_", "-") == folded]
    if same:
        return same[0]
    inside = [n for n in candidates if len(min(n, name, key=len)) >= 4 and (n.startswith(name + "-") or name.startswith(n + "-"))]
    return inside[0] if inside else ""


def listed(words: Iterable[str], most: int = 4) -> str:
    """`a, b and c`, cut to the first few with the number of those left out."""
    items = list(words)
    if len(items) > most:
        return ", ".join(items[:most]) + f" and {len(items) - most} more"
    if len(items) > 1:
        return ", ".join(items[:-1]) + f" and {items[-1]}"
    return "".join(items)


def flat(message: object, most: int = 300) -> str:
    """A message on one line, without its last full stop, cut at the end."""
    text = " ".join(str(message or "").split()).rstrip(". ")
    return text if len(text) <= most else text[: most - 1] + "…"


def _title(obj: Obj) -> str:
    return f"{obj.kind or '?'}/{obj.name or '?'}"


def _dotted(path: tuple[str | int, ...]) -> str:
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else (f".{step}" if text else step)
    return text

"""How current the rows of a kind are, and what is wrong where they are not; the screen's header says it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

_SERVER = re.compile(r"^the API server \S+ \(context [^)]*\) ")

WatchState = Literal["starting", "live", "reconnecting", "stale", "forbidden"]
"""`starting`: the first list is on its way. `live`: changes arrive. `reconnecting`: the connection was lost, another try follows.
`stale`: lost for minutes, or the kind may be listed and not watched, so that its list is read now and then. `forbidden`: may not be
listed; tried again slowly."""


@dataclass(frozen=True, slots=True)
class WatchStatus:
    """One kind that is watched: `since` is how many seconds it has been in this state, `note` what is wrong ("" when nothing is).

    `objects` and `bytes` are what is kept of it in memory, the bytes as an estimate.
    """

    resource: str
    state: WatchState
    since: float = 0.0
    note: str = ""
    objects: int = 0
    bytes: int = 0


def summary_of(watchings: Iterable[WatchStatus]) -> str:
    """One short sentence on what is wrong, the worst first; "" where everything is live or has just begun."""
    watched = list(watchings)
    lost = [w for w in watched if w.state in ("reconnecting", "stale")]
    if lost:
        longest = max(lost, key=lambda w: w.since)
        reason = _SERVER.sub("", longest.note)  # the header has little room, and says at its left which cluster it is
        what = "the cluster is" if len(lost) == len(watched) > 1 else _names(lost)
        return f"{what} not live for {_duration(longest.since)}: {reason}"
    refused = [w for w in watched if w.state == "forbidden"]
    return f"cannot list {_names(refused)}" if refused else ""


def _names(watchings: list[WatchStatus]) -> str:
    names = sorted(w.resource.split(".", 1)[0] for w in watchings)
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"

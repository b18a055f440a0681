"""Pods as the server's own table shows them (READY, STATUS, RESTARTS): state and trouble without the objects, for large namespaces."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from engine.cluster.objects import at, parse_time, text_at
from engine.cluster.rows.pod_state import PodState, Trouble

_RESTARTS = re.compile(r"(\d{1,9})(?: \((\d{1,9}(?:\.\d+)?)([smhdy])(?:(\d{1,9})([smhd]))? ago\))?")
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "y": 31536000.0}
_ON_THE_WAY = ("Pending", "ContainerCreating", "PodInitializing", "SchedulingGated")
_SLOW_SECONDS = 120.0
_LOOP_RESTARTS, _LOOP_SECONDS = 3, 600.0


def state_of_cells(pod: Mapping[str, Any], now: datetime) -> PodState:
    """READY, STATUS and RESTARTS as numbers; what cannot be read is 0."""
    ready, _, total = text_at(pod, "cells", "ready").partition("/")
    found = _RESTARTS.fullmatch(text_at(pod, "cells", "restarts").strip())
    last = None
    if found and found[2]:
        ago = float(found[2]) * _SECONDS[found[3]] + (float(found[4]) * _SECONDS[found[5]] if found[4] else 0.0)
        last = now - timedelta(seconds=min(ago, 3e9))
    return PodState(
        ready=int(ready) if ready.isdigit() else 0,
        total=int(total) if total.isdigit() else 0,
        status=text_at(pod, "cells", "status") or "Unknown",
        restarts=int(found[1]) if found else 0,
        last_restart=last,
    )


def trouble_of_cells(pod: Mapping[str, Any], state: PodState, now: datetime) -> tuple[Trouble, str]:
    """How bad it is, and what the table has to say about it."""
    status = state.status
    if status == "Terminating":
        since = parse_time(at(pod, "metadata", "deletionTimestamp"))
        overdue = since is not None and (now - since).total_seconds() > _SLOW_SECONDS
        return ("broken", "stuck terminating") if overdue else ("waiting", "")
    if status in ("Completed", "Succeeded"):
        return "ok", ""
    if status == "Running" and state.ready == state.total:
        recent = state.last_restart is not None and (now - state.last_restart).total_seconds() < _LOOP_SECONDS
        return ("broken", f"restarted ×{state.restarts}") if recent and state.restarts >= _LOOP_RESTARTS else ("ok", "")
    if status in ("Running", "NotReady"):
        created = parse_time(at(pod, "metadata", "creationTimestamp"))
        old = created is not None and (now - created).total_seconds() > _SLOW_SECONDS
        return ("broken" if old else "waiting"), "not ready"
    if status in _ON_THE_WAY or re.fullmatch(r"Init:\d+/\d+", status):
        return "waiting", ""
    return "broken", f"restarted ×{state.restarts}" if state.restarts else ""

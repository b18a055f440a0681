"""Reading the logs of several containers line by line: what matches is kept up to a bound, everything is counted, and how far was looked is said."""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from engine.analyzers.common.containers import Container, containers, is_finished
from engine.analyzers.common.view import ClusterView
from engine.cluster.objects import Obj, parse_time, text_at
from engine.cluster.source import ClusterError, ClusterSource, NotFound, NotRecorded, Unreachable
from engine.core.cancel import CancelToken
from engine.core.types import Evidence, ObjectRef
from engine.language.answers.interface import Reply, counted, listed

MOST_LINES = 200_000
"""Lines read of one container; more are left out, and that is said."""
MOST_SHOWN = 100
MOST_MINUTES = 60
ERRORS = re.compile(
    r"\b(?:error|errors|exception|fatal|panic|critical|severe|emerg)\b|^[EF]\d{4} |level=(?:error|fatal)|\"level\":\s*\"(?:error|fatal)\"",
    re.I,
)
WARNINGS = re.compile(r"\bwarn(?:ing)?\b|^W\d{4} ", re.I)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to look for: lines that match (None = all), since when, how many of the last, of which container, of the run before.

    `words` say what the pattern is in a sentence (`contain “query failed”`).
    """

    pattern: re.Pattern[str] | None = None
    words: str = ""
    since: datetime | None = None
    last: int = 50
    container: str = ""
    previous: bool = False


@dataclass(slots=True)
class Read:
    """What one container's log gave: how many lines from when to when, which matched, how many a minute; `nothing` says why there is none."""

    pod: str
    container: str
    lines: int = 0
    matched: int = 0
    first: datetime | None = None
    end: datetime | None = None
    kept: deque[tuple[str, str]] = field(default_factory=deque)
    minutes: Counter[str] = field(default_factory=Counter)
    cut: bool = False
    nothing: str = ""


def read(
    source: ClusterSource, view: ClusterView, refs: Sequence[ObjectRef], wanted: Wanted, cancel: CancelToken | None = None
) -> list[Read]:
    """The logs of all containers of some pods or workloads, each read once. Raises Unreachable."""
    return [
        _one(source, view, pod, container, wanted, cancel) for pod in _pods(view, refs) for container in _containers(pod, wanted.container)
    ]


def lines_of(reads: Sequence[Read], refs: Sequence[ObjectRef], wanted: Wanted) -> Reply:
    """The last lines (that match), all containers in one order of time."""
    logged = [one for one in reads if one.lines]
    if not logged:
        return Reply(answer=_nothing(reads, refs), objects=tuple(refs))
    several = len(logged) > 1
    kept = sorted(
        ((stamp, f"{one.pod}/{one.container}: {text}" if several else text) for one in logged for stamp, text in one.kept),
        key=lambda pair: pair[0],
    )
    shown = kept[-min(wanted.last, MOST_SHOWN) :] if wanted.pattern is not None or not several else kept[-MOST_SHOWN:]
    total = sum(one.matched for one in logged)
    whose = listed([str(ref) for ref in refs])
    if wanted.pattern is None:
        lead = f"The last {counted(len(shown), 'line')} of {whose}{_from(logged, several)}"
    elif not total:
        return Reply(answer=f"No line of {whose} {_singular(wanted.words)}. {_looked(logged, reads)}", objects=tuple(refs))
    else:
        lead = f"{counted(total, 'line')} of {whose} {wanted.words if total != 1 else _singular(wanted.words)}" + (
            f"; the last {len(shown)}" if total > len(shown) else ""
        )
    evidence = tuple(
        Evidence(f"log of {one.pod} container {one.container}", text, at=stamp)
        for one in logged
        for stamp, text in list(one.kept)[-1:]
        if wanted.pattern is not None
    )[:2]
    return Reply(
        answer=f"{lead}. {_looked(logged, reads)}", code="\n".join(text for _, text in shown), objects=tuple(refs), evidence=evidence
    )


def count_of(reads: Sequence[Read], refs: Sequence[ObjectRef], wanted: Wanted) -> Reply:
    """How many lines match, for each container."""
    logged = [one for one in reads if one.lines]
    if not logged:
        return Reply(answer=_nothing(reads, refs), objects=tuple(refs))
    total = sum(one.matched for one in logged)
    rows = [("POD", "CONTAINER", "LINES", "MATCHING"), *((one.pod, one.container, str(one.lines), str(one.matched)) for one in logged)]
    what = f"{counted(total, 'line')} of {listed([str(ref) for ref in refs])} {(wanted.words if total != 1 else _singular(wanted.words)) if wanted.pattern else 'in all'}"
    return Reply(answer=f"{what}. {_looked(logged, reads)}", table=tuple(rows) if len(logged) > 1 else (), objects=tuple(refs))


def rate_of(reads: Sequence[Read], refs: Sequence[ObjectRef], wanted: Wanted) -> Reply:
    """How many lines match in each minute, all containers together; minutes without any in between count as zero."""
    logged = [one for one in reads if one.lines]
    if not logged:
        return Reply(answer=_nothing(reads, refs), objects=tuple(refs))
    minutes: Counter[str] = Counter()
    for one in logged:
        minutes.update(one.minutes)
    starts = [one.first for one in logged if one.first]
    ends = [one.end for one in logged if one.end]
    whose, total = listed([str(ref) for ref in refs]), sum(minutes.values())
    if not starts or not total:
        return Reply(
            answer=f"No line of {whose} {_singular(wanted.words) if wanted.words else 'has a time'}. {_looked(logged, reads)}",
            objects=tuple(refs),
        )
    span = max(1, round((max(ends) - min(starts)).total_seconds() / 60))
    order = sorted(minutes)[-MOST_MINUTES:]
    peak = max(minutes.items(), key=lambda pair: pair[1])
    said = f"{total} lines of {whose} {wanted.words} in {counted(span, 'minute')}: {total / span:.1f} a minute on average, {peak[1]} at most (at {peak[0]} UTC)"
    table = (("MINUTE (UTC)", "LINES"), *((minute, str(minutes[minute])) for minute in order))
    return Reply(answer=f"{said}. {_looked(logged, reads)}", table=table, objects=tuple(refs))


def _one(source: ClusterSource, view: ClusterView, pod: Obj, container: Container, wanted: Wanted, cancel: CancelToken | None) -> Read:
    result = Read(pod.name, container.name, kept=deque(maxlen=max(1, min(wanted.last, MOST_SHOWN))))
    seconds = max(1, int((view.now - wanted.since).total_seconds()) + 1) if wanted.since else None
    # every line matters for a search, and only the last ones where none is looked for
    tail = MOST_LINES if wanted.pattern is not None or wanted.since else min(wanted.last, MOST_SHOWN)
    try:
        lines = source.logs(
            pod.namespace, pod.name, container.name, previous=wanted.previous, tail=tail, since_seconds=seconds, cancel=cancel
        )
    except Unreachable:
        raise
    except (NotFound, NotRecorded, ClusterError) as error:
        result.nothing = _why_none(container, str(error))
        return result
    result.cut = len(lines) >= MOST_LINES
    for line in lines:
        stamp, _, text = line.partition(" ")
        when = parse_time(stamp)
        if when is None:
            stamp, text = "", line
        if when is not None and wanted.since is not None and when < wanted.since:
            continue
        if not result.lines and text.startswith("unable to retrieve container logs"):
            result.nothing = text
            return result
        result.lines += 1
        if when is not None:
            result.first = result.first or when
            result.end = when
        if wanted.pattern is None or wanted.pattern.search(text):
            result.matched += 1
            result.kept.append((stamp, text))
            if when is not None:
                result.minutes[f"{when:%H:%M}"] += 1
    if not result.lines:
        result.nothing = _why_none(container, "") if not container.is_running and not container.end else "empty"
    return result


def _why_none(container: Container, error: str) -> str:
    if container.waiting_reason and not container.restarts:
        return f"never started: it is waiting ({container.waiting_reason})"
    if not container.status:
        return "never started: its pod is not on a node yet" if not container.pod.text("spec", "nodeName") else "has not started yet"
    return " ".join(error.split()).rstrip(".") or "empty"


def _nothing(reads: Sequence[Read], refs: Sequence[ObjectRef]) -> str:
    whose = listed([str(ref) for ref in refs])
    if not reads:
        return f"{whose} has no pod now, so there is no log to read."
    said = [
        f"container {one.container} of {one.pod} {'logged nothing: its log is empty' if one.nothing in ('', 'empty') else one.nothing}"
        for one in reads
    ]
    return f"There are no log lines of {whose}: {listed(said, 3)}."


def _looked(logged: Sequence[Read], reads: Sequence[Read]) -> str:
    """How far was looked: lines, containers, from when to when, what was left out and what has no log."""
    lines = sum(one.lines for one in logged)
    starts, ends = [one.first for one in logged if one.first], [one.end for one in logged if one.end]
    span = f", from {min(starts):%Y-%m-%d %H:%M:%S} to {max(ends):%H:%M:%S} UTC" if starts else ""
    said = f"Looked at {counted(lines, 'line')} of {counted(len(logged), 'container')}{span}"
    if any(one.cut for one in logged):
        said += f" (only the last {MOST_LINES} of each)"
    without = [one for one in reads if not one.lines]
    if without:
        said += f"; no log of {listed([f'{one.pod}/{one.container} ({one.nothing})' for one in without], 3)}"
    return f"{said}."


def _from(logged: Sequence[Read], several: bool) -> str:
    return (
        f" ({counted(len(logged), 'container')} together in the order of time, each line with its own in front)"
        if several
        else f" (container {logged[0].container} of {logged[0].pod})"
    )


def _singular(words: str) -> str:
    """“contain x” to “contains x”."""
    verb, _, rest = words.partition(" ")
    return f"{'is' if verb == 'are' else verb + 's'} {rest}".strip()


def _pods(view: ClusterView, refs: Sequence[ObjectRef]) -> Iterator[Obj]:
    for ref in refs:
        found = [
            pod for pod in view.within("pods", ref.namespace) if pod.ref == ref or view.workload_of(pod) == ref or _behind(view, ref, pod)
        ]
        living = [pod for pod in found if not is_finished(pod)]
        yield from living or found


def _behind(view: ClusterView, ref: ObjectRef, pod: Obj) -> bool:
    """Whether a Service selects a pod, or a CronJob's Job made it."""
    if ref.kind == "Service":
        service = view.find_ref(ref)
        selector = service.map("spec", "selector") if service is not None else {}
        return bool(selector) and all(pod.labels.get(str(key)) == value for key, value in selector.items())
    return False


def _containers(pod: Obj, name: str) -> list[Container]:
    found = [c for c in containers(pod) if c.role in ("app", "sidecar")]
    if name:
        return [c for c in containers(pod) if c.name == name]
    failed = [c for c in containers(pod) if c.role == "init" and (c.waiting_reason or text_at(c.terminated, "exitCode") not in ("", "0"))]
    return [*failed, *found]


def since_clock(now: datetime, hour: int, minute: int) -> datetime:
    """The last time that a clock (UTC) showed an hour and minute."""
    moment = now.replace(hour=hour, minute=minute, second=0, microsecond=0)
    return moment if moment <= now else moment - timedelta(days=1)

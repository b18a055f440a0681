"""What a recording holds and what it lacks, as `k8sagent snapshot info` reports it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from engine.cluster.objects import int_at, map_at, text_at, texts_at
from engine.cluster.recordings.recorded_cluster import RecordedCluster, open_recording
from engine.cluster.source import ClusterError


@dataclass(frozen=True, slots=True)
class Inventory:
    """`counts` is objects by resource name (empty lists left out); `lacks` are sentences on what cannot be answered."""

    title: str
    about: str
    server_version: str
    recorded_at: str
    namespaces: tuple[str, ...]
    counts: Mapping[str, int]
    logs: int
    log_refusals: int
    lacks: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {"schema": "k8sagent.snapshot/1", **asdict(self), "counts": dict(self.counts)}

    def lines(self) -> list[str]:
        """The same for people."""
        rows = [
            f"recording   {self.title}",
            f"about       {self.about}" if self.about else "",
            f"server      {self.server_version or 'unknown'}",
            f"recorded    {self.recorded_at}",
            f"namespaces  {len(self.namespaces)}: {', '.join(self.namespaces)}",
            f"logs        {self.logs}; refused by the server: {self.log_refusals}",
            f"objects     {sum(self.counts.values())}",
            *(f"  {count:>6}  {name}" for name, count in sorted(self.counts.items(), key=lambda pair: (-pair[1], pair[0]))),
            *(f"lacks       {sentence}" for sentence in self.lacks),
        ]
        return [row for row in rows if row]


def _others(held: Collection[str]) -> str:
    return (
        f"namespaces other than {', '.join(sorted(held))}"
        if len(held) <= 8
        else f"namespaces other than the {len(held)} that were recorded"
    )


def _shortened(meta: Mapping[str, Any]) -> str:
    """What was left out of the logs on purpose."""
    tail, since = int_at(meta, "logs", "tail"), int_at(meta, "logs", "since_seconds")
    parts = [f"but the last {tail} of each container" if tail else "", f"of more than {since} s before the recording" if since else ""]
    return f"log lines {' and those '.join(part for part in parts if part)}" if map_at(meta, "logs") and any(parts) else ""


def inventory_of(cluster: RecordedCluster) -> Inventory:
    """Count what a recording holds; reads every list once, so wrong files show up here. Raises BrokenRecording."""
    counts: dict[str, int] = {}
    lacks: list[str] = []
    for row in cluster.lists:
        if not cluster.lacks(row.name) and row.status == 200:
            found = len(cluster.objects(row.group, row.version, row.plural))
            if found:
                counts[row.name] = found
            if found != row.items:
                lacks.append(f"{row.name}: index.json counts {row.items}, the list has {found}")
        else:
            lacks.append(f"{row.name}: the server answered {row.status} when they were recorded")
    missing = [kind.name for kind in cluster.resources() if "list" in kind.verbs and kind.name not in {row.name for row in cluster.lists}]
    if missing:
        whose = f"which {cluster.layout} does not hold" if cluster.layout else "that the server had"
        lacks.append(f"resources {whose}: {', '.join(sorted(missing))}")
    lacks += cluster.coverage().partial.values()
    lacks += sorted({_others(held) for held in cluster.coverage().limited.values() if held})
    refused = [name for name in cluster.archive.names("logs/") if name.endswith(".error.json")]
    logs = [name for name in cluster.archive.names("logs/") if name.endswith(".log")]
    if not logs:
        lacks.append("container logs")
    if short := _shortened(cluster.meta):
        lacks.append(short)
    lacks += [sentence for sentence in texts_at(cluster.meta, "errors") if sentence.startswith("logs: ") or cluster.layout]
    if not any(True for _ in cluster.archive.names("discovery/")):
        lacks.append("discovery documents (resources are known from index.json alone)")
    if cluster.openapi("/openapi/v3") is None:
        lacks.append("OpenAPI documents (kubectl apply and explain do not work)")
    if "pods.metrics.k8s.io" not in {row.name for row in cluster.lists}:
        lacks.append("metrics (kubectl top)")
    try:
        namespaces = sorted(text_at(item, "metadata", "name") for item in cluster.list("namespaces"))
    except ClusterError:
        namespaces = sorted({text_at(item, "metadata", "namespace") for item in ([] if cluster.lacks("pods") else cluster.list("pods"))})
    return Inventory(
        title=cluster.title,
        about=text_at(cluster.meta, "about"),
        server_version=cluster.server_version(),
        recorded_at=cluster.recorded_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        namespaces=tuple(namespaces),
        counts=counts,
        logs=len(logs),
        log_refusals=len(refused),
        lacks=tuple(lacks),
    )


def inventory(path: Path) -> Inventory:
    """What a recording holds and lacks. Raises BrokenRecording."""
    return inventory_of(open_recording(path))

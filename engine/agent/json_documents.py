"""The documents that other programs read: the shape of each, its JSON form, and its JSON Schema.

Command line and REST API both take their JSON from here, and the published schemas (docs/guide/schemas) are made from the same types,
so that there is one place where a shape can change. Every member of a document is always there; new ones may be added.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from engine.core.types import Answer, Finding, ObjectRef, Risk, Severity, Tier
from index.passage import Passage

DIALECT = "https://json-schema.org/draft/2020-12/schema"


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What `check` and `logs` found, most important first; `cluster` says context, version and namespace (nothing for a log)."""

    schema: Literal["k8sagent.check/1"]
    cluster: Mapping[str, str]
    scanned: Mapping[str, int]
    findings: tuple[Finding, ...]
    errors: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ClusterCheck:
    """One of several clusters in a check. `reached` is false for one that is down; `error` says why there are no findings of it.

    `name` is the context's or the recording's, `namespace` "" where all were looked at; `errors` are what could not be looked at.
    """

    name: str
    reached: bool
    version: str
    namespace: str
    error: str
    scanned: Mapping[str, int]
    findings: tuple[Finding, ...]
    errors: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SharedFault:
    """One fault of a workload (or another object) in one cluster or several; `ids` are its findings in each of them.

    `unknown` are the clusters of which nothing can be said: the namespace or the kind was not looked at, not recorded or not to be read.
    """

    code: str
    severity: Severity
    object: ObjectRef
    summary: str
    clusters: tuple[str, ...]
    unknown: tuple[str, ...]
    ids: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class ChecksReport:
    """The same check of several clusters, in the order in which they were named.

    `everywhere` are the faults that every checked cluster has, `differences` those that only some have, most important first.
    """

    schema: Literal["k8sagent.checks/1"]
    clusters: tuple[ClusterCheck, ...]
    everywhere: tuple[SharedFault, ...]
    differences: tuple[SharedFault, ...]


@dataclass(frozen=True, slots=True)
class IntentRow:
    """The tier of one query, and why; `id` comes back as it was given.

    `requests` are the questions and orders in it as they were understood, their names linked where a cluster was given.
    """

    id: Any
    query: str
    tier: Tier
    reason: str
    confidence: float
    requests: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class PolicyRow:
    """The verdict on one command, and why; `id` comes back as it was given."""

    id: Any
    command: str
    risk: Risk
    rule: str
    reason: str


@dataclass(frozen=True, slots=True)
class PassageRow:
    """A passage of the documentation; `heading` is the path from the title down, `lines` the first and the last."""

    path: str
    heading: str
    lines: tuple[int, int]
    score: float
    text: str

    @classmethod
    def of(cls, passage: Passage) -> PassageRow:
        """The row of a search's passage."""
        return cls(passage.path, " › ".join(passage.heading), passage.lines, round(passage.score, 3), passage.text)


@dataclass(frozen=True, slots=True)
class PassageList:
    """What `docs search` found, best first."""

    passages: tuple[PassageRow, ...]


@dataclass(frozen=True, slots=True)
class DocumentRow:
    """One document of the index; `corpus` says whose it is."""

    path: str
    title: str
    corpus: str
    chunks: int


@dataclass(frozen=True, slots=True)
class DocumentList:
    """What `docs list` knows."""

    documents: tuple[DocumentRow, ...]


@dataclass(frozen=True, slots=True)
class IndexReport:
    """What `docs index` took in, and what is wrong with some files."""

    documents: int
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HealthRow:
    """One check; `fix` says how to fix it, and is empty when nothing is to be done."""

    name: str
    ok: bool
    detail: str
    fix: str


@dataclass(frozen=True, slots=True)
class HealthReport:
    """All checks, in the order in which a new user fixes them."""

    checks: tuple[HealthRow, ...]


@dataclass(frozen=True, slots=True)
class SessionEntry:
    """One saved session; `started` in Unix seconds."""

    id: str
    started: float
    context: str
    questions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SessionList:
    """The saved sessions, newest first."""

    sessions: tuple[SessionEntry, ...]


@dataclass(frozen=True, slots=True)
class AuditRow:
    """Whether one session's chain is whole, and where it is not."""

    id: str
    ok: bool
    detail: str


@dataclass(frozen=True, slots=True)
class AuditReport:
    """All chains of the audit."""

    sessions: tuple[AuditRow, ...]


@dataclass(frozen=True, slots=True)
class SettingRow:
    """A setting in force; `origin` is `default`, `FILE:LINE`, a variable's name, or the flag."""

    name: str
    value: str | int | float | bool | tuple[str, ...]
    origin: str


@dataclass(frozen=True, slots=True)
class SettingList:
    """What `config show` knows, in the order of the shipped file."""

    settings: tuple[SettingRow, ...]


def document(value: Any) -> dict[str, Any]:
    """The JSON form of any of these documents; findings carry their id."""
    import msgspec

    body: dict[str, Any] = value.to_dict() if hasattr(value, "to_dict") else msgspec.to_builtins(value)
    if isinstance(value, CheckReport):
        body["findings"] = [finding_row(finding) for finding in value.findings]
    if isinstance(value, ChecksReport):
        for row, cluster in zip(body["clusters"], value.clusters, strict=True):
            row["findings"] = [finding_row(finding) for finding in cluster.findings]
    return body


def finding_row(finding: Finding) -> dict[str, Any]:
    """A finding's JSON form, with its id."""
    import msgspec

    return {"id": finding.id, **msgspec.to_builtins(finding)}


def check_report(
    findings: Sequence[Finding],
    *,
    cluster: Mapping[str, str] | None = None,
    scanned: Mapping[str, int] | None = None,
    errors: Sequence[str] = (),
) -> dict[str, Any]:
    """The JSON of `check`, and of `logs` (which knows no cluster)."""
    return document(CheckReport("k8sagent.check/1", cluster or {}, scanned or {}, tuple(findings), tuple(errors)))


_SHAPES: dict[str, tuple[str, type | None]] = {
    "answer": ("k8sagent troubleshoot --output json", Answer),
    "check": ("k8sagent check --output json, k8sagent logs --output json, k8sagent host check --output json", CheckReport),
    "checks": ("k8sagent check --contexts A,B --output json, and with several --snapshot", ChecksReport),
    "intent": ("k8sagent intent --output json; one a line with --jsonl", IntentRow),
    "policy": ("k8sagent policy --output json; one a line with --jsonl", PolicyRow),
    "docs-search": ("k8sagent docs search --output json", PassageList),
    "docs-list": ("k8sagent docs list --output json", DocumentList),
    "docs-index": ("k8sagent docs index --output json", IndexReport),
    "health": ("k8sagent health --output json", HealthReport),
    "sessions": ("k8sagent sessions list --output json", SessionList),
    "audit": ("k8sagent audit verify --output json", AuditReport),
    "config": ("k8sagent config show --output json", SettingList),
    "recording": ("k8sagent snapshot info --output json", None),
    "events": ("k8sagent sessions export --format json (an array of these), and each line of a transcript after the first", None),
}

NAMES = tuple(_SHAPES)


def printed_by(name: str) -> str:
    """The command that prints a document of this name."""
    return _SHAPES[name][0]


def schema(name: str) -> dict[str, Any]:
    """The JSON Schema (2020-12) of a document by its name; raises KeyError for a name that is not in NAMES."""
    import msgspec

    where, shape = _SHAPES[name]
    types = (shape,) if shape is not None else _recording() if name == "recording" else _events()
    refs, defs = msgspec.json.schema_components(types, ref_template="#/$defs/{name}")
    for body in defs.values():
        _always_there(body)
    head = {"$schema": DIALECT, "$id": f"urn:k8sagent:{name}", "title": f"k8sagent {name}", "$comment": where}
    match name:
        case "events":
            for event, body in ((each.__name__, defs[each.__name__]) for each in types):
                _add(body, "event", {"const": event})
            return {**head, "anyOf": list(refs), "$defs": defs}
        case "answer":
            _add(defs["Answer"], "schema", {"const": "k8sagent.answer/1"})
            fields = defs["Answer"]["properties"]
            fields["answer"] = fields.pop("text")
            defs["Answer"]["required"] = sorted(fields)
        case "check" | "checks":
            _add(defs["Finding"], "id", {"type": "string"})
        case "recording":
            _add(defs["Inventory"], "schema", {"const": "k8sagent.snapshot/1"})
    return {**head, **refs[0], "$defs": defs}


def _recording() -> tuple[type, ...]:
    from engine.cluster.recordings.coverage import Inventory

    return (Inventory,)


def _events() -> tuple[type, ...]:
    from engine.core.events import EVENTS

    return tuple(EVENTS.values())


def _always_there(body: dict[str, Any]) -> None:
    """What is written has every member, so a reader may rely on each; docstrings lose their indentation."""
    if "description" in body:
        body["description"] = inspect.cleandoc(body["description"])
    if "properties" in body:
        body["required"] = sorted(body["properties"])
        for field in body["properties"].values():
            field.pop("default", None)


def _add(body: dict[str, Any], name: str, field: dict[str, Any]) -> None:
    body["properties"] = {name: field, **body["properties"]}
    body["required"] = sorted(body["properties"])

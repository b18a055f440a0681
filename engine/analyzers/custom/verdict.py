"""What the status of any custom resource says, by the conventions that controllers share: conditions, phases, health, errors.

No kind is known here by name. A condition is bad when its type promises something good and it is False, or when its type names a
trouble and it is True; types of neither kind (`Progressing`, `EtcdIsVoter`, `Upgradeable`) inform and judge nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from engine.analyzers.common.citations import flat
from engine.cluster.objects import Obj, map_at, maps_at, parse_time, text_at
from engine.core.types import Evidence

_GOOD = re.compile(
    r"(?:^|[a-z])(?:Ready|Available|Synced|Healthy|Programmed|Accepted|ResolvedRefs|Reconciled|Established|Valid|Initialized|Succeeded|"
    r"Configured|Installed|Connected|Issued|Bound|Applied|Released|Deployed|Complete|Validated|Scheduled|Active|Online|Running|Provisioned)$"
)
_BAD = re.compile(
    r"^(?:Not|Un)[A-Z]|Fail|Error|Degraded|Stalled|Problem|Conflict|Invalid|Blocked|Denied|Unhealthy|Unavailable|Expired|Exceeded|Stuck|"
    r"Misconfigured|Missing|Lost\b|Outdated|Unknown|OutOf[A-Z]|CatalogSourcesUnhealthy"
)
_OPTIONAL = ("Approved", "Released", "Deployed", "Complete", "Active", "Scheduled", "Running", "Initialized")
"""Good words whose False may be a stage on the way: a verdict only where a message comes with them."""
_FAILED = re.compile(r"^(?:fail\w*|partially ?failed|error\w*|invalid|degraded|missing|crash\w*|unhealthy|rejected|aborted|unavailable|validationfailed|finalizingpartiallyfailed|lost|broken|unrecoverable|install(?:check)?failed|upgrade ?failed|refused)$", re.IGNORECASE)  # fmt: skip  # noqa: E501
_WAITING = re.compile(r"^(?:pending\w*|waiting\w*|provisioning|creating|installing|initiali[sz]ing|processing|new|unknown|progressing|in ?progress|attaching|deleting|starting)$", re.IGNORECASE)  # fmt: skip  # noqa: E501
_PASSED_ON = re.compile(
    r"not found|does not exist|no such|waiting (?:on|for)|dependenc\w+|not ready|is not (?:ready|available|healthy)|health check failed|"
    r"retrying|see (?:the )?(?:events|logs|status)|referenced|pending$|timeout waiting|in progress$",
    re.IGNORECASE,
)
_PATIENCE_SECONDS = 300.0
_TEXTS = ("message", "reason", "error", "errorMessage", "lastError", "failureMessage", "failureReason", "statusMessage")


@dataclass(frozen=True, slots=True)
class Verdict:
    """One bad thing that a status says: `state` completes "X is …", `message` is the controller's word for why.

    `passes_on` marks words that only point at something else, so that the reason has to be looked for further down.
    """

    state: str
    message: str
    evidence: Evidence
    waiting: bool = False
    since: datetime | None = None

    @property
    def passes_on(self) -> bool:
        return self.waiting or not self.message or bool(_PASSED_ON.search(self.message))


def verdict(obj: Obj, now: datetime) -> Verdict | None:
    """The worst thing that an object's status says, or None where it is fine, on its way, or says nothing."""
    found = [*_conditions(obj, now), *_health(obj), *_phases(obj, now), *_errors(obj), *_unobserved(obj, now)]
    if not found:
        return None
    return min(found, key=lambda v: (v.waiting, " " not in v.message, v.passes_on))  # a sentence says more than a bare reason


def _conditions(obj: Obj, now: datetime) -> Iterator[Verdict]:
    for path, found in _all_conditions(obj):
        kind, status = text_at(found, "type"), text_at(found, "status")
        message, reason = flat(found.get("message")), text_at(found, "reason")
        since = parse_time(found.get("lastTransitionTime"))
        good, bad = bool(_GOOD.search(kind)), bool(_BAD.search(kind))
        if bad and good:
            good = kind[:3] not in ("Not", "Unh", "Una", "Unr")
        words = f"{message} ({reason})" if message and reason else message or reason
        said = Evidence(f"{obj.ref} {path}[{kind}]", text_at(found, "message")[:700] or reason or status, object=obj.ref)
        if good and status == "False" and (message or (reason and kind not in _OPTIONAL)):
            fresh = since is not None and (now - since).total_seconds() < _PATIENCE_SECONDS
            waiting = bool(re.search(r"Progress|Pending|Waiting|Reconciling|Creating|Provisioning|Installing", reason))
            if not (waiting and fresh) and not re.search(r"^(?:Paused|Suspended|Disabled|NotRequired|Completed?|Deleting|NoOp)", reason):
                yield Verdict(f"not {kind}", words, said, waiting, since)
        elif good and status == "Unknown" and message and kind in ("Ready", "Available", "Healthy", "Synced"):
            if since is not None and (now - since).total_seconds() >= _PATIENCE_SECONDS:
                yield Verdict(f"not known to be {kind}", words, said, True, since)
        elif bad and not good and status == "True":
            yield Verdict(kind, words, said, False, since)


def _all_conditions(obj: Obj) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The conditions of an object and of what it is attached to (Gateway API: parents, ancestors, listeners)."""
    yield from (("status.conditions", c) for c in obj.conditions())
    for part in ("parents", "ancestors", "listeners"):
        for index, entry in enumerate(obj.maps("status", part)):
            yield from ((f"status.{part}[{index}].conditions", c) for c in maps_at(entry, "conditions"))


def _health(obj: Obj) -> Iterator[Verdict]:
    """Argo CD's health and last operation; snapshots' readyToUse."""
    health = text_at(obj.raw, "status", "health", "status")
    if health and _FAILED.match(health):
        message = flat(text_at(obj.raw, "status", "health", "message"))
        yield Verdict(health, message, Evidence(f"{obj.ref} status.health", f"{health} {message}".strip(), object=obj.ref))
    operation = obj.map("status", "operationState")
    if _FAILED.match(text_at(operation, "phase")):
        refused = [r for r in maps_at(map_at(operation.get("syncResult")), "resources") if re.search(r"Fail", text_at(r, "status"))]
        message = "; ".join(
            [flat(operation.get("message")), *(f"{text_at(r, 'kind')} {text_at(r, 'name')}: {flat(r.get('message'))}" for r in refused[:2])]
        )
        yield Verdict(
            f"in operation {text_at(operation, 'phase')}",
            message,
            Evidence(f"{obj.ref} status.operationState.message", message, object=obj.ref),
        )
    if obj.at("status", "readyToUse") is False:
        message = flat(text_at(obj.raw, "status", "error", "message"))
        yield Verdict("not readyToUse", message, Evidence(f"{obj.ref} status.readyToUse", message or "false", object=obj.ref), not message)


def _phases(obj: Obj, now: datetime) -> Iterator[Verdict]:
    status = obj.map("status")
    message = next((flat(status[key]) for key in _TEXTS if isinstance(status.get(key), str) and status[key]), "")
    for key in ("phase", "state", "status", "lifecycleState", "currentState", "installState", "lastOperation", "health"):
        value = status.get(key)
        word = value if isinstance(value, str) else text_at(value, "state") or text_at(value, "phase")
        if not word:
            continue
        said = Evidence(f"{obj.ref} status.{key}", f"{word}: {message}" if message else word, object=obj.ref)
        if _FAILED.match(word):
            yield Verdict(word, message, said)
        elif _WAITING.match(word) and obj.created is not None and (now - obj.created).total_seconds() >= 2 * _PATIENCE_SECONDS:
            yield Verdict(f"still {word}", message, said, True, obj.created)


def _unobserved(obj: Obj, now: datetime) -> Iterator[Verdict]:
    """A specification that its controller has not looked at: `observedGeneration` stays behind `generation`."""
    seen, newest = str(obj.at("status", "observedGeneration") or ""), obj.number("metadata", "generation")
    if not seen.isdigit() or int(seen) >= newest:
        return
    written = [parse_time(entry.get("time")) for entry in obj.maps("metadata", "managedFields") if "subresource" not in entry]
    changed = max((t for t in written if t is not None), default=None)
    if changed is not None and (now - changed).total_seconds() < _PATIENCE_SECONDS:
        return
    yield Verdict(
        "not reconciled since its last change",
        f"generation is {newest}, and its controller has observed {seen}",
        Evidence(f"{obj.ref} status.observedGeneration", f"generation: {newest}, observedGeneration: {seen}", object=obj.ref),
        since=changed,
    )


def _errors(obj: Obj) -> Iterator[Verdict]:
    for key in ("failureReason", "failureMessage", "error", "lastError", "errorMessage"):
        value = obj.at("status", key)
        message = flat(value if isinstance(value, str) else map_at(value).get("message"))
        if message:
            yield Verdict("in error", message, Evidence(f"{obj.ref} status.{key}", message, object=obj.ref))

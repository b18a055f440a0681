"""`Graph`: which finding explains which, while that is being worked out."""

from __future__ import annotations

from collections.abc import Iterable

from engine.core.types import Finding, ObjectRef

CONFIGURED = frozenset({"ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"})
"""Kinds that a person set up: a circle (their own pods wait for what they refuse) is cut at them, so that they are the cause."""


class Graph:
    """Findings by id, by the objects they are about, and the causes found so far."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.by_id = {f.id: f for f in findings}
        self.causes: dict[str, list[str]] = {
            f.id: [] if f.object.kind in CONFIGURED else [c for c in f.causes if c in self.by_id and c != f.id] for f in self.by_id.values()
        }
        self.about: dict[ObjectRef, list[Finding]] = {}
        for finding in self.by_id.values():
            for ref in {finding.object, finding.owner or finding.object}:
                self.about.setdefault(ref, []).append(finding)

    def explains(self, cause: Finding, effect: Finding) -> None:
        """Note that one finding explains another, unless it follows from it."""
        if cause.id == effect.id or cause.id in self.causes[effect.id] or self.follows(cause.id, effect.id):
            return
        self.causes[effect.id].append(cause.id)

    def follows(self, effect: str, cause: str) -> bool:
        """Whether a finding is explained, over any number of steps, by another."""
        seen: set[str] = set()
        waiting = [effect]
        while waiting:
            current = waiting.pop()
            if current == cause:
                return True
            if current not in seen:
                seen.add(current)
                waiting.extend(self.causes.get(current, ()))
        return False

    def of(self, ref: ObjectRef) -> list[Finding]:
        return self.about.get(ref, [])

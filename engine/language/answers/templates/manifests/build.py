"""Which template makes which kind, and the YAML of what was made."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from engine.language.answers.templates.manifests import access, limits, network, workloads
from engine.language.answers.templates.manifests.facts import Facts, Raw

Builder = Callable[[Facts], list[Raw]]
_ORDER = ("apiVersion", "kind", "metadata", "spec", "data", "rules", "roleRef", "subjects")
BUILDERS: Mapping[str, Builder] = {
    "Deployment": workloads.deployment, "StatefulSet": workloads.stateful_set, "CronJob": workloads.cron_job, "Job": workloads.job,
    "Service": network.service, "Ingress": network.ingress, "HTTPRoute": network.http_route, "NetworkPolicy": network.network_policy,
    "PodDisruptionBudget": limits.disruption_budget, "HorizontalPodAutoscaler": limits.autoscaler, "PersistentVolumeClaim": limits.volume_claim,
    "ResourceQuota": limits.resource_quota, "LimitRange": limits.limit_range, "Role": access.role, "ConfigMap": access.config_map,
    "Namespace": access.namespace, "ServiceAccount": access.service_account,
}  # fmt: skip
"""The templates by Kind; a Role comes with its binding."""
_SPOKEN = (
    (r"\bhttp ?routes?\b", "HTTPRoute"),
    (r"\bnetwork ?polic\w+|\bnetpol\b|\bpolicy\b.{0,40}\b(?:allow|between|from)\b", "NetworkPolicy"),
    (r"\b(?:cluster ?)?role(?: ?binding)?s?\b|\brbac\b", "Role"),
    (r"\bcron ?job|\bevery (?:night|day|hour|\d+ minutes)|\bnightly\b", "CronJob"),
    (r"disruption ?budget|\bpdb\b", "PodDisruptionBudget"),
    (r"autoscal\w+|\bhpa\b", "HorizontalPodAutoscaler"),
    (r"\bresource ?quota|\bquota\b", "ResourceQuota"),
    (r"\blimit ?range\b", "LimitRange"),
    (r"volume ?claim|\bpvc\b", "PersistentVolumeClaim"),
    (r"\bconfig ?map\b", "ConfigMap"),
    (r"\bstateful ?set\b", "StatefulSet"),
    (r"\bingress\b", "Ingress"),
    (r"\bdeployment\b", "Deployment"),
    (r"\bservice ?account\b", "ServiceAccount"),
    (r"\bservice\b|\bload ?balancer\b", "Service"),
    (r"\bjob\b", "Job"),
    (r"\bnamespace\b", "Namespace"),
)
"""What people call the kinds, the more telling words first ("a service for the deployment x" is told apart by which comes first)."""


def kind_in(words: str) -> str:
    """The Kind that a manifest is asked of: the first one named that has a template; "" for none."""
    words = re.sub(r"\b(?:in|e)gress(?:\s+(?:and|or|only)\s+\w+)?\s+(?=(?:rules?|traffic|network ?polic))", "", words)  # a direction there
    hits = [(found.start(), rank, kind) for rank, (spoken, kind) in enumerate(_SPOKEN) if (found := re.search(spoken, words))]
    return min(hits)[2] if hits else ""


def as_yaml(objects: Sequence[Raw]) -> str:
    """Objects as the YAML of a file, in the usual order of fields."""
    import yaml

    ordered = [{key: obj[key] for key in (*_ORDER, *(k for k in obj if k not in _ORDER)) if key in obj} for obj in objects]
    return "---\n".join(yaml.dump(obj, Dumper=_plain(), sort_keys=False, width=120, allow_unicode=True) for obj in ordered)


def _plain() -> type:
    """A dumper that writes values out instead of pointing at an equal one before (`&id001`)."""
    import yaml

    class Plain(yaml.SafeDumper):
        def ignore_aliases(self, data: object) -> bool:
            return True

    return Plain

"""Label selectors, node selector terms, tolerations and amounts, by the API's rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.cluster.objects import Obj, labels_at, map_at, maps_at, text_at, texts_at
from engine.cluster.usage import quantity


def readable(resource: str, amount: float) -> str:
    """An amount of a resource as a person writes it: cores or millicores, binary sizes, counts."""
    if resource == "cpu" or resource.endswith(".cpu"):
        return f"{amount:g}" if amount >= 1 and float(f"{amount:g}") == int(amount) else f"{round(amount * 1000)}m"
    if any(word in resource for word in ("memory", "storage", "hugepages")):
        for power, suffix in ((4, "Ti"), (3, "Gi"), (2, "Mi"), (1, "Ki")):
            if amount >= 1024**power:
                scaled = amount / 1024**power
                return f"{scaled:.0f}{suffix}" if abs(scaled - round(scaled)) < 0.05 else f"{scaled:.1f}{suffix}"
    return f"{amount:g}"


def selects(selector: object, labels: Mapping[str, str]) -> bool:
    """Whether a LabelSelector (matchLabels, matchExpressions) matches; the empty selector matches everything."""
    for key, value in labels_at(selector, "matchLabels").items():
        if labels.get(key) != value:
            return False
    return all(_expression(e, labels) for e in maps_at(selector, "matchExpressions"))


def mismatches(selector: Mapping[str, str], labels: Mapping[str, str]) -> list[str]:
    """The keys of an equality selector that these labels lack or hold with another value."""
    return [key for key, value in selector.items() if labels.get(key) != value]


def node_term_matches(term: Mapping[str, Any], node: Obj) -> bool:
    """Whether one nodeSelectorTerm matches a node; a term without any requirement matches nothing."""
    expressions, by_field = maps_at(term, "matchExpressions"), maps_at(term, "matchFields")
    if not expressions and not by_field:
        return False
    return all(_expression(e, node.labels) for e in expressions) and all(_expression(e, {"metadata.name": node.name}) for e in by_field)


def node_selector_matches(selector: object, node: Obj) -> bool:
    """Whether a NodeSelector (terms are alternatives) matches a node; one without terms restricts nothing."""
    terms = maps_at(selector, "nodeSelectorTerms")
    return not terms or any(node_term_matches(term, node) for term in terms)


def required_affinity(spec: object) -> Mapping[str, Any]:
    """The pod's required node affinity, or an empty mapping."""
    return map_at(spec, "affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution")


def requirement_text(expression: Mapping[str, Any]) -> str:
    """`zone in (a, b)` for one requirement of a selector."""
    key, operator, values = text_at(expression, "key"), text_at(expression, "operator"), texts_at(expression, "values")
    if operator in ("Exists", "DoesNotExist"):
        return f"{key} {'exists' if operator == 'Exists' else 'does not exist'}"
    if operator == "In" and len(values) == 1:
        return f"{key}={values[0]}"
    words = {"In": "in", "NotIn": "not in", "Gt": ">", "Lt": "<"}
    return f"{key} {words.get(operator, operator)} ({', '.join(values)})"


def tolerates(tolerations: list[Mapping[str, Any]], taint: Mapping[str, Any]) -> bool:
    """Whether any toleration covers a taint."""
    for toleration in tolerations:
        effect = text_at(toleration, "effect")
        if effect and effect != text_at(taint, "effect"):
            continue
        key = text_at(toleration, "key")
        exists = text_at(toleration, "operator") == "Exists"
        if not key and exists:
            return True
        if key == text_at(taint, "key") and (exists or text_at(toleration, "value") == text_at(taint, "value")):
            return True
    return False


def taint_text(taint: Mapping[str, Any]) -> str:
    """`key=value:effect` as kubectl writes it."""
    key, value, effect = text_at(taint, "key"), text_at(taint, "value"), text_at(taint, "effect")
    return f"{key}={value}:{effect}" if value else f"{key}:{effect}"


def pod_requests(spec: object) -> dict[str, float]:
    """What the scheduler counts for a pod: containers and sidecars, at least the largest init container, plus overhead."""
    total: dict[str, float] = {}
    for container in maps_at(spec, "containers"):
        _add(total, _requests(container))
    sidecars: dict[str, float] = {}
    peak: dict[str, float] = {}
    for container in maps_at(spec, "initContainers"):
        own = _requests(container)
        if text_at(container, "restartPolicy") == "Always":
            _add(sidecars, own)
            own = dict(sidecars)
        else:
            _add(own, sidecars)
        for name, amount in own.items():
            peak[name] = max(peak.get(name, 0.0), amount)
    _add(total, sidecars)
    for name, amount in peak.items():
        total[name] = max(total.get(name, 0.0), amount)
    for name, amount in _requests(spec).items():  # pod-level resources win over the sum of the containers'
        total[name] = amount
    _add(total, {k: q for k, v in map_at(spec, "overhead").items() if (q := quantity(v)) is not None})
    return total


def host_ports(spec: object) -> set[tuple[int, str, str]]:
    """(port, protocol, host IP) that a pod claims on its node."""
    found = set()
    host_network = map_at(spec).get("hostNetwork") is True
    for container in [*maps_at(spec, "containers"), *maps_at(spec, "initContainers")]:
        for port in maps_at(container, "ports"):
            number = port.get("hostPort") or (port.get("containerPort") if host_network else None)
            if isinstance(number, int) and number > 0:
                found.add((number, text_at(port, "protocol") or "TCP", text_at(port, "hostIP") or "0.0.0.0"))  # noqa: S104 - the API's word for any address
    return found


def _requests(holder: object) -> dict[str, float]:
    amounts = {**map_at(holder, "resources", "limits"), **map_at(holder, "resources", "requests")}
    return {name: amount for name, value in amounts.items() if isinstance(name, str) and (amount := quantity(value)) is not None}


def _add(total: dict[str, float], more: Mapping[str, float]) -> None:
    for name, amount in more.items():
        total[name] = total.get(name, 0.0) + amount


def _expression(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    key, operator, values = text_at(expression, "key"), text_at(expression, "operator"), texts_at(expression, "values")
    have = labels.get(key)
    if operator == "In":
        return have in values
    if operator == "NotIn":
        return have not in values
    if operator == "Exists":
        return have is not None
    if operator == "DoesNotExist":
        return have is None
    if operator in ("Gt", "Lt") and values:
        try:
            left, right = int(have or ""), int(values[0])
        except ValueError:
            return False
        return left > right if operator == "Gt" else left < right
    return False

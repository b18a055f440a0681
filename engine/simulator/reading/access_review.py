"""`auth can-i` and `auth whoami`: everything may be read, and written only where the recording has an overlay."""

from __future__ import annotations

from typing import Any

from engine.cluster.objects import text_at
from engine.simulator.apiserver.http import ApiError, Reply, Request, json_reply
from engine.simulator.apiserver.resources import Catalogue
from engine.simulator.apiserver.routing import Target
from engine.simulator.encoding.body import decoded_body

READ_VERBS = ["get", "list", "watch"]
WRITE_VERBS = ["create", "update", "patch", "delete", "deletecollection"]
NO_NODE = ("pods/exec", "pods/attach", "pods/portforward", "pods/ephemeralcontainers")
REVIEWS = frozenset(
    {
        ("authorization.k8s.io", "selfsubjectaccessreviews"),
        ("authorization.k8s.io", "selfsubjectrulesreviews"),
        ("authentication.k8s.io", "selfsubjectreviews"),
    }
)


def review(target: Target, request: Request, catalogue: Catalogue, *, writable: bool) -> Reply:
    """The review with its status filled in."""
    if request.method != "POST":
        raise ApiError(405, f"{target.plural} can only be created")
    asked = decoded_body(request)
    kind = catalogue.find(target.group, target.version, target.plural).kind
    answer: dict[str, Any] = {"kind": kind, "apiVersion": target.api_version, "metadata": {}, "spec": asked.get("spec", {})}
    if target.plural == "selfsubjectreviews":
        answer.pop("spec")
        answer["status"] = {"userInfo": {"username": "recording", "groups": ["system:authenticated"]}}
    elif target.plural == "selfsubjectrulesreviews":
        answer["status"] = _rules(writable)
    else:
        answer["status"] = _access(asked, writable)
    return json_reply(answer, status=201)


def _access(asked: dict[str, Any], writable: bool) -> dict[str, Any]:
    attributes = asked.get("spec", {}).get("resourceAttributes") or {}
    if not attributes:
        verb = text_at(asked, "spec", "nonResourceAttributes", "verb")
        return {"allowed": verb in ("get", "head")}
    resource, subresource, verb = (text_at(attributes, key) for key in ("resource", "subresource", "verb"))
    if f"{resource}/{subresource}" in NO_NODE:
        return {"allowed": False, "reason": "nothing runs in a recorded cluster"}
    if verb in READ_VERBS or writable:
        return {"allowed": True}
    return {"allowed": False, "reason": "this recording is read-only; start with --writable to try changes on a copy in memory"}


def _rules(writable: bool) -> dict[str, Any]:
    verbs = READ_VERBS + (WRITE_VERBS if writable else [])
    return {
        "incomplete": False,
        "resourceRules": [{"verbs": verbs, "apiGroups": ["*"], "resources": ["*"]}],
        "nonResourceRules": [{"verbs": ["get"], "nonResourceURLs": ["*"]}],
    }

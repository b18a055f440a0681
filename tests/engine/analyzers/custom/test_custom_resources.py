"""Custom resources of kinds that nobody here has ever seen: what their status says, and where the trail behind them ends."""

from __future__ import annotations

from typing import Any

import pytest
from fakes.manifests import NOW, NS, Raw, ago, event, meta, secret, view

from engine.analyzers.check import check
from engine.analyzers.common.links import links, mentions
from engine.analyzers.common.view import ClusterView
from engine.analyzers.custom.verdict import verdict
from engine.analyzers.diagnosis.rank import diagnose
from engine.cluster.objects import Obj
from engine.core.types import ObjectRef


def crd(kind: str, group: str = "fruit.example.com", scope: str = "Namespaced", **spec: Any) -> Raw:
    plural = f"{kind.lower()}s"
    return {
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {"group": group, "scope": scope, "names": {"kind": kind, "plural": plural}, "versions": [{"name": "v1"}], **spec},
        "status": {"conditions": [{"type": "Established", "status": "True"}]},
    }


def resource(
    kind: str, name: str, spec: Raw | None = None, status: Raw | None = None, owner: Raw | None = None, namespace: str = NS
) -> Raw:
    references = [{"kind": owner["kind"], "name": owner["metadata"]["name"], "uid": owner["metadata"]["uid"]}] if owner else []
    body = meta(f"{name}", namespace, ownerReferences=references)
    body["uid"] = f"uid-{kind}-{name}"
    return {"apiVersion": "fruit.example.com/v1", "kind": kind, "metadata": body, "spec": spec or {}, "status": status or {}}


def condition(kind: str, status: str, message: str = "", reason: str = "Because") -> Raw:
    return {"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": ago(1800)}


def not_ready(message: str) -> Raw:
    return {"conditions": [condition("Ready", "False", message)]}


READY = {"conditions": [condition("Ready", "True")]}


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (not_ready("the tree is dead"), "not Ready"),
        ({"conditions": [condition("Programmed", "False", "no address")]}, "not Programmed"),
        ({"parents": [{"conditions": [condition("ResolvedRefs", "False", "backend not found")]}]}, "not ResolvedRefs"),
        ({"conditions": [condition("Stalled", "True", "chart not found")]}, "Stalled"),
        ({"conditions": [condition("ResolutionFailed", "True", "no operators found")]}, "ResolutionFailed"),
        ({"conditions": [condition("Degraded", "True", "one of three")]}, "Degraded"),
        ({"phase": "PartiallyFailed", "message": "two volumes"}, "PartiallyFailed"),
        ({"health": {"status": "Degraded"}}, "Degraded"),
        ({"operationState": {"phase": "Failed", "message": "one or more objects failed to apply"}}, "in operation Failed"),
        ({"readyToUse": False, "error": {"message": "quota"}}, "not readyToUse"),
        ({"failureReason": "CreateError", "failureMessage": "no image"}, "in error"),
        ({"state": "pending", "reason": "waiting for the rain"}, "still pending"),
    ],
)
def test_every_convention_of_bad_news_is_read(status: Raw, state: str) -> None:
    found = verdict(Obj(resource("Tree", "t", status=status)), NOW)
    assert found is not None and found.state == state


@pytest.mark.parametrize(
    "status",
    [
        READY,
        {"conditions": [condition("EtcdIsVoter", "True")]},
        {"conditions": [condition("Upgradeable", "False", "pending API removal")]},
        {"conditions": [condition("Progressing", "False", "all is rolled out")]},
        {"conditions": [condition("NotReady", "False")]},
        {"conditions": [condition("Ready", "False", "off", "Suspended")]},
        {"phase": "Succeeded"},
        {"health": {"status": "Healthy"}},
        {},
    ],
)
def test_news_that_only_informs_is_no_verdict(status: Raw) -> None:
    assert verdict(Obj(resource("Tree", "t", status=status)), NOW) is None


def test_references_are_read_from_the_shape_of_fields() -> None:
    kinds = [crd("Tree"), crd("Orchard", scope="Cluster"), crd("FruitStore")]
    spec = {
        "orchardRef": {"name": "north"},
        "storeRef": {"name": "shed"},
        "secretName": "juice",
        "auth": {"tokenSecretRef": {"name": "token", "key": "t"}},
        "sourceRef": {"kind": "Tree", "name": "old", "namespace": "elsewhere"},
        "storageClassName": "fast",
        "dependsOn": [{"name": "roots"}],
        "displayName": "A tree",
    }
    obj = Obj(resource("Tree", "t", spec))
    found = {(link.to, link.makes) for link in links(view(*kinds), obj)}
    assert found == {
        (ObjectRef("Orchard", "", "north"), False),
        (ObjectRef("FruitStore", NS, "shed"), False),
        (ObjectRef("Secret", NS, "juice"), True),
        (ObjectRef("Secret", NS, "token"), False),
        (ObjectRef("Tree", "elsewhere", "old"), False),
        (ObjectRef("StorageClass", "", "fast"), False),
        (ObjectRef("Tree", NS, "roots"), False),
    }


def test_names_are_words_of_a_text() -> None:
    assert mentions("pod web-2 failed", "web-2") and not mentions("pod web-2 failed", "web")
    assert not mentions("pods are created", "pod") and mentions('limit "pod" of', "pod")


def test_what_references_a_broken_resource_is_its_consequence_however_long_the_trail() -> None:
    top = resource("Tree", "t", {"storeRef": {"name": "shed"}}, not_ready("store shed is not ready"))
    store = resource("FruitStore", "shed", {"orchardRef": {"name": "north"}}, not_ready("waiting for the orchard"))
    orchard = resource("Orchard", "north", status=not_ready("login refused: token expired"), namespace="")
    report = check(view(crd("Tree"), crd("FruitStore"), crd("Orchard", scope="Cluster"), top, store, orchard))
    found = diagnose(view(), "why is the tree not ready?", report=report)
    assert [r.finding.object for r in found.root_causes] == [ObjectRef("Orchard", "", "north")]
    assert "token expired" in found.root_causes[0].finding.summary
    assert len(found.root_causes[0].chain) == 3


def test_what_a_resource_owns_is_where_its_trouble_comes_from_and_ready_links_are_passed_through() -> None:
    top = resource("Tree", "t", status=not_ready("waiting"))
    branch = resource("Branch", "b", owner=top)
    leaf = resource("Leaf", "l", status={"phase": "Failed", "message": "eaten by a caterpillar"}, owner=branch)
    found = diagnose(view(crd("Tree"), crd("Branch"), crd("Leaf"), top, branch, leaf), "tree t is not ready")
    assert [r.finding.object.kind for r in found.root_causes] == ["Leaf"]


def test_a_reference_to_nothing_is_the_cause_and_a_near_name_is_offered() -> None:
    top = resource("Tree", "t", {"storeRef": {"name": "shde"}}, not_ready("store not found"))
    store = resource("FruitStore", "shed", status=READY)
    found = diagnose(view(crd("Tree"), crd("FruitStore"), top, store), "tree t is not ready")
    assert found.root_causes[0].finding.code == "ReferenceNotFound"
    assert "did you mean shed?" in found.root_causes[0].finding.summary


def test_a_circle_of_references_ends() -> None:
    one = resource("Tree", "a", {"treeRef": {"name": "b"}}, not_ready("waiting for b"))
    two = resource("Tree", "b", {"treeRef": {"name": "a"}}, not_ready("waiting for a"))
    assert len(check(view(crd("Tree"), one, two)).findings) == 2


def test_the_controller_is_heard_where_the_status_passes_the_buck() -> None:
    top = resource("Tree", "t", status=not_ready("reconciliation failed, see the events"))
    told = event(top, "WaterFailed", "the well is dry")
    report = check(view(crd("Tree"), top, told))
    assert "the well is dry" in report.findings[0].summary


def helm(version: int, status: str, seconds: float) -> Raw:
    labels = {"owner": "helm", "name": "shop", "status": status, "version": str(version)}
    made = secret(f"sh.helm.release.v1.shop.v{version}", "release")
    made["metadata"].update(labels=labels, creationTimestamp=ago(seconds))
    return made


def test_an_interrupted_helm_operation_explains_the_release_that_waits_for_it() -> None:
    release = resource("HelmRelease", "shop", status=not_ready("Helm upgrade failed: another operation is in progress"))
    base: ClusterView = view(crd("HelmRelease"), release, helm(3, "deployed", 90000), helm(4, "pending-upgrade", 7200))
    found = diagnose(base, "shop was not upgraded")
    assert found.root_causes[0].finding.code == "HelmReleasePending"
    assert "revision 3 is what runs" in found.root_causes[0].finding.summary
    running = check(view(crd("HelmRelease"), helm(4, "pending-upgrade", 60)))
    assert not running.findings, "an operation of a minute is under way, not stuck"


def test_a_generation_that_its_controller_has_not_observed_is_a_fault() -> None:
    body = resource("Plum", "late", {}, {"observedGeneration": "21", "phase": "Healthy"})
    body["metadata"]["generation"] = 22
    found = verdict(Obj(body), NOW)
    assert found is not None
    assert "observed 21" in found.message
    body["status"]["observedGeneration"] = 22
    assert verdict(Obj(body), NOW) is None


def test_a_sentence_of_a_condition_counts_before_the_bare_reason_of_another() -> None:
    status = {"conditions": [condition("SourcesUnhealthy", "True"), condition("ResolutionFailed", "True", "cannot list the bundles")]}
    found = verdict(Obj(resource("Plum", "p", {}, status)), NOW)
    assert found is not None
    assert "cannot list the bundles" in found.message

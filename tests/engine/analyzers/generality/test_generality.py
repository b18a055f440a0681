# ruff: noqa: E501
"""Analyzers stand odd objects, know no names, quote what is there, and leave the healthy alone."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes.manifests import NOW, container, crash_loop, deployment, event, log_of, node, running, service, view, workload

from engine.analyzers.check import check
from engine.analyzers.common.view import ClusterView
from engine.analyzers.diagnosis.hypotheses import of_diagnosis
from engine.analyzers.diagnosis.rank import diagnose
from engine.analyzers.registry import ANALYZERS, SPECIALITIES, load
from engine.cluster.recordings.recorded_cluster import open_recording
from engine.cluster.source import ClusterSource, Forbidden, NotFound, Unreachable
from engine.core.paths import resource_path

SHARED = Path(__file__).parents[5] / "shared" / "data" / "clusters"


def recording() -> ClusterSource:
    """The development recording where it lies beside the checkout, else the bundled one."""
    kept = SHARED / "dev.tar.gz"
    return open_recording(kept) if kept.exists() else open_recording(resource_path("demo"))


@pytest.fixture(scope="module")
def source() -> Iterator[ClusterSource]:
    opened = recording()
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def everything(source: ClusterSource) -> tuple[list[dict[str, Any]], dict[tuple[str, str, str, bool], list[str]]]:
    """All objects, as plain JSON, and all logs."""
    objects: list[dict[str, Any]] = []
    seen = set()
    for resource in source.resources():
        if resource.group == "events.k8s.io" or (resource.kind, resource.group) in seen:
            continue
        seen.add((resource.kind, resource.group))
        try:
            objects += [json.loads(json.dumps(o)) for o in source.list(resource.name)]
        except Exception:
            continue
    logs = {}
    for pod in [o for o in objects if o["kind"] == "Pod"]:
        for status in pod["status"].get("initContainerStatuses", []) + pod["status"].get("containerStatuses", []):
            for previous in (False, True):
                key = (pod["metadata"]["namespace"], pod["metadata"]["name"], status["name"], previous)
                try:
                    logs[key] = source.logs(*key[:3], previous=previous)
                except Exception:
                    continue
    return objects, logs


def view_of(everything: tuple[list[dict[str, Any]], dict[Any, list[str]]], source: ClusterSource, scope: str | None = None) -> ClusterView:
    return ClusterView.from_objects(everything[0], now=source.now(), namespace=scope, logs=everything[1])


WRONG: list[Any] = [None, "", "x", 0, -1, 10**12, True, [], {}, [None], [[]], {"a": None}, "2031-99-99T00:00:00Z", "NaN"]


def mutated(value: Any, dice: random.Random, rate: float) -> Any:
    """A copy in which some fields are gone, null or of a wrong type."""
    if dice.random() < rate:
        return dice.choice(WRONG)
    if isinstance(value, dict):
        return {k: mutated(v, dice, rate) for k, v in value.items() if dice.random() > rate}
    if isinstance(value, list):
        return [mutated(v, dice, rate) for v in value]
    return value


@pytest.mark.parametrize("seed", range(6))
def test_no_analyzer_raises_on_odd_objects(seed: int, source: ClusterSource, everything: Any) -> None:
    dice = random.Random(seed)
    rate = (0.01, 0.03, 0.08)[seed % 3]
    objects = []
    for raw in everything[0]:
        if raw["kind"] == "Event" and dice.random() < 0.6:
            continue
        odd = mutated(raw, dice, rate)
        if isinstance(odd, dict):
            objects.append({**odd, "kind": raw["kind"]})
    made = ClusterView.from_objects(objects, now=source.now(), logs=everything[1])
    report = check(made)
    assert report.errors == ()
    for finding in report.findings:
        assert finding.summary and isinstance(finding.id, str) and 0 <= finding.confidence <= 1
    for namespace in ("payments", "orders", "shop", "accounts"):
        scoped = ClusterView.from_objects(objects, now=source.now(), namespace=namespace, logs=everything[1])
        of_diagnosis(diagnose(scoped, "why is it failing?"))


def test_no_analyzer_raises_on_an_object_that_is_only_a_kind(source: ClusterSource) -> None:
    from engine.cluster.kinds import RESOURCE_OF_KIND

    for stub in (
        {},
        {"metadata": None},
        {"metadata": {"name": "x"}, "spec": None, "status": None},
        {"metadata": {"name": "x"}, "spec": [], "status": "x"},
    ):
        made = ClusterView.from_objects([{"kind": kind, **stub} for kind in RESOURCE_OF_KIND], now=NOW)
        assert check(made).errors == ()


_KEEP = re.compile(r"^(kube-|system:|default$|kubernetes|coredns|cluster-|nginx$)")


def renamed(everything: Any) -> tuple[Any, dict[str, str]]:
    """All objects and logs with every name of a namespace, workload, Service, ConfigMap, Secret, claim and node replaced."""
    kinds = {"Namespace", "Deployment", "StatefulSet", "DaemonSet", "CronJob", "Service", "ConfigMap", "Secret", "ServiceAccount", "Node", "NetworkPolicy", "Ingress", "ResourceQuota", "HorizontalPodAutoscaler"}  # fmt: skip
    names = {o["metadata"]["name"] for o in everything[0] if o["kind"] in kinds}
    names |= {o["metadata"]["name"] for o in everything[0] if o["kind"] == "Job" and not o["metadata"].get("ownerReferences")}
    names = {n for n in names if not _KEEP.match(n) and "." not in n and len(n) > 3}
    fresh = {name: f"q{i:03d}zz" for i, name in enumerate(sorted(names))}
    pattern = re.compile(
        r"(?<![A-Za-z0-9_])(" + "|".join(sorted((re.escape(n) for n in names), key=len, reverse=True)) + r")(?![A-Za-z0-9_])"
    )

    def change(text: str) -> str:
        return pattern.sub(lambda hit: fresh[hit[1]], text)

    objects = json.loads(change(json.dumps(everything[0])))
    logs = {(change(k[0]), change(k[1]), change(k[2]), k[3]): [change(line) for line in lines] for k, lines in everything[1].items()}
    return (objects, logs), fresh


def test_findings_follow_when_everything_is_renamed(source: ClusterSource, everything: Any) -> None:
    other, fresh = renamed(everything)
    namespaces = sorted(o["metadata"]["name"] for o in everything[0] if o["kind"] == "Namespace")
    lost = []
    for namespace in namespaces:
        before = diagnose(view_of(everything, source, namespace), "what is wrong?")
        after = diagnose(view_of(other, source, fresh.get(namespace, namespace)), "what is wrong?")
        first = [r.finding.code for r in before.root_causes[:1]]
        if first != [r.finding.code for r in after.root_causes[:1]]:
            lost.append((namespace, first, [r.finding.summary for r in after.root_causes[:1]]))
    assert lost == []


def test_every_excerpt_stands_verbatim_in_the_cluster(source: ClusterSource, everything: Any) -> None:
    objects, logs = everything
    haystack = json.dumps(objects, separators=(",", ":"), ensure_ascii=False) + "\n".join(line for lines in logs.values() for line in lines)
    loose: set[str] = set()

    def texts(value: Any) -> None:
        if isinstance(value, dict):
            for key, inner in value.items():
                loose.add(f"{key}:")
                if isinstance(inner, str | int | float | bool) or inner is None:
                    loose.add(f"{key}: {inner}")
                    loose.add(f"{key}: {json.dumps(inner)}")
                texts(inner)
        elif isinstance(value, list):
            for inner in value:
                if isinstance(inner, str | int):
                    loose.add(f"- {inner}")
                texts(inner)
        elif isinstance(value, str):
            loose.add(value)

    texts(objects)
    whole = "\n".join(loose)
    foreign = []
    for finding in check(view_of(everything, source)).findings:
        for piece in finding.evidence:
            parts = [line for line in piece.excerpt.splitlines() if line.strip() and line.strip() != "…"]
            if piece.excerpt in haystack or all(line in loose or line in whole or line in haystack for line in parts):
                continue
            foreign.append((finding.id, piece.source, piece.excerpt[:200]))
    assert foreign == []


def test_findings_of_a_recording_have_owners_remedies_and_commands_with_a_namespace(source: ClusterSource, everything: Any) -> None:
    for finding in check(view_of(everything, source)).findings:
        for remedy in finding.remedies:
            if (
                remedy.command.startswith("kubectl")
                and finding.object.namespace
                and " -n " not in remedy.command
                and " -A" not in remedy.command
            ):
                assert re.search(r"kubectl (?:label|describe|uncordon|taint|get|patch|top|auth|drain|delete|create|edit) (?:node|storageclass|sc|pv|persistentvolume|clusterrole|namespace|ns|priorityclass|csidriver|csr|apiservice|ingressclass|--)", remedy.command) or "--raw" in remedy.command or "--all-namespaces" in remedy.command, remedy.command  # fmt: skip


def test_healthy_namespaces_have_no_warning(source: ClusterSource, everything: Any) -> None:
    for namespace in ("blog", "platform", "ingress-nginx", "default"):
        if not any(o["kind"] == "Namespace" and o["metadata"]["name"] == namespace for o in everything[0]):
            continue
        report = check(view_of(everything, source, namespace))
        assert [f.summary for f in report.findings if f.severity != "info"] == [], namespace


def test_the_labelled_faults_are_found(source: ClusterSource) -> None:
    labels = SHARED / "dev.labels.jsonl"
    if not labels.exists():
        pytest.skip("the development recording is not beside the checkout")
    rows = [json.loads(line) for line in labels.read_text().splitlines()]
    wrong = []
    for row in rows:
        told = diagnose(ClusterView.of(source, row["namespace"]), row["query"])
        if row["category"] == "healthy":
            if not told.healthy:
                wrong.append((row["id"], [r.finding.summary for r in told.root_causes]))
            continue
        summary = told.root_causes[0].finding.summary + str(told.root_causes[0].finding.object) if told.root_causes else ""
        if not all(re.search(p, summary, re.IGNORECASE) for p in row["must_mention"]):
            wrong.append((row["id"], summary))
    assert len(rows) - len(wrong) >= 38, wrong


def test_an_analyzer_that_raises_does_not_hide_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    from engine.analyzers.registry import Analyzer

    def broken(_: ClusterView) -> list[Any]:
        raise KeyError("oops")

    load()
    monkeypatch.setattr("engine.analyzers.registry.ANALYZERS", [Analyzer("broken", "workload", ("pods",), broken), *ANALYZERS])
    report = check(view(workload(container(), statuses=[crash_loop()])))
    assert any("analyzer broken failed: KeyError" in e for e in report.errors)
    assert any(f.severity == "critical" for f in report.findings)


def test_a_denied_list_becomes_a_finding_and_not_a_silent_gap() -> None:
    def fetch(resource: str, namespace: str | None) -> list[Any]:
        if resource == "secrets":
            raise Forbidden('secrets is forbidden: User "viewer" cannot list', resource="secrets")
        return []

    report = check(ClusterView(fetch, now=NOW, namespace="lab"))
    (gap,) = [f for f in report.findings if f.code == "CannotSee"]
    assert gap.summary == "cannot see secrets: needs get and list on secrets in namespace lab"
    assert gap.severity == "info" and gap.remedies[0].command == "kubectl auth can-i list secrets -n lab"
    assert any("cannot see secrets" in e for e in report.errors)


def test_many_denied_lists_are_one_line_a_cause_and_nothing_seen_is_no_empty_cluster() -> None:
    def refuse(resource: str, namespace: str | None) -> list[Any]:
        raise Forbidden(f'{resource} is forbidden: User "nobody" cannot list resource', resource=resource)

    report = check(ClusterView(refuse, now=NOW, namespace="lab"))
    inside, outside = (e for e in report.errors if e.startswith("cannot see"))
    assert re.fullmatch(
        r"cannot see \d+ kinds in namespace lab: pods, events, deployments.apps, statefulsets.apps, daemonsets.apps, jobs.batch "
        r"and \d+ more \(user nobody may not list them\)",
        inside,
    )
    assert re.fullmatch(r"cannot see \d+ cluster-scoped kinds: nodes, .* and \d+ more \(user nobody may not list them\)", outside)
    gaps = [f for f in report.findings if f.code == "CannotSee"]
    assert [(f.severity, f.detail) for f in gaps] == [("warning", "cluster-scoped"), ("warning", "namespaced")]
    assert report.nothing_seen == f"{inside}; {outside}"
    assert all(str(resource) in str(gaps) for resource in ("pods", "secrets", "storageclasses.storage.k8s.io")), "details are there"


def test_an_empty_namespace_that_may_be_read_and_a_kind_that_the_server_lacks_are_no_gap() -> None:
    def fetch(resource: str, namespace: str | None) -> list[Any]:
        if resource in ("nodes", "secrets"):
            raise Forbidden(f"{resource} is forbidden", resource=resource)
        if "gateway" in resource:
            raise NotFound(f"the server has no resource {resource}")
        return []

    report = check(ClusterView(fetch, now=NOW, namespace="lab"))
    assert report.nothing_seen == ""
    assert not [e for e in report.errors if "gateway" in e]


def test_without_pods_nobody_says_healthy() -> None:
    def fetch(resource: str, namespace: str | None) -> list[Any]:
        if resource == "pods":
            raise Forbidden("pods is forbidden", resource="pods")
        return []

    told = diagnose(ClusterView(fetch, now=NOW, namespace="lab"), "is everything ok?")
    assert not told.healthy and not told.root_causes and any("pods" in u for u in told.unknown)


def test_a_cluster_that_is_gone_is_not_a_finding() -> None:
    def fetch(resource: str, namespace: str | None) -> list[Any]:
        raise Unreachable("connection refused")

    with pytest.raises(Unreachable):
        check(ClusterView(fetch, now=NOW))


def test_only_runs_the_analyzers_of_a_speciality() -> None:
    made = view(workload(container(), statuses=[crash_loop()]), service("orphan", {"app": "nobody"}))
    assert {a.speciality for a in load()} <= set(SPECIALITIES)
    network = check(made, only=["network"])
    assert not any(f.object.kind == "Deployment" and f.code == "CrashLoopBackOff" for f in network.findings)
    by_name = check(made, only=["containers-crashing"])
    assert {f.object.kind for f in by_name.findings} == {"Deployment"}


def test_analyzers_are_pure() -> None:
    made = workload(container(), statuses=[crash_loop()])
    objects = [*made, deployment("zero", replicas=0), event(made[2], "BackOff", "back-off"), node()]
    logs = log_of(made[2], "environment variable GEO_TOKEN is not set", previous=True)
    before = json.dumps(objects)
    first, second = check(view(objects, logs=logs)), check(view(objects, logs=logs))
    assert first.findings == second.findings
    assert json.dumps(objects) == before


def test_a_healthy_workload_is_said_to_be_healthy() -> None:
    told = diagnose(view(workload(container(), statuses=[running()]), service("web")), "is web ok?")
    assert told.healthy and told.root_causes == () and "namespace lab" in told.looked_at

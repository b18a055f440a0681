"""Pasted text is recognised as what it is, analysed by itself, and nothing is found in what is in order."""

# ruff: noqa: E501
from datetime import UTC, datetime

import pytest
import yaml
from asking import request_of

from engine.cluster.recordings.recorded_cluster import RecordedCluster
from engine.language.answers.pasted.analyze import analyze
from engine.language.answers.pasted.recognize import recognize
from engine.language.understand import split_pasted

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
DESCRIBE = """Name:             web-7d9
Namespace:        shop
Node:             n1/10.0.0.1
Status:           Running
    State:          Waiting
      Reason:       CrashLoopBackOff
    Last State:     Terminated
      Reason:       OOMKilled
      Exit Code:    137
Events:
  Warning  BackOff    2m (x20 over 10m)     kubelet            Back-off restarting failed container app
"""
TABLE = """NAME         READY   STATUS             RESTARTS   AGE
web-1        0/1     CrashLoopBackOff   12         1h
web-2        1/1     Running            0          1h
db-0         0/1     Pending            0          1h
cache-0      0/1     Running            0          1h
"""
EVENTS = """LAST SEEN   TYPE      REASON             OBJECT        MESSAGE
2m          Warning   FailedMount        pod/web-1     MountVolume.SetUp failed for volume "c" : configmap "cfg" not found
3m          Normal    Scheduled          pod/web-1     Successfully assigned
"""
DEPLOYMENT = """apiVersion: apps/v1
kind: Deployment
metadata: {name: api}
spec:
  selector: {matchLabels: {app: api}}
  template:
    metadata: {labels: {app: LABEL}}
    spec:
      containers:
      - {name: api, image: "r/api:1", resources: {requests: {memory: REQUEST}, limits: {memory: 256Mi}}, volumeMounts: [{name: VOLUME, mountPath: /d}]}
      volumes: [{name: data, emptyDir: {}}]
"""


def deployment(label: str = "api", request: str = "128Mi", volume: str = "data") -> str:
    return DEPLOYMENT.replace("LABEL", label).replace("REQUEST", request).replace("VOLUME", volume)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (DESCRIBE, "describe"),
        (TABLE, "table"),
        (EVENTS, "events"),
        ("Warning  FailedScheduling  2m  default-scheduler  0/4 nodes are available: 4 Insufficient cpu.", "events"),
        (deployment(), "objects"),
        ('{"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "x"}}', "objects"),
        ('{"level": "error", "msg": "refused"}\n{"level": "info", "msg": "kind: of"}', "log"),
        ("kind: Pod\n  bad: [x\n", "broken manifest"),
        ("2026-11-28 10:11:12 FATAL: password authentication failed", "log"),
        ("Traceback (most recent call last):\n  File \"a.py\", line 1\nKeyError: 'X'", "log"),
    ],
)
def test_the_kind_of_a_text_is_recognised(text: str, kind: str) -> None:
    assert recognize(text).kind == kind


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        (deployment(label="apis"), "SelectorMismatch", "app=api against apis"),
        (deployment(request="1Gi"), "RequestAboveLimit", "requests more memory"),
        (deployment(volume="cfg"), "UnknownVolume", "volume cfg"),
        (deployment().replace("image:", "imge:"), "InvalidManifest", "unknown field spec.template.spec.containers[0].imge"),
        (deployment().replace("apps/v1", "extensions/v1beta1"), "RemovedApi", "apps/v1"),
        (
            "apiVersion: batch/v1beta1\nkind: CronJob\nmetadata: {name: x}",
            "RemovedApi",
            "since Kubernetes 1.25: the apiVersion is now batch/v1",
        ),
        ("kind: Pod\n  bad: [x\n", "InvalidYaml", "line 2"),
        (EVENTS, "FailedMount", 'configmap "cfg" not found'),
        (DESCRIBE, "OOMKilled", "memory than its limit"),
        (TABLE, "CrashLoopBackOff", "ends soon after each start"),
        (
            "Warning  FailedScheduling  2m  default-scheduler  0/4 nodes are available: 1 node(s) had untolerated taint {gpu: }, 3 Insufficient cpu.",
            "FailedScheduling",
            "3 have too little cpu left",
        ),
        ("nginx: [emerg] bind() to 0.0.0.0:80 failed (13: Permission denied)", "PrivilegedPort", "below 1024"),
    ],
)
def test_the_fault_of_a_text_comes_first(text: str, code: str, words: str) -> None:
    found = analyze(text, NOW)[1]
    assert found and found[0].code == code
    assert words in found[0].summary


def test_rows_that_are_well_are_no_findings() -> None:
    names = {finding.object.name for finding in analyze(TABLE, NOW)[1]}
    assert names == {"web-1", "db-0", "cache-0"}
    assert analyze(deployment(), NOW)[1] == []


def test_no_fault_is_found_in_the_healthy_workloads_of_a_cluster(demo: RecordedCluster) -> None:
    wrong = []
    for resource in ("deployments.apps", "statefulsets.apps", "services", "configmaps", "cronjobs.batch"):
        for raw in demo.list(resource):
            status = raw.get("status") or {}
            if resource.endswith(".apps") and status.get("readyReplicas") != (raw.get("spec") or {}).get("replicas"):
                continue
            found = analyze(yaml.safe_dump(raw), demo.now(), demo)[1]
            wrong += [(raw["metadata"]["name"], finding.code, finding.summary[:90]) for finding in found]
    assert wrong == []


@pytest.mark.parametrize(
    ("text", "question", "pasted"),
    [
        (
            "our proxy says this:\nnginx: [emerg] bind() failed\nwhat to do?",
            "our proxy says this: what to do?",
            "nginx: [emerg] bind() failed",
        ),
        ("is this ok?\napiVersion: v1\nkind: Pod", "is this ok?", "apiVersion: v1\nkind: Pod"),
        ("why is web failing?", "why is web failing?", ""),
    ],
)
def test_the_question_is_told_from_what_was_pasted(text: str, question: str, pasted: str) -> None:
    assert split_pasted(text) == (question, pasted)


def test_a_question_about_a_paste_is_troubleshooting_and_one_about_a_term_is_not(demo: RecordedCluster) -> None:
    event = "Warning  FailedScheduling  2m  default-scheduler  0/4 nodes are available: 4 Insufficient cpu."
    assert request_of(f"what does this tell me?\n{event}", demo).wants == "diagnose"
    assert request_of(f"what is a PodDisruptionBudget?\n{event}", demo).wants == "explain_concept"

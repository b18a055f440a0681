"""READY, STATUS and RESTARTS of a pod are what kubectl prints, and the note beside them says why in a few words."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from engine.cluster.rows.pod_state import pod_state, pod_trouble

NOW = datetime(2026, 3, 1, 10, 0, 0, tzinfo=UTC)
OLD, FRESH = "2026-03-01T09:00:00Z", "2026-03-01T09:59:50Z"
RUNNING: dict[str, Any] = {"running": {"startedAt": OLD}}


def ended(code: int, reason: str = "", at: str = "2026-03-01T09:58:00Z", **more: Any) -> dict[str, Any]:
    return {"terminated": {"exitCode": code, "finishedAt": at, **({"reason": reason} if reason else {}), **more}}


def waiting(reason: str, message: str = "") -> dict[str, Any]:
    return {"waiting": {"reason": reason, "message": message}}


def container(state: dict[str, Any], name: str = "app", ready: bool = False, restarts: int = 0, **more: Any) -> dict[str, Any]:
    return {"name": name, "state": state, "ready": ready, "restartCount": restarts, **more}


def pod(
    *containers: dict[str, Any],
    phase: str = "Running",
    init: tuple[dict[str, Any], ...] = (),
    sidecars: tuple[str, ...] = (),
    conditions: dict[str, Any] | None = None,
    created: str = OLD,
    deleted: str = "",
    spec: dict[str, Any] | None = None,
    **status: Any,
) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": "p", "namespace": "n", "creationTimestamp": created}
    if deleted:
        metadata["deletionTimestamp"] = deleted
    return {
        "metadata": metadata,
        "spec": {
            "containers": [{"name": c["name"]} for c in containers] or [{"name": "app"}],
            "initContainers": [{"name": c["name"], **({"restartPolicy": "Always"} if c["name"] in sidecars else {})} for c in init],
            **(spec or {}),
        },
        "status": {
            "phase": phase,
            "containerStatuses": list(containers),
            "initContainerStatuses": list(init),
            "conditions": [
                {"type": kind, **(value if isinstance(value, dict) else {"status": value})} for kind, value in (conditions or {}).items()
            ],
            **status,
        },
    }


BACK_OFF = container(waiting("CrashLoopBackOff"), restarts=7, lastState=ended(1, "Error"))


@pytest.mark.parametrize(
    ("given", "ready", "status", "restarts"),
    [
        (pod(container(RUNNING, ready=True)), "1/1", "Running", 0),
        (pod(container(RUNNING, ready=True), container(RUNNING, "side")), "1/2", "Running", 0),
        (pod(BACK_OFF), "0/1", "CrashLoopBackOff", 7),
        (pod(container(ended(137, "OOMKilled"), restarts=2)), "0/1", "OOMKilled", 2),
        (pod(container(ended(3))), "0/1", "ExitCode:3", 0),
        (pod(container(ended(0, signal=9))), "0/1", "Signal:9", 0),
        (pod(container(ended(0, "Completed")), phase="Succeeded"), "0/1", "Completed", 0),
        (pod(phase="Pending"), "0/1", "Pending", 0),
        (pod(phase="Pending", conditions={"PodScheduled": {"status": "False", "reason": "SchedulingGated"}}), "0/1", "SchedulingGated", 0),
        (pod(phase="Failed", reason="Evicted"), "0/1", "Evicted", 0),
        (pod(container(RUNNING, ready=True), deleted=FRESH), "1/1", "Terminating", 0),
        (pod(container(RUNNING, ready=True), deleted=FRESH, reason="NodeLost"), "1/1", "Unknown", 0),
        (pod(container(ended(0, "Completed")), phase="Succeeded", deleted=FRESH), "0/1", "Completed", 0),
        # one container done, the other runs
        (pod(container(ended(0, "Completed")), container(RUNNING, "b", ready=True), conditions={"Ready": "True"}), "1/2", "Running", 0),
        (pod(container(ended(0, "Completed")), container(RUNNING, "b", ready=True), conditions={"Ready": "False"}), "1/2", "NotReady", 0),
        # init containers: the first that is not done speaks
        (pod(phase="Pending", init=(container(ended(0, "Completed"), "i1"), container(RUNNING, "i2"))), "0/1", "Init:1/2", 0),
        (pod(phase="Pending", init=(container(waiting("PodInitializing"), "i1"),)), "0/1", "Init:0/1", 0),
        (pod(phase="Pending", init=(container(waiting("CrashLoopBackOff"), "i1", restarts=4),)), "0/1", "Init:CrashLoopBackOff", 4),
        (pod(phase="Pending", init=(container(ended(1, "Error"), "i1", restarts=1),)), "0/1", "Init:Error", 1),
        (pod(phase="Pending", init=(container(ended(2), "i1"),)), "0/1", "Init:ExitCode:2", 0),
        (
            pod(phase="Pending", init=(container(ended(0, signal=0, reason=""), "i1"), container(ended(5, signal=15), "i2"))),
            "0/1",
            "Init:Signal:15",
            0,
        ),
        # done init containers' restarts do not count, sidecars' do
        (
            pod(
                container(RUNNING, ready=True, restarts=1),
                init=(container(ended(0, "Completed"), "i1", restarts=5),),
                conditions={"Initialized": "True"},
            ),
            "1/1",
            "Running",
            1,
        ),
        (
            pod(container(RUNNING, ready=True, restarts=1), init=(container(RUNNING, "mesh", True, 2, started=True),), sidecars=("mesh",)),
            "2/2",
            "Running",
            3,
        ),
        (pod(container(RUNNING, ready=True), init=(container(RUNNING, "mesh", started=False),), sidecars=("mesh",)), "0/2", "Init:0/1", 0),
        ({}, "0/0", "Unknown", 0),
        ({"metadata": None, "spec": [], "status": {"containerStatuses": "x"}}, "0/0", "Unknown", 0),
    ],
)
def test_the_cells_are_kubectls(given: dict[str, Any], ready: str, status: str, restarts: int) -> None:
    state = pod_state(given)
    assert (f"{state.ready}/{state.total}", state.status, state.restarts) == (ready, status, restarts)


def test_the_last_restart_is_the_latest_end_of_any_container() -> None:
    state = pod_state(pod(container(RUNNING, lastState=ended(1, at=OLD)), container(RUNNING, "b", lastState=ended(1, at=FRESH))))
    assert state.last_restart == datetime(2026, 3, 1, 9, 59, 50, tzinfo=UTC)


def held(reason: str, message: str) -> dict[str, Any]:
    """A pod whose container waits for a reason."""
    return pod(container(waiting(reason, message)), phase="Pending")


def unplaced(message: str) -> dict[str, Any]:
    """A pod that the scheduler found no node for."""
    return pod(phase="Pending", conditions={"PodScheduled": {"status": "False", "reason": "Unschedulable", "message": message}})


PULL = 'failed to pull and unpack image "registry.test/app:9": '


@pytest.mark.parametrize(
    ("given", "trouble", "note"),
    [
        (pod(container(RUNNING, ready=True)), "ok", ""),
        (pod(BACK_OFF), "broken", "exit 1 ×7"),
        (pod(container(waiting("CrashLoopBackOff"), restarts=4, lastState=ended(137, "OOMKilled"))), "broken", "out of memory ×4"),
        (pod(container(waiting("CrashLoopBackOff"), restarts=2, lastState=ended(128, "StartError"))), "broken", "cannot start ×2"),
        (pod(container(ended(1, "Error")), phase="Failed", spec={"restartPolicy": "Never"}), "broken", "exit 1"),
        (pod(container(ended(0, "Completed")), phase="Succeeded", spec={"restartPolicy": "Never"}), "ok", ""),
        (pod(container(ended(0, "Completed"), restarts=6)), "broken", "exit 0 ×6"),
        (pod(container(RUNNING, ready=True, restarts=5, lastState=ended(1, "Error"))), "broken", "exit 1 ×5"),
        (pod(container(RUNNING, ready=True, restarts=5, lastState=ended(1, at=OLD))), "ok", ""),
        (pod(container(RUNNING, ready=True, restarts=1, lastState=ended(1, "Error"))), "ok", ""),
        (pod(container(RUNNING), spec={"containers": [{"name": "app", "readinessProbe": {}}]}), "broken", "readiness probe fails"),
        (pod(container(RUNNING), created=FRESH), "waiting", "not ready"),
        (pod(container(RUNNING), conditions={"Ready": {"status": "False", "lastTransitionTime": FRESH}}), "waiting", "not ready"),
        (pod(container(RUNNING, ready=True), deleted=FRESH), "waiting", ""),
        (pod(container(RUNNING, ready=True), deleted=OLD), "broken", "stuck terminating"),
        (pod(phase="Failed", reason="Evicted", message="The node was low on memory."), "broken", "evicted: The node was low on memory."),
        (held("ImagePullBackOff", PULL + "registry.test/app:9: not found"), "broken", "image not found"),
        (held("ErrImagePull", PULL + "401 Unauthorized"), "broken", "not allowed to pull"),
        (held("ErrImagePull", PULL + "429 Too Many Requests"), "broken", "registry rate limit"),
        (held("ErrImagePull", PULL + "lookup registry.test: no such host"), "broken", "registry unreachable"),
        (held("ErrImagePull", "odd"), "broken", "image pull fails"),
        (held("InvalidImageName", "x"), "broken", "invalid image name"),
        (held("CreateContainerConfigError", 'secret "smtp" not found'), "broken", "secret smtp missing"),
        (held("CreateContainerConfigError", "couldn't find key A in ConfigMap n/c"), "broken", "key A missing in ConfigMap"),
        (held("CreateContainerConfigError", "runAsNonRoot, but the image runs as root"), "broken", "would run as root"),
        (pod(phase="Pending", init=(container(waiting("ImagePullBackOff", "x: not found"), "i"),)), "broken", "image not found"),
        (pod(phase="Pending", init=(container(waiting("CrashLoopBackOff"), "i", restarts=3, lastState=ended(2)),)), "broken", "exit 2 ×3"),
        (unplaced("0/3 nodes: pod has unbound immediate PersistentVolumeClaims. not found"), "waiting", "unbound claim"),
        (unplaced("0/3 nodes: 3 Insufficient nvidia.com/gpu."), "waiting", "not enough nvidia.com/gpu"),
        (unplaced("0/3 nodes: 3 node(s) had untolerated taint(s)"), "waiting", "untolerated taint"),
        (unplaced("0/3: 1 node(s) had untolerated taint(s), 2 node(s) didn't match node affinity"), "waiting", "no matching node"),
        (pod(phase="Pending", conditions={"PodScheduled": "True"}), "waiting", ""),
    ],
)
def test_the_note_gives_the_reason_in_a_few_words(given: dict[str, Any], trouble: str, note: str) -> None:
    assert pod_trouble(given, pod_state(given), NOW) == (trouble, note)


def test_a_servers_words_become_one_short_line_without_control_characters() -> None:
    given = held("CreateContainerError", "boom\x1b[31m\nline " + "x" * 200)
    _, note = pod_trouble(given, pod_state(given), NOW)
    assert len(note) <= 48
    assert note.isprintable()

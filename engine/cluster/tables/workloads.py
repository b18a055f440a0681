"""Rows of the workload kinds: Deployment, ReplicaSet, StatefulSet, DaemonSet, Job, CronJob, their revisions and disruption budgets."""

from __future__ import annotations

from datetime import datetime

from engine.cluster.objects import Obj, labels_at, text_at
from engine.cluster.tables.model import (
    NONE,
    Printing,
    Row,
    age,
    columns,
    containers_and_images,
    format_labels,
    format_selector,
    human_duration,
    since,
)


def _wide(obj: Obj) -> tuple[str, str, str]:
    return (*containers_and_images(obj.at("spec", "template")), format_selector(obj.at("spec", "selector")))


def _deployment(obj: Obj, now: datetime) -> Row:
    ready = f"{obj.number('status', 'readyReplicas')}/{obj.number('spec', 'replicas', default=1)}"
    return (ready, obj.number("status", "updatedReplicas"), obj.number("status", "availableReplicas"), age(obj, now), *_wide(obj))


def _replica_set(obj: Obj, now: datetime) -> Row:
    wanted, current = obj.number("spec", "replicas", default=1), obj.number("status", "replicas")
    return (wanted, current, obj.number("status", "readyReplicas"), age(obj, now), *_wide(obj))


def _replication_controller(obj: Obj, now: datetime) -> Row:
    containers, images = containers_and_images(obj.at("spec", "template"))
    wanted, current = obj.number("spec", "replicas", default=1), obj.number("status", "replicas")
    selector = format_labels(labels_at(obj.raw, "spec", "selector"))
    return wanted, current, obj.number("status", "readyReplicas"), age(obj, now), containers, images, selector


def _stateful_set(obj: Obj, now: datetime) -> Row:
    ready = f"{obj.number('status', 'readyReplicas')}/{obj.number('spec', 'replicas', default=1)}"
    return (ready, age(obj, now), *containers_and_images(obj.at("spec", "template")))


def _daemon_set(obj: Obj, now: datetime) -> Row:
    return (
        obj.number("status", "desiredNumberScheduled"),
        obj.number("status", "currentNumberScheduled"),
        obj.number("status", "numberReady"),
        obj.number("status", "updatedNumberScheduled"),
        obj.number("status", "numberAvailable"),
        format_labels(labels_at(obj.raw, "spec", "template", "spec", "nodeSelector")),
        age(obj, now),
        *_wide(obj),
    )


def _job(obj: Obj, now: datetime) -> Row:
    started, completed = obj.time("status", "startTime"), obj.time("status", "completionTime")
    duration = human_duration(((completed or now) - started).total_seconds()) if started else ""
    succeeded, parallelism = obj.number("status", "succeeded"), obj.number("spec", "parallelism")
    if obj.at("spec", "completions") is not None:
        completions = f"{succeeded}/{obj.number('spec', 'completions')}"
    else:
        completions = f"{succeeded}/1 of {parallelism}" if parallelism > 1 else f"{succeeded}/1"
    return (_job_status(obj), completions, duration, age(obj, now), *_wide(obj))


def _job_status(obj: Obj) -> str:
    held = [str(c.get("type")) for c in obj.conditions() if c.get("status") == "True"]
    for word in ("Complete", "Failed"):
        if word in held:
            return word
    if obj.at("metadata", "deletionTimestamp"):
        return "Terminating"
    return next((word for word in ("Suspended", "FailureTarget", "SuccessCriteriaMet") if word in held), "Running")


def _cron_job(obj: Obj, now: datetime) -> Row:
    template = obj.at("spec", "jobTemplate", "spec", "template")
    return (
        obj.text("spec", "schedule"),
        obj.text("spec", "timeZone") or NONE,
        str(obj.flag("spec", "suspend")),
        len(obj.maps("status", "active")),
        since(obj.at("status", "lastScheduleTime"), now, NONE),
        age(obj, now),
        *containers_and_images(template),
        format_selector(obj.at("spec", "jobTemplate", "spec", "selector")),
    )


def _revision(obj: Obj, now: datetime) -> Row:
    owner = next((o for o in obj.maps("metadata", "ownerReferences") if o.get("controller") is True), None)
    group = text_at(owner, "apiVersion").partition("/")[0]
    controller = f"{text_at(owner, 'kind').lower()}.{group}/{text_at(owner, 'name')}" if owner else NONE
    return controller, obj.number("revision"), age(obj, now)


def _pod_template(obj: Obj, now: datetime) -> Row:
    return (*containers_and_images(obj.at("template")), format_labels(labels_at(obj.raw, "template", "metadata", "labels")), age(obj, now))


def _disruption_budget(obj: Obj, now: datetime) -> Row:
    minimum, maximum = obj.text("spec", "minAvailable") or "N/A", obj.text("spec", "maxUnavailable") or "N/A"
    return minimum, maximum, obj.number("status", "disruptionsAllowed"), age(obj, now)


def _scale(obj: Obj, now: datetime) -> Row:
    return obj.number("spec", "replicas"), obj.number("status", "replicas"), age(obj, now)


WIDE = ("+Containers", "+Images", "+Selector")

WORKLOADS = {
    "deployments.apps": Printing(columns("Ready", "Up-to-date", "Available", "Age", *WIDE), _deployment),
    "replicasets.apps": Printing(columns("Desired", "Current", "Ready", "Age", *WIDE), _replica_set),
    "replicationcontrollers": Printing(columns("Desired", "Current", "Ready", "Age", *WIDE), _replication_controller),
    "statefulsets.apps": Printing(columns("Ready", "Age", "+Containers", "+Images"), _stateful_set),
    "daemonsets.apps": Printing(
        columns("Desired", "Current", "Ready", "Up-to-date", "Available", "Node Selector", "Age", *WIDE),
        _daemon_set,
    ),
    "jobs.batch": Printing(columns("Status", "Completions", "Duration", "Age", *WIDE), _job),
    "cronjobs.batch": Printing(columns("Schedule", "Timezone", "Suspend", "Active", "Last Schedule", "Age", *WIDE), _cron_job),
    "controllerrevisions.apps": Printing(columns("Controller", "Revision", "Age"), _revision),
    "scales.autoscaling": Printing(columns("Desired", "Available", "Age"), _scale),
    "podtemplates": Printing(columns("Containers", "Images", "Pod Labels", "Age"), _pod_template),
    "poddisruptionbudgets.policy": Printing(columns("Min Available", "Max Unavailable", "Allowed Disruptions", "Age"), _disruption_budget),
}

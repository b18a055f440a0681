"""Jobs and CronJobs: attempts that failed, deadlines, runs that never end, schedules that make nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import timedelta

from engine.analyzers.common import citations
from engine.analyzers.common.confidence import EVENT, HINT, RELATION, STATE, confidence
from engine.analyzers.common.containers import Container, containers
from engine.analyzers.common.cron import bad_schedule, due_after
from engine.analyzers.common.view import ClusterView, Objects
from engine.analyzers.logs.cause import Cause
from engine.analyzers.registry import analyzer
from engine.analyzers.workloads.crash import cause_of
from engine.cluster.objects import Obj, at, text_at
from engine.core.types import Evidence, Finding, ObjectRef, Remedy

_LATE = timedelta(minutes=5)
_LONG_RUN = timedelta(hours=1)


@analyzer("jobs", speciality="workload", needs=("jobs.batch", "pods", "events"))
def jobs(view: ClusterView) -> Iterable[Finding]:
    """Jobs that failed, with why their pods did; Jobs that are suspended or that a second container keeps from ending."""
    for job in view.all("jobs.batch"):
        if job.deleting_since is not None:
            continue
        failed = next((job.condition(k) for k in ("Failed", "FailureTarget") if job.condition(k).get("status") == "True"), None)
        pods = view.owned_by("pods", job)
        if failed is not None:
            if _superseded(view, job):
                continue
            yield _failed(view, job, text_at(failed, "reason"), text_at(failed, "message"), pods)
            continue
        if job.condition("Complete").get("status") == "True":
            continue
        if job.flag("spec", "suspend"):
            yield _suspended(job)
            continue
        if job.at("spec", "parallelism") == 0 and not pods:
            yield _no_parallelism(job)
            continue
        yield from _never_ends(job, pods)
        event = citations.latest_event(view, job, "FailedCreate")
        if event is not None and not pods:
            yield Finding(
                code="FailedCreate",
                severity="critical",
                object=job.ref,
                summary=f"{job.ref} cannot create its pod: {event.text('message').split('is forbidden: ', 1)[-1][:300]}",
                evidence=(citations.event(event),),
                owner=view.workload_of(job),
                confidence=confidence([EVENT, HINT]),
                docs=("FailedCreate",),
            )


def _superseded(view: ClusterView, job: Obj) -> bool:
    """Whether a later Job of the same CronJob succeeded, so that this failure is over."""
    owner = job.controller
    if owner is None or owner.kind != "CronJob":
        return False
    for other in view.within("jobs.batch", job.namespace):
        if other.controller == owner and other.name != job.name and other.condition("Complete").get("status") == "True":
            mine, theirs = job.created, other.created
            if mine is not None and theirs is not None and theirs > mine:
                return True
    return False


def _failed(view: ClusterView, job: Obj, reason: str, message: str, pods: Objects) -> Finding:
    owner = view.workload_of(job)
    limit, deadline = job.at("spec", "backoffLimit"), job.at("spec", "activeDeadlineSeconds")
    why = {
        "BackoffLimitExceeded": f"it reached its backoffLimit of {limit if limit is not None else 6} (BackoffLimitExceeded)",
        "DeadlineExceeded": f"it ran longer than its activeDeadlineSeconds of {deadline} (DeadlineExceeded), so its pods were killed",
        "PodFailurePolicy": "its podFailurePolicy ended it (PodFailurePolicy)",
        "FailedIndexes": "some of its indexes failed (FailedIndexes)",
        "MaxFailedIndexesExceeded": "more indexes failed than maxFailedIndexes allows (MaxFailedIndexesExceeded)",
    }.get(reason, f"it failed ({reason or 'Failed'})")
    evidence: list[Evidence] = [citations.condition(job, "Failed" if job.condition("Failed") else "FailureTarget")]
    weights = [STATE]
    says, remedies = f"{job.ref} failed: {why}", []
    docs: tuple[str, ...] = ("Job", reason or "failed")
    if reason == "DeadlineExceeded":
        evidence.append(citations.field(job, "spec", "activeDeadlineSeconds"))
        remedies.append(Remedy("give it more time (a Job's deadline can be changed while it runs; else create it again)", "", ""))
    cause = _attempt(view, job, pods, owner)
    if cause is not None and reason != "DeadlineExceeded":
        container, told = cause
        count = len([p for p in pods if p.text("status", "phase") == "Failed"])
        says += f"; {'every attempt' if count > 1 else 'its pod'} ended with exit code {container.exit_code}: {told.says}"
        evidence = [*told.evidence[:2], *evidence, *told.evidence[2:]]
        weights += told.weights
        remedies += told.remedies
        docs += told.docs
    elif cause is not None:
        evidence += cause[1].evidence[:1]
    elif message:
        says += f" ({message[:160]})"
        if not pods:
            says += "; its pods are gone, so their logs cannot be read"
    return Finding(
        code="JobFailed" if reason not in ("DeadlineExceeded",) else "DeadlineExceeded",
        severity="critical",
        object=owner if owner.kind == "CronJob" else job.ref,
        summary=says if owner.kind != "CronJob" else f"{owner} fails: {says}",
        evidence=tuple(evidence),
        owner=owner,
        remedies=(
            *remedies,
            Remedy("then delete the failed Job and create it again", f"kubectl delete job/{job.name} -n {job.namespace}", "destructive"),
        ),
        confidence=confidence(weights),
        docs=docs,
    )


def _attempt(view: ClusterView, job: Obj, pods: Objects, owner: ObjectRef) -> tuple[Container, Cause] | None:
    """The last failed attempt that explains itself."""
    best: tuple[Container, Cause] | None = None
    for pod in sorted(pods, key=lambda p: str(p.created or ""), reverse=True)[:6]:
        for container in containers(pod):
            if not container.end or container.exit_code == 0:
                continue
            told = cause_of(view, container, job.ref)
            if best is None or (
                best[1].code in ("CrashLoopBackOff", "LoggedError") and told.code not in ("CrashLoopBackOff", "LoggedError")
            ):
                best = (container, told)
    return best


def _suspended(job: Obj) -> Finding:
    return Finding(
        code="JobSuspended",
        severity="info",
        object=job.ref,
        summary=f"{job.ref} is suspended (spec.suspend: true), so it runs no pods",
        evidence=(Evidence(f"{job.ref} spec.suspend", "suspend: true", object=job.ref),),
        owner=job.ref,
        remedies=(Remedy("resume it", f'kubectl patch job/{job.name} -n {job.namespace} -p \'{{"spec":{{"suspend":false}}}}\'', "mutate"),),
        confidence=confidence([STATE, RELATION]),
        docs=("Job suspend",),
    )


def _no_parallelism(job: Obj) -> Finding:
    return Finding(
        code="JobParallelismZero",
        severity="warning",
        object=job.ref,
        summary=f"{job.ref} runs no pods since its parallelism is 0 (spec.parallelism: 0)",
        evidence=(Evidence(f"{job.ref} spec.parallelism", "parallelism: 0", object=job.ref),),
        owner=job.ref,
        remedies=(
            Remedy("let it run pods", f'kubectl patch job/{job.name} -n {job.namespace} -p \'{{"spec":{{"parallelism":1}}}}\'', "mutate"),
        ),
        confidence=confidence([STATE, RELATION]),
        docs=("Job parallelism",),
    )


def _never_ends(job: Obj, pods: Objects) -> Iterator[Finding]:
    """A pod whose main work is done while another container runs on, so that the Job never completes."""
    for pod in pods:
        if pod.text("status", "phase") != "Running":
            continue
        own = [c for c in containers(pod) if c.role == "app"]
        done = [c for c in own if c.terminated and c.exit_code == 0]
        on = [c for c in own if c.is_running]
        if done and on:
            yield Finding(
                code="JobHeldBySidecar",
                severity="warning",
                object=job.ref,
                summary=f"{job.ref} never completes: container {done[0].name} has finished (exit code 0), but container "
                f"{on[0].name} of the same pod keeps running;"
                " a helper belongs into initContainers with restartPolicy Always (a native sidecar)",
                evidence=(
                    done[0].ending(),
                    on[0].state(
                        {"startedAt": str(at(on[0].status, "state", "running", "startedAt"))}, f"{on[0].where}.state.running", "startedAt"
                    ),
                ),
                owner=job.ref,
                remedies=(Remedy(f"make {on[0].name} a native sidecar, or let it end with the work", "", ""),),
                confidence=confidence([STATE, RELATION]),
                docs=("Job sidecar",),
            )


@analyzer("cronjobs", speciality="workload", needs=("cronjobs.batch", "jobs.batch", "events"))
def cronjobs(view: ClusterView) -> Iterable[Finding]:
    """CronJobs that make no Jobs: suspended, with an invalid schedule or time zone, held by a run, or too late for their deadline."""
    for cron in view.all("cronjobs.batch"):
        if cron.deleting_since is not None:
            continue
        if cron.flag("spec", "suspend"):
            yield _cron_suspended(view, cron)
            continue
        yield from _schedule(view, cron)
        yield from _held(view, cron)
        told = list(_deadline(view, cron))
        yield from told
        if not told:
            yield from _overdue(view, cron)


def _cron_suspended(view: ClusterView, cron: Obj) -> Finding:
    last = cron.text("status", "lastScheduleTime")
    when = f"; it was last scheduled at {last}" if last else "; it has never been scheduled"
    return Finding(
        code="CronJobSuspended",
        severity="info",
        object=cron.ref,
        summary=f"{cron.ref} is suspended (spec.suspend: true), so it creates no Jobs{when}",
        evidence=(
            Evidence(f"{cron.ref} spec.suspend", "suspend: true", object=cron.ref),
            *([citations.field(cron, "status", "lastScheduleTime")] if last else []),
        ),
        owner=cron.ref,
        remedies=(
            Remedy("resume it", f'kubectl patch cronjob/{cron.name} -n {cron.namespace} -p \'{{"spec":{{"suspend":false}}}}\'', "mutate"),
        ),
        confidence=confidence([STATE, RELATION]),
        docs=("CronJob suspend",),
        speciality="backup" if re.search(r"backup|dump|snapshot", cron.name) else "workload",
    )


def _schedule(view: ClusterView, cron: Obj) -> Iterator[Finding]:
    schedule = cron.text("spec", "schedule")
    event = citations.latest_event(view, cron, "InvalidSchedule", "UnparseableSchedule", "UnparsableSchedule", "UnknownTimeZone")
    wrong = bad_schedule(schedule) if schedule else ""
    if event is None and not wrong:
        return
    zone = event is not None and event.text("reason") == "UnknownTimeZone"
    what = f"time zone {cron.text('spec', 'timeZone')!r}" if zone else f"schedule {schedule!r}"
    why = wrong or (event.text("message")[:200] if event is not None else "")
    yield Finding(
        code="InvalidSchedule" if not zone else "UnknownTimeZone",
        severity="critical",
        object=cron.ref,
        summary=f"{cron.ref} creates no Jobs: its {what} is invalid ({why})",
        evidence=(
            citations.field(cron, "spec", "timeZone" if zone else "schedule"),
            *([citations.event(event)] if event is not None else []),
        ),
        owner=cron.ref,
        remedies=(Remedy("correct it", f"kubectl edit cronjob/{cron.name} -n {cron.namespace}", "mutate"),),
        confidence=confidence([RELATION, *([EVENT, STATE] if event is not None else [HINT])]),
        docs=("CronJob schedule",),
    )


def _held(view: ClusterView, cron: Obj) -> Iterator[Finding]:
    """concurrencyPolicy Forbid with a run that does not end."""
    active = cron.maps("status", "active")
    policy = cron.text("spec", "concurrencyPolicy", default="Allow")
    event = citations.latest_event(view, cron, "JobAlreadyActive")
    running = [j for a in active if (j := view.find("jobs.batch", cron.namespace, text_at(a, "name"))) is not None]
    oldest = min((j for j in running if j.created), key=lambda j: str(j.created), default=None)
    if oldest is None or oldest.created is None:
        return
    age = view.now - oldest.created
    minutes = int(age.total_seconds() // 60)
    if policy == "Forbid" and (event is not None or age > _LONG_RUN):
        yield Finding(
            code="JobAlreadyActive",
            severity="critical" if event is not None else "warning",
            object=cron.ref,
            summary=f"{cron.ref} starts no new Jobs: its concurrencyPolicy is Forbid and Job {oldest.name} has been running "
            f"for {minutes} minutes without ending",
            evidence=(
                *([citations.event(event)] if event is not None else []),
                citations.field(cron, "spec", "concurrencyPolicy"),
                citations.field(cron, "status", "active"),
            ),
            owner=cron.ref,
            remedies=(
                Remedy(
                    "see why the run hangs; delete it, and give the Job an activeDeadlineSeconds",
                    f"kubectl logs job/{oldest.name} -n {cron.namespace}",
                    "read",
                ),
            ),
            confidence=confidence([STATE, RELATION, *([EVENT] if event is not None else [])]),
            docs=("CronJob concurrencyPolicy",),
        )
    elif (
        policy == "Replace" and event is None and cron.text("status", "lastScheduleTime") and not cron.text("status", "lastSuccessfulTime")
    ):
        yield Finding(
            code="CronJobReplacesRuns",
            severity="warning",
            object=cron.ref,
            summary=f"no run of {cron.ref} has ever succeeded: its concurrencyPolicy is Replace, so a run that takes longer "
            "than the schedule "
            f"{cron.text('spec', 'schedule')!r} leaves is stopped for the next one",
            evidence=(
                citations.field(cron, "spec", "concurrencyPolicy"),
                citations.field(cron, "spec", "schedule"),
                citations.field(cron, "status", "lastScheduleTime"),
            ),
            owner=cron.ref,
            remedies=(
                Remedy(
                    "set concurrencyPolicy Forbid, or run it less often", f"kubectl edit cronjob/{cron.name} -n {cron.namespace}", "mutate"
                ),
            ),
            confidence=confidence([RELATION]),
            docs=("CronJob concurrencyPolicy",),
        )
    elif len(running) >= 3:
        yield Finding(
            code="CronJobPilesUp",
            severity="warning",
            object=cron.ref,
            summary=f"{len(running)} runs of {cron.ref} are active at once (concurrencyPolicy {policy}), the oldest for "
            f"{minutes} minutes: runs do not end before the next begins",
            evidence=(citations.field(cron, "status", "active"),),
            owner=cron.ref,
            remedies=(
                Remedy(
                    "set concurrencyPolicy Forbid and an activeDeadlineSeconds",
                    f"kubectl edit cronjob/{cron.name} -n {cron.namespace}",
                    "mutate",
                ),
            ),
            confidence=confidence([STATE]),
            docs=("CronJob concurrencyPolicy",),
        )


def _deadline(view: ClusterView, cron: Obj) -> Iterator[Finding]:
    seconds = cron.at("spec", "startingDeadlineSeconds")
    event = citations.latest_event(view, cron, "MissSchedule", "TooManyMissedTimes", "FailedNeedsStart")
    short = isinstance(seconds, int) and seconds < 10
    if event is None and not (short and not cron.text("status", "lastScheduleTime")):
        return
    says = f"startingDeadlineSeconds is {seconds}" if seconds is not None else "too many start times were missed"
    yield Finding(
        code="MissedSchedule",
        severity="warning",
        object=cron.ref,
        summary=f"{cron.ref} misses its start times: {says}"
        + (
            ", and the controller looks only every 10 s, so runs are skipped"
            if short
            else f" ({event.text('message')[:160]})"
            if event is not None
            else ""
        ),
        evidence=(
            *([citations.field(cron, "spec", "startingDeadlineSeconds")] if seconds is not None else []),
            *([citations.event(event)] if event is not None else []),
        ),
        owner=cron.ref,
        remedies=(
            Remedy(
                "raise startingDeadlineSeconds well above 10"
                if seconds is not None
                else "set startingDeadlineSeconds (say 200), so that starts missed long ago no longer count",
                f"kubectl edit cronjob/{cron.name} -n {cron.namespace}",
                "mutate",
            ),
        ),
        confidence=confidence([RELATION, *([EVENT] if event is not None else [HINT])]),
        docs=("CronJob startingDeadlineSeconds",),
    )


def _overdue(view: ClusterView, cron: Obj) -> Iterator[Finding]:
    """A start that is past due although nothing holds the CronJob; reckoned on the clock of the recording."""
    since = max((t for t in (cron.time("status", "lastScheduleTime"), cron.created) if t is not None), default=None)
    if since is None or cron.maps("status", "active") or bad_schedule(cron.text("spec", "schedule")):
        return
    due = due_after(cron.text("spec", "schedule"), since - view.moved, cron.text("spec", "timeZone"))
    again = due_after(cron.text("spec", "schedule"), due, cron.text("spec", "timeZone")) if due is not None else None
    if due is None or again is None or again + _LATE > view.now - view.moved:
        return  # one missed start may be a matter of clocks; two are not
    last = cron.text("status", "lastScheduleTime")
    told = f"last scheduled at {last}" if last else "it has never been scheduled"
    yield Finding(
        code="CronJobOverdue",
        severity="warning",
        object=cron.ref,
        summary=f"{cron.ref} is overdue: schedule {cron.text('spec', 'schedule')!r} was due at {due + view.moved:%Y-%m-%d %H:%M %Z}, "
        f"again since, and no Job was started ({told}): the CronJob controller is not running, or its clock or time zone is another one",
        evidence=(citations.field(cron, "spec", "schedule"), *([citations.field(cron, "status", "lastScheduleTime")] if last else [])),
        owner=cron.ref,
        remedies=(
            Remedy("see its events and the controller manager's pod", f"kubectl -n {cron.namespace} describe cronjob {cron.name}", "read"),
        ),
        confidence=confidence([RELATION, HINT]),
        docs=("CronJob not running",),
    )

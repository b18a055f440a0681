"""Containers that end: killed for memory, refused by the runtime, killed by a probe, done with their work, or failing by themselves."""

# ruff: noqa: E501 - the runtime's messages stand on one line each, so that the table can be read
from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import timedelta

from engine.analyzers.common import citations
from engine.analyzers.common.confidence import EVENT, HINT, RELATION, STATE, confidence
from engine.analyzers.common.containers import Container, containers, is_finished, is_settled, pod_template
from engine.analyzers.common.settings import absent_sub_path
from engine.analyzers.common.view import ClusterView
from engine.analyzers.logs.cause import Cause, log_lines
from engine.analyzers.logs.causes import from_story
from engine.analyzers.logs.reader import Story, explain
from engine.analyzers.registry import analyzer
from engine.analyzers.workloads.probes import kill_cause
from engine.cluster.objects import Obj, int_at, maps_at, text_at
from engine.core.types import Finding, ObjectRef, Remedy

RECENT_CRASH = timedelta(minutes=15)
_WITH_TEMPLATE = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet")
_START_REASONS = ("StartError", "ContainerCannotRun", "RunContainerError", "CreateContainerError")
_SIGNALS = {129: "SIGHUP", 130: "SIGINT", 131: "SIGQUIT", 132: "SIGILL", 134: "SIGABRT", 135: "SIGBUS", 136: "SIGFPE", 137: "SIGKILL", 139: "SIGSEGV", 143: "SIGTERM"}  # fmt: skip
_SIGNAL_CODES = {132: "IllegalInstruction", 134: "Aborted", 135: "BusError", 139: "SegmentationFault"}
"""Exit codes that say more than an error line of an unknown kind."""
_RUNTIME = (
    (re.compile(r'exec: "?(?P<x>[^":]+)"?: (?:stat \S+: )?no such file or directory'), "BadCommand", "the command {x} does not exist in the image (no such file or directory)"),
    (re.compile(r'exec: "?(?P<x>[^":]+)"?: executable file not found in \$PATH'), "BadCommand", "the command {x} does not exist in the image (executable file not found in $PATH)"),
    (re.compile(r'exec: "?(?P<x>[^":]+)"?: permission denied'), "BadCommand", "the command {x} is not executable in the image (permission denied)"),
    (re.compile(r'exec: "?(?P<x>[^":]+)"?: is a directory'), "BadCommand", "the command {x} is a directory"),
    (re.compile(r"exec (?:format error|user process caused.*format error)|exec: .*: exec format error"), "ExecFormat", "the image is built for another CPU architecture than the node's (exec format error)"),
    (re.compile(r'chdir to cwd \("(?P<x>[^"]+)"\)[^:]*: (?P<y>[\w ]+)'), "BadWorkingDirectory", "the working directory {x} cannot be entered ({y})"),
    (re.compile(r'mkdir (?P<x>\S+): (?P<y>not a directory|read-only file system|permission denied)'), "BadMount", "the mount point {x} cannot be made ({y})"),
    (re.compile(r'error mounting "(?P<src>[^"]+)" to rootfs at "(?P<x>[^"]+)".*?(?P<y>not a directory|no such file or directory|read-only file system|permission denied|is a directory)'), "BadMount", "the mount at {x} fails ({y}): a file and a directory may be mixed up, as with subPath"),
    (re.compile(r"container init was OOM-killed|memory limit too low|cannot start a container that has.*memory"), "OOMKilled", "its memory limit is too low to start at all"),
    (re.compile(r"unable to find user (?P<x>\S+?):|no matching entries in (?:passwd|group) file"), "UnknownUser", "the user {x} does not exist in the image"),
    (re.compile(r"(?:apparmor|AppArmor)[^\n]*?profile (?:not found )?\"?(?P<x>[\w./-]+)?"), "MissingProfile", "the AppArmor profile {x} is not loaded on the node"),
    (re.compile(r"seccomp[^\n]*?(?P<x>/[^\s\":]+|localhost/[^\s\":]+)[^\n]*?(?P<y>no such file or directory|not found|invalid|unsupported)"), "MissingProfile", "the seccomp profile {x} cannot be used on the node ({y})"),
    (re.compile(r"sysctl[^:]*"), "ForbiddenSysctl", "a sysctl is refused"),
    (re.compile(r"no command specified"), "BadCommand", "neither the image nor the pod template gives a command"),
    (re.compile(r"failed to (?:prepare|create) subPath|subPath"), "BadMount", "a subPath cannot be prepared"),
)  # fmt: skip


@analyzer("containers-crashing", speciality="workload", needs=("pods", "events", "persistentvolumeclaims"))
def crashing(view: ClusterView) -> Iterable[Finding]:
    """One finding a container that ends again and again, with what it says, and an info for an old restart that is over."""
    down = [c for pod in view.all("pods") if not is_settled(pod) for c in containers(pod) if is_crashing(view, c)]
    view.read_ahead((c.pod, c.name, previous) for c in down for previous in ((False, True) if c.restarts else (False,)))
    for pod in view.all("pods"):
        if pod.deleting_since is not None or pod.text("status", "reason") in ("Evicted", "Preempting", "Terminated", "NodeShutdown"):
            continue
        if is_settled(pod):
            continue
        job = view.find_ref(pod.controller) if pod.controller is not None and pod.controller.kind == "Job" else None
        if job is not None and (pod.text("status", "phase") == "Succeeded" or _told_by_job(view, job)):
            continue
        owner = view.workload_of(pod)
        for container in containers(pod):
            if container.role == "ephemeral":
                continue
            if is_crashing(view, container):
                yield finding_of(view, container, owner)
            elif container.restarts and container.ready:
                yield from _past_restart(view, container, owner)


def _told_by_job(view: ClusterView, job: Obj) -> bool:
    """A Job that has ended tells its pods' failures itself."""
    return any(job.condition(kind).get("status") == "True" for kind in ("Failed", "Complete", "FailureTarget", "SuccessCriteriaMet"))


def is_crashing(view: ClusterView, container: Container) -> bool:
    """Whether a container is down, or was down repeatedly until moments ago, through its own end."""
    if container.waiting_reason in ("CrashLoopBackOff", "RunContainerError", "StartError", "ContainerCannotRun"):
        return True
    if container.waiting_reason == "CreateContainerError":
        return False
    policy = container.pod.text("spec", "restartPolicy", default="Always")
    ended = container.terminated
    if ended:
        if container.exit_code != 0 or text_at(ended, "reason") in _START_REASONS:
            return True
        return container.role in ("app", "sidecar") and policy == "Always" and container.restarts >= 2 and not is_finished(container.pod)
    if not container.last or container.restarts == 0:
        return False
    at = container.ended_at
    recent = at is not None and view.now - at <= RECENT_CRASH
    if text_at(container.last, "reason") == "OOMKilled" and recent:
        return True
    if container.restarts >= 3 and recent:
        return not container.ready or container.restarts >= 5
    return container.restarts >= 2 and recent and not container.ready and container.exit_code != 0 and not container.is_running


def finding_of(view: ClusterView, container: Container, owner: ObjectRef) -> Finding:
    """The finding about one crashing container."""
    cause = cause_of(view, container, owner)
    _since_rollout(view, container, owner, cause)
    how = ending_words(container)
    first = f"{container.label} of {owner}"
    count = f", {container.restarts} restarts" if container.restarts > 1 else ""
    return Finding(
        code=cause.code,
        severity="critical",
        object=cause.object,
        summary=f"{first} {how}{count}: {cause.says}",
        evidence=tuple(cause.evidence),
        owner=owner,
        remedies=tuple(cause.remedies) or (_look(container),),
        confidence=confidence(cause.weights),
        docs=("CrashLoopBackOff", *cause.docs),
        speciality=cause.speciality,
        detail=f"{owner.name}/{container.name}" if cause.object != owner else container.name,
    )


def _since_rollout(view: ClusterView, container: Container, owner: ObjectRef, cause: Cause) -> None:
    """Whether an older revision of the Deployment still runs or ran before this one."""
    made = container.pod.controller
    workload = view.find_ref(owner)
    mine = view.find_ref(made) if made is not None and made.kind == "ReplicaSet" else None
    if mine is None or workload is None or workload.kind != "Deployment":
        return
    number = int_at(mine.annotations, "deployment.kubernetes.io/revision")
    for other in view.owned_by("replicasets.apps", workload):
        before = int_at(other.annotations, "deployment.kubernetes.io/revision")
        image = next(
            (text_at(c, "image") for c in other.maps("spec", "template", "spec", "containers") if text_at(c, "name") == container.name), ""
        )
        if number and before == number - 1 and image:
            serves = int_at(other.raw, "status", "readyReplicas")
            changed = f"image {container.image}, before: {image}" if image != container.image else "with the same image"
            cause.says += f"; this is revision {number} ({changed})" + (
                f", while revision {before} still serves with {serves} pods" if serves else ""
            )
            undo = f"kubectl rollout undo deployment/{owner.name} -n {owner.namespace} --to-revision={before}"
            cause.remedies.append(Remedy(f"or go back to revision {before}", undo, "mutate"))
            return


def cause_of(view: ClusterView, container: Container, owner: ObjectRef) -> Cause:
    """Why this container ends: what the kubelet says first, then what the program says, then what its exit code means."""
    reason, message = text_at(container.end, "reason"), text_at(container.end, "message")
    if reason == "OOMKilled" or _oom_event(view, container):
        return _out_of_memory(view, container, owner)
    if reason in _START_REASONS or container.waiting_reason in _START_REASONS:
        return runtime_cause(view, container, owner, message or text_at(container.waiting, "message"))
    killed = kill_cause(view, container, owner)
    story, previous = story_of(view, container)
    if killed is not None:
        return _killed_for(view, container, owner, killed, story, previous=previous)
    if container.exit_code == 0 and reason in ("Completed", "") and not _failed_quietly(story):
        return _completed(view, container, owner)
    if story is not None and not (story.pattern is None and container.exit_code in _SIGNAL_CODES):
        told = from_story(view, container, owner, story, previous=previous)
        told.evidence.append(container.ending())
        told.weights.append(HINT)
        return told
    return _exit_code(view, container, owner)


def _killed_for(view: ClusterView, container: Container, owner: ObjectRef, killed: Cause, story: Story | None, *, previous: bool) -> Cause:
    """Why the kubelet killed it: a probe's answer is only a symptom where the log says, or says again and again, what is wrong."""
    repeats = story is not None and story.entry.level in ("error", "fatal") and story.entry.count >= 3
    if story is None or killed.mistake or (not repeats and (story.pattern is None or story.pattern.weight < 60)):
        return killed
    told = from_story(view, container, owner, story, previous=previous)
    answered = "statuscode: 5" in killed.says
    if story.pattern is not None and (story.pattern.weight >= 84 or (story.pattern.peer and answered)):
        told.evidence = [*told.evidence, *killed.evidence[:2]]
        told.says += f"; that is why the {killed.code.removesuffix('ProbeFailed').lower()} probe fails and the kubelet kills it"
        return told
    killed.says += f"; its log says why: {told.says}"
    killed.evidence += told.evidence
    killed.weights += told.weights
    return killed


def _failed_quietly(story: Story | None) -> bool:
    """Whether a program that ended with code 0 said a fault that a pattern names."""
    return story is not None and story.pattern is not None and story.pattern.weight >= 90 and story.entry.level in ("error", "fatal")


def story_of(view: ClusterView, container: Container) -> tuple[Story | None, bool]:
    """What the run that ended says, and whether in the previous log: its log first, then the termination message it left."""
    order = (True, False) if not container.terminated else (False, True)
    best: tuple[Story, bool] | None = None
    for previous in order:
        lines = log_lines(view, container, previous=previous)
        story = explain(lines, ended=True, now=view.now) if lines else None
        if story is not None and (best is None or (best[0].pattern is None and story.pattern is not None)):
            best = (story, previous)
        if best is not None and best[0].pattern is not None:
            break
    message = text_at(container.end, "message")
    if message and (best is None or best[0].pattern is None):
        left = explain(message.splitlines(), ended=True, now=view.now)
        if left is not None and (best is None or left.pattern is not None):
            return left, not container.terminated
    return best or (None, False)


def ending_words(container: Container) -> str:
    """How it ended, as a sentence's verb."""
    reason = text_at(container.end, "reason")
    if reason == "OOMKilled":
        return "is killed for memory (OOMKilled, exit code 137)"
    if reason in _START_REASONS or container.waiting_reason in _START_REASONS:
        return f"cannot start ({reason or container.waiting_reason})"
    loops = container.waiting_reason == "CrashLoopBackOff" or container.restarts > 1
    named = " (CrashLoopBackOff)" if container.waiting_reason == "CrashLoopBackOff" else ""
    return f"{'keeps exiting' if loops else 'exited'} with code {container.exit_code}{named}" if container.end else "cannot run"


def _oom_event(view: ClusterView, container: Container) -> bool:
    return container.exit_code == 137 and any(
        e.text("reason") == "OOMKilling" and container.name in e.text("message") for e in view.events_of(container.pod)
    )


def _out_of_memory(view: ClusterView, container: Container, owner: ObjectRef) -> Cause:
    limit = text_at(container.spec, "resources", "limits", "memory")
    cause = Cause("OOMKilled", "", owner, [container.ending()], [STATE, HINT], docs=("OOMKilled", "memory limit"))
    if limit:
        cause.says = f"it needs more memory than its limit of {limit}"
        cause.evidence.append(container.declared("resources", "limits"))
        cause.weights.append(RELATION)
        _limit_from_range(view, container, owner, cause, limit)
        what = f"{owner.kind.lower()}/{owner.name}"
        command = f"kubectl set resources {what} -n {owner.namespace} -c {container.name} --limits=memory={_double(limit)}"
        cause.remedies.append(
            Remedy(f"raise the memory limit above {limit}, or find what grows", command if owner.kind in _WITH_TEMPLATE else "", "mutate")
        )
    else:
        node = container.pod.text("spec", "nodeName")
        cause.says = f"it has no memory limit of its own, so node {node} (or the pod's limit) ran out of memory"
        cause.remedies.append(Remedy("give the container a memory request and limit that fit", "", ""))
    story, previous = story_of(view, container)
    if story is not None and story.code == "HeapExhausted":
        told = from_story(view, container, owner, story, previous=previous)
        cause.evidence += told.evidence
        cause.weights += told.weights
        cause.says += f"; {told.says}"
    else:
        lines = log_lines(view, container, previous=bool(container.last) and not container.terminated)
        if lines:
            cause.evidence.append(citations.log_line(container.pod, container.name, lines[-1], previous=not container.terminated))
    return cause


def _limit_from_range(view: ClusterView, container: Container, owner: ObjectRef, cause: Cause, limit: str) -> None:
    """Where the limit stands in no template but is a LimitRange's default, the LimitRange is what to fix."""
    workload = view.find_ref(owner)
    if workload is None or owner == container.pod.ref:
        return
    own = next((c for c in maps_at(pod_template(workload), "spec", "containers") if text_at(c, "name") == container.name), None)
    if own is None or text_at(own, "resources", "limits", "memory"):
        return
    for limits in view.within("limitranges", container.pod.namespace):
        for row in limits.maps("spec", "limits"):
            if text_at(row, "type") == "Container" and text_at(row, "default", "memory") == limit:
                cause.says += f", which {owner} does not set: it is the default of LimitRange {limits.name}"
                cause.object = limits.ref
                cause.evidence.append(citations.field(limits, "spec", "limits"))
                cause.weights.append(RELATION)
                return


def _double(quantity: str) -> str:
    found = re.match(r"^(\d+)([A-Za-z]*)$", quantity)
    return f"{int(found[1]) * 2}{found[2]}" if found else "NEW_LIMIT"


def runtime_cause(view: ClusterView, container: Container, owner: ObjectRef, message: str) -> Cause:
    """Why the runtime could not start a container, from its message."""
    state = container.ending() if container.end else container.wait()
    cause = Cause(
        "StartError", f"the runtime refuses it: {message[-300:]}", owner, [state], [STATE], docs=("StartError", "RunContainerError")
    )
    for shape, code, say in _RUNTIME:
        found = shape.search(message)
        if not found:
            continue
        groups = {"x": "", "y": "", **{k: v for k, v in found.groupdict().items() if v}}
        cause.code, cause.says = code, say.format_map(groups)
        cause.weights.append(EVENT)
        if code in ("BadCommand", "BadWorkingDirectory"):
            for part in ("command", "args", "workingDir"):
                if container.spec.get(part):
                    cause.evidence.append(container.declared(part))
                    cause.weights.append(HINT)
            cause.says += f"; image {container.image}"
            text = "correct the container's command" if code == "BadCommand" else "correct workingDir"
            cause.remedies.append(Remedy(text, f"kubectl edit {owner.kind.lower()}/{owner.name} -n {owner.namespace}", "mutate"))
        elif code == "ExecFormat":
            cause.says += f"; image {container.image}"
            cause.evidence.append(container.declared("image"))
        elif code == "OOMKilled":
            limit = text_at(container.spec, "resources", "limits", "memory")
            cause.says += f" (limit {limit})" if limit else ""
        if code == "BadMount":
            cause.evidence.append(container.declared("volumeMounts"))
            absent = absent_sub_path(view, container.pod.namespace, container.pod.map("spec"), container.spec)
            if absent is not None:
                mount, cause.object, keys = absent
                cause.says += (
                    f": {cause.object.kind} {cause.object.name} has no key {mount.sub_path}, which the mount at {mount.path} takes as its "
                    f"subPath (it has {citations.listed(keys)}), so the kubelet makes an empty folder of it"
                )
                cause.weights.append(RELATION)
        break
    return cause


def _completed(view: ClusterView, container: Container, owner: ObjectRef) -> Cause:
    cause = Cause("CompletedInLoop", "", owner, [container.ending()], [STATE, RELATION], docs=("exit code 0", "Job"))
    policy = container.pod.text("spec", "restartPolicy", default="Always")
    kind = f"a {owner.kind}" if owner.kind != "Pod" else f"a Pod with restartPolicy {policy}"
    cause.says = (
        f"the process finishes its work and exits with code 0 (Completed), and {kind} starts it again for ever; "
        "one-off work belongs in a Job or CronJob, a service has to keep running in the foreground"
    )
    lines = log_lines(view, container, previous=not container.terminated)
    if lines:
        cause.evidence.append(citations.log_line(container.pod, container.name, lines[-1], previous=not container.terminated))
    if not (container.spec.get("command") or container.spec.get("args")):
        cause.weights.append(HINT)
    cause.remedies.append(Remedy("run it as a Job or CronJob, or keep its process in the foreground", "", ""))
    return cause


def _exit_code(view: ClusterView, container: Container, owner: ObjectRef) -> Cause:
    code = container.exit_code
    reason, message = text_at(container.end, "reason"), text_at(container.end, "message")
    command = " ".join(str(word) for part in ("command", "args") for word in (container.spec.get(part) or []) if isinstance(word, str))[
        :200
    ]
    words = {
        126: "the command was found but is not executable (exit code 126)",
        127: "a command does not exist in the image (exit code 127, command not found)",
        128: "the container could not be started (exit code 128)",
        132: "the program uses an instruction that the node's CPU does not know (exit code 132, SIGILL)",
        134: "the program aborted itself (exit code 134, SIGABRT)",
        135: "the program used memory that the system could not back, as with a full /dev/shm or a truncated mapped file (exit code 135, SIGBUS)",
        136: "the program divided by zero or overflowed (exit code 136, SIGFPE)",
        137: "it was killed with SIGKILL (exit code 137) without an OOM report: by a liveness probe, by the end of its grace period, or by the node's OOM killer",
        139: "the program crashed with a segmentation fault (exit code 139, SIGSEGV)",
        143: "it was asked to stop with SIGTERM (exit code 143)",
        2: "the shell or program was used wrongly (exit code 2)",
    }  # fmt: skip
    signal = f" ({_SIGNALS[code]})" if code in _SIGNALS else ""
    says = words.get(code) or f"it exits with code {code}{signal} and its log says nothing of a cause"
    cause = Cause(
        _SIGNAL_CODES.get(code, "CrashLoopBackOff"),
        says,
        owner,
        [container.ending()] if container.end else [container.wait()],
        [STATE * 0.6],
    )
    if message:
        cause.says += f": {message[:200]}"
    if code in (126, 127) and command:
        cause.says += f"; it runs “{command}”"
        cause.evidence.append(container.declared("command" if container.spec.get("command") else "args"))
    lines = log_lines(view, container, previous=not container.terminated) or log_lines(view, container, previous=False)
    if lines:
        cause.evidence.append(citations.log_line(container.pod, container.name, lines[-1], previous=not container.terminated))
        last = cause.evidence[-1].excerpt
        if last and code not in (139, 143) and len(last) < 240:
            cause.says += f"; its last line is “{last}”"
    cause.docs = (f"exit code {code}",) if reason != "Unknown" else ("CrashLoopBackOff",)
    return cause


def _look(container: Container) -> Remedy:
    previous = " --previous" if container.last and not container.terminated else ""
    command = f"kubectl logs {container.pod.name} -n {container.pod.namespace} -c {container.name}{previous}"
    return Remedy("read the log of the run that ended", command, "read")


def _past_restart(view: ClusterView, container: Container, owner: ObjectRef) -> Iterator[Finding]:
    """An old restart of a container that has been ready since: said, so that it is seen not to be the fault."""
    since = container.running_since
    minutes = int((view.now - since).total_seconds() // 60) if since else 0
    times = "once" if container.restarts == 1 else f"{container.restarts} times"
    yield Finding(
        code="RestartedBefore",
        severity="info",
        object=container.pod.ref,
        summary=f"{container.label} of {owner} restarted {times} (last exit code {container.exit_code}), and has been ready for {minutes} minutes since",
        evidence=(container.ending(),) if container.end else (),
        owner=owner,
        confidence=confidence([STATE]),
        detail=container.name,
    )

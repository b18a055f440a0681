"""Probes: what they ask, what the container answers, and whether the probe or the program is wrong."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from engine.analyzers.common import citations
from engine.analyzers.common.confidence import EVENT, HINT, RELATION, STATE, confidence
from engine.analyzers.common.containers import Container, containers, is_ready
from engine.analyzers.common.view import ClusterView, Objects, event_time
from engine.analyzers.logs.cause import Cause, log_lines
from engine.analyzers.logs.causes import from_story
from engine.analyzers.logs.entries import unstamped
from engine.analyzers.logs.reader import explain
from engine.analyzers.registry import analyzer
from engine.cluster.objects import Obj, int_at, map_at, maps_at, text_at
from engine.core.types import Evidence, Finding, ObjectRef, Remedy

_KILLING = re.compile(r"failed (liveness|startup) probe|(?:postStart|PostStartHook|preStop)", re.IGNORECASE)
_LISTENS = re.compile(
    r"(?:listen\w*|serv(?:ing|er (?:is )?(?:running|started))|started on port|bound|running|ready)\b[^\n]{0,60}?"
    r"(?:port[ =:]*|:)(?P<port>\d{2,5})\b",
    re.IGNORECASE,
)
_GRACE = timedelta(minutes=2)
_TOO_SLOW = "the answer takes longer than"
"""How a probe's mistake begins that a fault in the log may explain better."""


def probe_words(probe: Mapping[str, Any], container: Container) -> str:
    """What a probe asks: `HTTP GET :8080/healthz`, `TCP port 5432`, `exec pg_isready`, `gRPC port 9000`."""
    http, tcp, grpc, run = (map_at(probe, k) for k in ("httpGet", "tcpSocket", "grpc", "exec"))
    if http:
        scheme = "HTTPS" if http.get("scheme") == "HTTPS" else "HTTP"
        return f"{scheme} GET :{http.get('port')}{http.get('path') or '/'}"
    if tcp:
        return f"TCP port {tcp.get('port')}"
    if grpc:
        return f"gRPC port {grpc.get('port')}"
    words = run.get("command")
    return f"exec “{' '.join(str(w) for w in words)[:120]}”" if isinstance(words, list) else "the probe"


def port_of(probe: Mapping[str, Any], container: Container) -> int | None:
    """The port number that a probe uses, named ports resolved; None where there is none or its name is unknown."""
    for kind in ("httpGet", "tcpSocket", "grpc"):
        port = map_at(probe, kind).get("port")
        if isinstance(port, int):
            return port
        if isinstance(port, str):
            if port.isdigit():
                return int(port)
            named = next((p for p in maps_at(container.spec, "ports") if p.get("name") == port), {})
            number = named.get("containerPort")
            return number if isinstance(number, int) else None
    return None


def unhealthy(view: ClusterView, container: Container, kind: str) -> Objects:
    """The events about a failing probe (`Liveness`, `Readiness`, `Startup`) of one container, oldest first."""
    path = f"{{{container.name}}}"
    return [
        e
        for e in view.events_of(container.pod)
        if e.text("reason") in ("Unhealthy", "ProbeWarning", "ProbeError")
        and e.text("message").lower().startswith(kind.lower())
        and (path in e.text("involvedObject", "fieldPath") or not e.text("involvedObject", "fieldPath"))
    ]


def kill_cause(view: ClusterView, container: Container, owner: ObjectRef) -> Cause | None:
    """The cause where the kubelet killed a container for a probe or a lifecycle hook; None where it ended by itself."""
    for event in reversed(view.events_of(container.pod)):
        if event.text("reason") in ("FailedPostStartHook", "FailedPreStopHook") and _about(event, container):
            return _hook(container, owner, event)
    killing = [
        e
        for e in view.events_of(container.pod)
        if e.text("reason") == "Killing" and _about(e, container) and _KILLING.search(e.text("message"))
    ]
    kind = ""
    if killing:
        found = _KILLING.search(killing[-1].text("message"))
        kind = (found[1] or "").capitalize() if found else ""
        if not kind:
            return _hook(container, owner, killing[-1])
        at, ended = event_time(killing[-1]), container.ended_at
        if at is not None and ended is not None and abs(ended - at) > _GRACE and not unhealthy(view, container, kind):
            return None
    else:
        for candidate in ("Startup", "Liveness"):
            seen = unhealthy(view, container, candidate)
            probe = map_at(container.spec, f"{candidate.lower()}Probe")
            count = sum(max(1, int_at(e.raw, "count"), int_at(e.raw, "series", "count")) for e in seen)
            if probe and count >= 2 * int_at(probe, "failureThreshold", default=3) and container.exit_code in (0, 2, 137, 143):
                kind = candidate
                break
    if not kind:
        return None
    if container.exit_code not in (0, 2, 137, 143, 255, 1) and container.end:
        return None
    if container.exit_code == 1 and not _asked_to_stop(view, container):
        return None
    return _probe_cause(view, container, owner, kind, killing[-1] if killing else None)


def _asked_to_stop(view: ClusterView, container: Container) -> bool:
    lines = log_lines(view, container, previous=not container.terminated)
    return any(word in line for line in lines[-5:] for word in ("SIGTERM", "signal", "shutting down", "Shutting down", "terminated"))


def _about(event: Obj, container: Container) -> bool:
    path = event.text("involvedObject", "fieldPath")
    return f"{{{container.name}}}" in path or container.name in event.text("message") or not path


def _hook(container: Container, owner: ObjectRef, event: Obj) -> Cause:
    post = "poststart" in (event.text("reason") + event.text("message")).lower().replace(" ", "")
    name = "postStart" if post else "preStop"
    cause = Cause(
        f"Failed{name[0].upper()}{name[1:]}Hook", "", owner, [citations.event(event)], [EVENT, STATE * 0.5], docs=("lifecycle hook", name)
    )
    hook = map_at(container.spec, "lifecycle", name)
    what = probe_words(hook, container) if hook else "its command"
    cause.says = f"its {name} hook ({what}) fails, and the kubelet kills the container for it: {event.text('message')[:240]}"
    if hook:
        inner = next((k for k in ("exec", "httpGet", "tcpSocket") if k in hook), "")
        path = ("lifecycle", name, inner, "command") if inner == "exec" else ("lifecycle", name, inner)
        cause.evidence.append(container.declared(*path))
        cause.weights.append(HINT)
    cause.remedies.append(
        Remedy(f"correct the {name} hook", f"kubectl edit {owner.kind.lower()}/{owner.name} -n {owner.namespace}", "mutate")
    )
    return cause


def _probe_cause(view: ClusterView, container: Container, owner: ObjectRef, kind: str, killing: Obj | None) -> Cause:
    lower = kind.lower()
    probe = map_at(container.spec, f"{lower}Probe")
    events = unhealthy(view, container, kind)
    answer = events[-1].text("message") if events else ""
    cause = Cause(f"{kind}ProbeFailed", "", owner, [], [STATE * 0.5], docs=(f"{lower} probe",))
    if events:
        cause.evidence.append(citations.event(events[-1]))
        cause.weights.append(EVENT)
    inner = next((k for k in ("httpGet", "tcpSocket", "grpc", "exec") if k in probe), "")
    if inner:
        path = (f"{lower}Probe", inner, "command") if inner == "exec" else (f"{lower}Probe", inner)
        cause.evidence.append(container.declared(*path))
    if killing is not None:
        cause.evidence.append(citations.event(killing))
        cause.weights.append(EVENT)
    cause.evidence.append(container.declared(f"{lower}Probe"))
    short = answer.split(": ", 1)[1] if ": " in answer else answer
    period, threshold, delay = _timing(probe)
    cause.says = f"the kubelet kills it because the {lower} probe ({probe_words(probe, container)}) fails: {short[:200]}"
    wrong = _probe_mistake(view, container, probe, answer)
    if wrong:
        cause.mistake = "" if wrong.startswith(_TOO_SLOW) else wrong
        cause.says += f"; {wrong}"
        cause.weights.append(RELATION)
    allowed = delay + period * threshold
    if kind == "Startup":
        cause.says += (
            f"; it allows only about {allowed} s (failureThreshold {threshold} x periodSeconds {period}"
            f"{f' + {delay} s delay' if delay else ''}), too short for this start"
        )
        more = max(threshold * 6, 30)
        cause.remedies.append(
            Remedy(
                f"raise startupProbe.failureThreshold to {more}, or make the start faster",
                _patch(container, owner, lower, f'"failureThreshold":{more}'),
                "mutate",
            )
        )
    elif not wrong and "refused" in answer and not map_at(container.spec, "startupProbe") and _died_young(container, allowed):
        cause.says += (
            f"; it begins {delay} s after the start and gives up after about {allowed} s, while the program does not "
            "listen yet: a startup probe is missing"
        )
        cause.remedies.append(
            Remedy(
                "add a startupProbe (or a longer initialDelaySeconds)",
                _patch(container, owner, lower, f'"initialDelaySeconds":{max(60, allowed * 3)}'),
                "mutate",
            )
        )
    else:
        cause.remedies.append(
            Remedy(f"correct the {lower} probe", f"kubectl edit {owner.kind.lower()}/{owner.name} -n {owner.namespace}", "mutate")
        )
    for line in _answers(view, container, probe):
        cause.evidence.append(line)
        cause.weights.append(HINT)
    return cause


def _died_young(container: Container, allowed: int) -> bool:
    from engine.cluster.objects import parse_time

    start, end = parse_time(container.end.get("startedAt")), container.ended_at
    return start is not None and end is not None and (end - start).total_seconds() <= allowed + 45


def _timing(probe: Mapping[str, Any]) -> tuple[int, int, int]:
    return int_at(probe, "periodSeconds", default=10), int_at(probe, "failureThreshold", default=3), int_at(probe, "initialDelaySeconds")


def _patch(container: Container, owner: ObjectRef, kind: str, setting: str) -> str:
    if owner.kind not in ("Deployment", "StatefulSet", "DaemonSet"):
        return ""
    body = f'{{"spec":{{"template":{{"spec":{{"containers":[{{"name":"{container.name}","{kind}Probe":{{{setting}}}}}]}}}}}}}}'
    return f"kubectl patch {owner.kind.lower()}/{owner.name} -n {owner.namespace} -p '{body}'"


def listening_ports(view: ClusterView, container: Container) -> set[int]:
    """The ports that a program says it listens on, in its log."""
    found = set()
    for previous in (False, True):
        for line in log_lines(view, container, previous=previous)[:200]:
            hit = _LISTENS.search(unstamped(line)[1])
            if hit and int(hit["port"]) <= 65535:
                found.add(int(hit["port"]))
    return found


_LOOPBACK = re.compile(
    r"(?:listen|serv|start|bound|bind|running)[^\n]{0,60}?(?:127\.0\.0\.1|localhost|\[::1\]):(?P<port>\d{2,5})\b", re.IGNORECASE
)


def loopback_line(view: ClusterView, container: Container) -> tuple[int, str]:
    """The port that a program says it listens on at the loopback address alone, and the log line; (0, "") where it does not."""
    for line in log_lines(view, container, previous=False)[:200]:
        hit = _LOOPBACK.search(unstamped(line)[1])
        if hit:
            return int(hit["port"]), line
    return 0, ""


def _probe_mistake(view: ClusterView, container: Container, probe: Mapping[str, Any], answer: str) -> str:
    """What is wrong with the probe itself, in words, or ""."""
    declared = {int_at(p, "containerPort") for p in maps_at(container.spec, "ports") if int_at(p, "containerPort")}
    port = port_of(probe, container)
    named = next((map_at(probe, k).get("port") for k in ("httpGet", "tcpSocket") if map_at(probe, k)), None)
    if isinstance(named, str) and not named.isdigit() and port is None:
        return f"the container has no port named {named}"
    if port is not None and ("refused" in answer or "timeout" in answer or "deadline" in answer or "reset" in answer):
        listens = listening_ports(view, container)
        if loopback_line(view, container)[0] == port:
            return (
                f"the program listens only on 127.0.0.1:{port} (loopback), where neither the kubelet nor other pods reach "
                "it; it has to listen on 0.0.0.0"
            )
        if listens and port not in listens:
            return f"the program listens on port {citations.listed(str(p) for p in sorted(listens))}, not on {port}"
        if not listens and declared and port not in declared:
            return f"the container declares port {citations.listed(str(p) for p in sorted(declared))}, not {port}"
    if (status := re.search(r"statuscode: (404|405|410)", answer)) is not None:
        return f"the program answers {status[1]}: the path {map_at(probe, 'httpGet').get('path') or '/'} does not exist there"
    if re.search(r"statuscode: (401|403)", answer):
        return "the path needs a login, which a probe does not send"
    if (
        "server gave HTTP response to HTTPS client" in answer
        or "malformed HTTP response" in answer
        or "first record does not look like" in answer
    ):
        return "probe and program disagree on TLS (scheme HTTP or HTTPS)"
    if re.search(r"executable file not found|no such file or directory|not found", answer) and map_at(probe, "exec"):
        return "the probe's command does not exist in the image"
    if re.search(r"timed? ?out|deadline exceeded|Timeout exceeded", answer) and int_at(probe, "timeoutSeconds", default=1) <= 2:
        return f"{_TOO_SLOW} timeoutSeconds {int_at(probe, 'timeoutSeconds', default=1)}"
    return ""


def _answers(view: ClusterView, container: Container, probe: Mapping[str, Any]) -> list[Evidence]:
    """The program's own log line about the probe's request."""
    path = text_at(probe, "httpGet", "path")
    if not path:
        return []
    for previous in (True, False):
        for line in reversed(log_lines(view, container, previous=previous)[-200:]):
            if f"{path} " in line and re.search(r"\b[45]\d\d\b", line):
                return [citations.log_line(container.pod, container.name, line, previous=previous)]
    return []


@analyzer("readiness", speciality="workload", needs=("pods", "events"))
def not_ready(view: ClusterView) -> Iterable[Finding]:
    """Containers that run but are not ready, with what the probe gets and what the log says."""
    unready = [c for pod in view.all("pods") if not is_ready(pod) for c in containers(pod) if c.is_running and not c.ready]
    view.read_ahead((c.pod, c.name, False) for c in unready)
    for pod in view.all("pods"):
        if pod.deleting_since is not None or pod.text("status", "phase") != "Running":
            continue
        if is_ready(pod):
            continue
        owner = view.workload_of(pod)
        for container in containers(pod):
            if container.role in ("init", "ephemeral") or container.ready or not container.is_running or container.restarts >= 3:
                continue
            yield from _not_ready(view, container, owner)
        yield from _gates(pod, owner)


def _not_ready(view: ClusterView, container: Container, owner: ObjectRef) -> Iterable[Finding]:
    for kind in ("Startup", "Readiness"):
        probe = map_at(container.spec, f"{kind.lower()}Probe")
        events = unhealthy(view, container, kind)
        if not probe or (kind == "Startup" and container.status.get("started") is True) or (kind == "Startup" and not events):
            continue
        since = container.running_since
        period, _, delay = _timing(probe)
        if since is not None and (view.now - since).total_seconds() < delay + period * 2 and not events:
            continue
        answer = events[-1].text("message") if events else ""
        short = answer.split(": ", 1)[1] if ": " in answer else answer
        wrong = _probe_mistake(view, container, probe, answer)
        cause = Cause(f"{kind}ProbeFailed", "", owner, [], [STATE * 0.5], docs=(f"{kind.lower()} probe",))
        asks = f"its {kind.lower()} probe ({probe_words(probe, container)}) fails"
        cause.says = f"{asks}: {short[:200]}" if short else asks
        if events:
            cause.evidence.append(citations.event(events[-1]))
            cause.weights.append(EVENT)
        inner = next((k for k in ("httpGet", "tcpSocket", "grpc", "exec") if k in probe), "")
        if inner:
            cause.evidence.append(container.declared(f"{kind.lower()}Probe", inner, *(("command",) if inner == "exec" else ())))
        if wrong:
            cause.says += f"; {wrong}"
            cause.weights.append(RELATION)
            cause.remedies.append(
                Remedy(
                    f"correct the {kind.lower()} probe", f"kubectl edit {owner.kind.lower()}/{owner.name} -n {owner.namespace}", "mutate"
                )
            )
        lines = log_lines(view, container, previous=False)
        story = explain(lines, ended=False, now=view.now) if lines else None
        if story is not None and (not wrong or wrong.startswith(_TOO_SLOW)):
            told = from_story(view, container, owner, story, previous=False)
            cause.code, cause.object = told.code, told.object
            cause.says = f"{told.says}; so {cause.says}"
            cause.evidence = [*told.evidence, *cause.evidence]
            cause.weights += told.weights
            cause.remedies += told.remedies
            cause.docs += told.docs
            cause.speciality = told.speciality
        cause.evidence.extend(_answers(view, container, probe))
        yield Finding(
            code=cause.code,
            severity="critical",
            object=cause.object,
            summary=f"{container.label} of {owner} runs but is not ready: {cause.says}",
            evidence=tuple(cause.evidence),
            owner=owner,
            remedies=tuple(cause.remedies)
            or (Remedy("see what the probe gets", f"kubectl describe pod {container.pod.name} -n {container.pod.namespace}", "read"),),
            confidence=confidence(cause.weights),
            docs=cause.docs,
            speciality=cause.speciality,
            detail=f"{owner.name}/{container.name}" if cause.object != owner else container.name,
        )
        return


def _gates(pod: Obj, owner: ObjectRef) -> Iterable[Finding]:
    """Readiness gates that nobody sets."""
    if pod.condition("ContainersReady").get("status") != "True":
        return
    for gate in pod.maps("spec", "readinessGates"):
        kind = text_at(gate, "conditionType")
        state = pod.condition(kind)
        if state.get("status") == "True":
            continue
        what = (
            f"is {state.get('status')}: {state.get('message') or state.get('reason') or ''}" if state else "was never set by any controller"
        )
        yield Finding(
            code="ReadinessGateNotMet",
            severity="critical",
            object=owner,
            summary=f"all containers of {pod.ref} are ready, but its readiness gate {kind} {what}, so the pod is not Ready",
            evidence=(citations.field(pod, "spec", "readinessGates"), citations.condition(pod, "Ready")),
            owner=owner,
            remedies=(
                Remedy(
                    "find the controller that should set the condition, or remove the readiness gate",
                    f"kubectl get pod {pod.name} -n {pod.namespace} -o yaml",
                    "read",
                ),
            ),
            confidence=confidence([STATE, RELATION]),
            docs=("readiness gate",),
            detail=kind,
        )

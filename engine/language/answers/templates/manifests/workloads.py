"""Manifests of what runs: Deployment, StatefulSet, CronJob, Job."""

from __future__ import annotations

from engine.language.answers.templates.manifests.facts import Facts, Raw, made

_DAYS = {"sunday": 0, "monday": 1, "tuesday": 2, "wednesday": 3, "thursday": 4, "friday": 5, "saturday": 6}
_TAGS = {
    "busybox": "busybox:1.36",
    "nginx": "nginx:1.27",
    "redis": "redis:7",
    "postgres": "postgres:16",
    "alpine": "alpine:3.20",
    "python": "python:3.12-slim",
}


def deployment(facts: Facts) -> list[Raw]:
    """A Deployment of an image."""
    image = _image(facts)
    name = facts.name(image.rsplit("/", 1)[-1].partition("@")[0].partition(":")[0] or "app")
    port = int(facts.take(r"\bport\s+(\d{2,5})\b|:(\d{2,5})\b", "8080", "port"))
    replicas = int(facts.take(r"\b(\d{1,3})\s+(?:replicas?|instances?|copies|pods)\b", "2", "replicas"))
    facts.assumed.append("requests, limits and a readiness probe on TCP to adjust")
    container: Raw = {
        "name": name, "image": image, "ports": [{"containerPort": port}],
        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "256Mi"}},
        "readinessProbe": {"tcpSocket": {"port": port}, "periodSeconds": 10},
    }  # fmt: skip
    labels = {"app": name}
    spec = {
        "replicas": replicas,
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
    }
    return [made("apps/v1", "Deployment", name, facts.place, spec=spec, labels=labels)]


def stateful_set(facts: Facts) -> list[Raw]:
    """A StatefulSet with its headless Service."""
    made_of = deployment(facts)[0]
    name, spec = made_of["metadata"]["name"], made_of["spec"]
    spec["serviceName"] = name
    spec["volumeClaimTemplates"] = [
        {"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}
    ]
    spec["template"]["spec"]["containers"][0]["volumeMounts"] = [{"name": "data", "mountPath": "/data"}]
    facts.assumed.append("1Gi of storage a pod, mounted at /data")
    port = spec["template"]["spec"]["containers"][0]["ports"][0]["containerPort"]
    headless = made(
        "v1", "Service", name, facts.place, spec={"clusterIP": "None", "selector": {"app": name}, "ports": [{"name": "main", "port": port}]}
    )
    return [headless, made("apps/v1", "StatefulSet", name, facts.place, spec=spec, labels={"app": name})]


def cron_job(facts: Facts) -> list[Raw]:
    """A CronJob on the schedule that the words say."""
    image = _image(facts)
    name = facts.name(f"{image.rsplit('/', 1)[-1].partition(':')[0]}-job")
    schedule = _schedule(facts)
    command = facts.has(r"[`\"“'](?P<c>[^`\"”']+)[`\"”']")
    container: Raw = {"name": name, "image": image}
    if command:
        container["command"] = ["sh", "-c", command.group("c")]
    else:
        container["command"] = ["sh", "-c", "date; echo done"]
        facts.assumed.append("a command that only prints the date")
    pod = {"spec": {"restartPolicy": "OnFailure", "containers": [container]}}
    spec = {
        "schedule": schedule, "concurrencyPolicy": "Forbid", "startingDeadlineSeconds": 300, "successfulJobsHistoryLimit": 3, "failedJobsHistoryLimit": 3,
        "jobTemplate": {"spec": {"backoffLimit": 2, "template": pod}},
    }  # fmt: skip
    return [made("batch/v1", "CronJob", name, facts.place, spec=spec)]


def job(facts: Facts) -> list[Raw]:
    """A Job that runs once."""
    image = _image(facts)
    name = facts.name(f"{image.rsplit('/', 1)[-1].partition(':')[0]}-job")
    facts.assumed.append("a command that only prints the date")
    pod = {"spec": {"restartPolicy": "Never", "containers": [{"name": name, "image": image, "command": ["sh", "-c", "date; echo done"]}]}}
    return [made("batch/v1", "Job", name, facts.place, spec={"backoffLimit": 2, "ttlSecondsAfterFinished": 86400, "template": pod})]


def _image(facts: Facts) -> str:
    found = facts.has(r"(?<![\w/.-])((?:[\w.-]+(?::\d+)?/)+[\w.-]+(?::[\w.-]+)?(?:@sha256:[0-9a-f]+)?|[a-z][\w-]*:[\w.]+[\w.-]*)(?![\w/])")
    if found and not found.group(1).endswith((":", "/")):
        return found.group(1)
    named = facts.has(
        r"\b(?:image|runs?|running|with|using|of)\s+(?:the\s+|an?\s+)?[\"'`]?(busybox|nginx|redis|postgres|alpine|python|node|httpd|mysql|mariadb|curl|ubuntu|debian)\b"
    )
    if named:
        facts.assumed.append("the tag of the image: choose a fixed one")
        return _TAGS.get(named.group(1).lower(), f"{named.group(1).lower()}:TAG")
    facts.assumed.append("the image: set it")
    return "registry.example.org/app:1.0.0"


def _schedule(facts: Facts) -> str:
    """Five fields of cron as they stand in the request, or from words: every night at 2, every 15 minutes, on mondays at 6:30."""
    given = facts.has(r"(?<!\S)((?:[\d*,/-]+\s+){4}[\d*,/a-z-]+)(?!\S)")
    if given:
        return given.group(1)
    minutes = facts.has(r"\bevery\s+(\d{1,2})\s*min\w*")
    if minutes:
        return f"*/{minutes.group(1)} * * * *"
    hours = facts.has(r"\bevery\s+(\d{1,2})\s*h\w*")
    if hours:
        return f"0 */{hours.group(1)} * * *"
    at = facts.has(r"\bat\s+(\d{1,2})(?:[:.](\d{2}))?\s*(am|pm|o'clock|h|uhr)?\b")
    hour, minute = (int(at.group(1)), int(at.group(2) or 0)) if at else (2, 0)
    if at and at.group(3) and at.group(3).lower() == "pm" and hour < 12:
        hour += 12
    if not at and facts.has(r"\b(?:midnight)\b"):
        hour = 0
    day = next((number for name, number in _DAYS.items() if facts.has(rf"\b{name}s?\b")), None)
    if facts.has(r"\bhourly\b|\bevery hour\b") and not at:
        return "0 * * * *"
    if facts.has(r"\bmonthly\b|\bfirst of (?:the|each|every) month\b"):
        return f"{minute} {hour} 1 * *"
    if facts.has(r"\bweekdays?\b|\bmonday to friday\b|\bworking days?\b"):
        return f"{minute} {hour} * * 1-5"
    if day is not None or facts.has(r"\bweekly\b|\bevery week\b"):
        return f"{minute} {hour} * * {day if day is not None else 0}"
    if not at and not facts.has(r"\bnight\w*|\bmidnight\b|\bdaily\b|\bevery day\b"):
        facts.assumed.append("a start every night at 2")
    return f"{minute} {hour} * * *"

"""When schedules are due, and what is told of a CronJob that starts nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from fakes.manifests import NOW, Raw, ago, container, meta, view

from engine.analyzers.common.cron import due_after
from engine.analyzers.control_plane.bindings import bindings
from engine.analyzers.workloads.jobs import cronjobs

AT = datetime(2026, 3, 6, 10, 7, tzinfo=UTC)  # a Friday


@pytest.mark.parametrize(
    ("schedule", "zone", "due"),
    [
        ("*/15 * * * *", "", "2026-03-06T10:15"),
        ("0 3 * * *", "", "2026-03-07T03:00"),
        ("30 10 * * mon-fri", "", "2026-03-06T10:30"),
        ("0 0 1 jan *", "", "2027-01-01T00:00"),
        ("0 9 13 * 5", "", "2026-03-13T09:00"),
        ("0 0 * * 7", "", "2026-03-08T00:00"),
        ("@hourly", "", "2026-03-06T11:00"),
        ("0 12 * * *", "Europe/Berlin", "2026-03-06T11:00"),
        ("5/20 * * * *", "", "2026-03-06T10:25"),
    ],
)
def test_the_next_start_is_the_controllers(schedule: str, zone: str, due: str) -> None:
    found = due_after(schedule, AT, zone)
    assert found is not None and found.astimezone(UTC).isoformat().startswith(due)


@pytest.mark.parametrize("schedule", ["", "nonsense", "0 0 30 2 *", "1 2 3", "a b c d e"])
def test_what_never_comes_or_cannot_be_read_is_none(schedule: str) -> None:
    assert due_after(schedule, AT) is None


def cron(last: float, schedule: str = "0 * * * *") -> Raw:
    spec = {"schedule": schedule, "jobTemplate": {"spec": {"template": {"spec": {"containers": [container()]}}}}}
    body = meta("report")
    body["creationTimestamp"] = ago(9_000_000)
    return {"kind": "CronJob", "metadata": body, "spec": spec, "status": {"lastScheduleTime": ago(last)}}


def test_a_cron_job_that_missed_two_starts_without_a_reason_is_overdue() -> None:
    assert [f.code for f in cronjobs(view(cron(4 * 3600)))] == ["CronJobOverdue"]
    assert not list(cronjobs(view(cron(1800))))


def test_a_moved_recording_is_judged_by_its_own_clock() -> None:
    held = view(cron(5 * 3600, f"{NOW:%M} {(NOW - timedelta(hours=9)):%H} * * *"))
    held.moved = timedelta(hours=13)
    assert not list(cronjobs(held))


def test_a_binding_to_a_role_that_is_not_there_grants_nothing() -> None:
    role = {"kind": "Role", "metadata": meta("reader"), "rules": []}
    binding = {"kind": "RoleBinding", "metadata": meta("b"), "roleRef": {"kind": "Role", "name": "raeder"}}
    [found] = bindings(view(role, binding))
    assert "did you mean reader?" in found.summary
    binding["roleRef"] = {"kind": "Role", "name": "reader"}
    assert not list(bindings(view(role, binding)))

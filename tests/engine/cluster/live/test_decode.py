"""Answers as objects: whole, small or as rows of a table; odd ones never hide the others."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from engine.cluster.live.decode import EventReader, NotTheApi, accept_of, page_of
from engine.cluster.rows.build import PodRows, pod_row
from engine.cluster.rows.table_cells import state_of_cells
from engine.cluster.source import ResourceType

NOW = datetime(2026, 3, 1, 10, 0, 0, tzinfo=UTC)
PODS = ResourceType("", "v1", "pods", "Pod", True)
EVENTS = ResourceType("", "v1", "events", "Event", True)
SECRETS = ResourceType("", "v1", "secrets", "Secret", True)
DEPLOYMENTS = ResourceType("apps", "v1", "deployments", "Deployment", True)
COLUMNS = ["Name", "Ready", "Status", "Restarts", "Age", "IP", "Node"]


def body(**answer: Any) -> bytes:
    return json.dumps(answer).encode()


def table(*rows: list[str], head: bool = True, **metadata: Any) -> dict[str, Any]:
    about = {"namespace": "shop", "creationTimestamp": "2026-03-01T09:00:00Z", "managedFields": [{"manager": "x"}], **metadata}
    return {
        "kind": "Table",
        "metadata": {"resourceVersion": "7", "continue": "next", "remainingItemCount": 5},
        "columnDefinitions": [{"name": name} for name in COLUMNS] if head else [],
        "rows": [{"cells": cells, "object": {"metadata": {"name": cells[0], **about}}} for cells in rows],
    }


def test_small_objects_hold_what_rows_need_and_nothing_else() -> None:
    whole = {
        "metadata": {"name": "web", "labels": {"a": "b"}, "managedFields": [1], "generation": 3},
        "spec": {"replicas": 2, "template": {"spec": {}}},
        "status": {"readyReplicas": 1, "observedGeneration": 3, "conditions": [{"type": "Available"}]},
    }
    [found] = page_of(body(items=[whole], metadata={}), DEPLOYMENTS, "small").objects
    assert found == {
        "kind": "Deployment",
        "apiVersion": "apps/v1",
        "metadata": {"name": "web", "labels": {"a": "b"}},
        "spec": {"replicas": 2},
        "status": {"readyReplicas": 1, "conditions": [{"type": "Available"}]},
    }


def test_an_odd_object_does_not_hide_the_others() -> None:
    odd = body(items=[{"metadata": "x"}, {"metadata": {"name": "a"}, "spec": 3}, 7, None])
    names = [item.get("metadata") for item in page_of(odd, DEPLOYMENTS, "small").objects]
    assert names == ["x", {"name": "a"}]


def test_pages_say_where_they_stand() -> None:
    page = page_of(body(**table(["a", "1/1", "Running", "0", "1h", "10.0.0.1", "node-a"])), PODS, "table")
    assert (page.resource_version, page.more, page.remaining) == ("7", "next", 5)
    assert page.objects == [
        {
            "kind": "Pod",
            "apiVersion": "v1",
            "metadata": {"name": "a", "namespace": "shop", "creationTimestamp": "2026-03-01T09:00:00Z"},
            "cells": {"ready": "1/1", "status": "Running", "restarts": "0", "node": "node-a"},
        }
    ]


def test_a_server_without_tables_is_read_all_the_same() -> None:
    page = page_of(body(kind="PodList", items=[{"metadata": {"name": "a"}}]), PODS, "table")
    assert page.objects == [{"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "a"}}]


def test_a_watch_of_tables_names_its_columns_once() -> None:
    reader = EventReader(PODS, "table")
    first, later = (table(["a", "0/1", "Pending", "0", "1s", "<none>", "<none>"], head=head) for head in (True, False))
    for event in (first, later):
        change, pod = reader.read(body(type="MODIFIED", object=event))
        assert (change, pod["cells"]["status"], pod_row(pod, NOW).node) == ("MODIFIED", "Pending", "")
    assert reader.read(body(type="BOOKMARK", object={"metadata": {"resourceVersion": "9"}}))[1]["metadata"]["resourceVersion"] == "9"


def test_secrets_never_carry_values_in_any_form() -> None:
    for form in ("whole", "small", "table"):
        assert "PartialObjectMetadata" in accept_of(SECRETS, form, "List")
        found = page_of(body(items=[{"metadata": {"name": "db"}, "data": {"p": "aHVudGVyMg=="}}]), SECRETS, form).objects
        assert "aHVudGVyMg" not in json.dumps(found)


@pytest.mark.parametrize("answer", [b"<html>", b"[]", b"3", b'{"items": 3}', b"\xff\xfe", b"[" * 100_000])
def test_what_is_not_the_api_is_refused(answer: bytes) -> None:
    for form in ("whole", "small"):
        with pytest.raises(NotTheApi):
            page_of(answer, EVENTS, form)  # type: ignore[arg-type]
    with pytest.raises(NotTheApi):
        EventReader(EVENTS, "small").read(answer)


@pytest.mark.parametrize(
    ("cells", "trouble", "note"),
    [
        (["a", "1/1", "Running", "0", "1h"], "ok", ""),
        (["a", "1/1", "Running", "7 (2m10s ago)", "1h"], "broken", "restarted ×7"),
        (["a", "1/1", "Running", "7 (3d2h ago)", "9d"], "ok", ""),
        (["a", "0/1", "CrashLoopBackOff", "12 (3m ago)", "1h"], "broken", "restarted ×12"),
        (["a", "0/1", "ImagePullBackOff", "0", "1h"], "broken", ""),
        (["a", "0/1", "Running", "0", "1h"], "broken", "not ready"),
        (["a", "0/1", "Init:0/2", "0", "1h"], "waiting", ""),
        (["a", "0/1", "ContainerCreating", "0", "1h"], "waiting", ""),
        (["a", "0/1", "Completed", "0", "1h"], "ok", ""),
        (["a", "0/1", "Terminating", "0", "1h"], "waiting", ""),
    ],
    ids=lambda value: value[2] if isinstance(value, list) else None,
)
def test_a_row_of_the_table_tells_its_trouble(cells: list[str], trouble: str, note: str) -> None:
    [pod] = page_of(body(**table(cells)), PODS, "table").objects
    row = pod_row(pod, NOW)
    assert (row.name, row.ready, row.status, row.age, row.trouble, row.note) == ("a", cells[1], cells[2], 3600.0, trouble, note)


@pytest.mark.parametrize("cell", ["", "many", "99999999999999999999", "1 (ago)", "3 (5q ago)"])
def test_a_cell_that_cannot_be_read_is_none_at_all(cell: str) -> None:
    state = state_of_cells({"cells": {"ready": "x/y", "status": "", "restarts": cell}}, NOW)
    assert (state.ready, state.total, state.status, state.restarts, state.last_restart) == (0, 0, "Unknown", 0, None)


def test_rows_are_kept_while_nothing_tells_on_them() -> None:
    kept = PodRows()
    [pod] = page_of(body(**table(["a", "1/1", "Running", "0", "1h"])), PODS, "table").objects
    sick = {**pod, "metadata": {**pod["metadata"], "name": "b"}, "cells": {**pod["cells"], "status": "CrashLoopBackOff"}}
    first = [kept.row(one, NOW, None, None) for one in (pod, sick)]
    kept.next_round()
    soon = [kept.row(one, NOW + timedelta(seconds=30), None, None) for one in (pod, sick)]
    assert soon[0] is first[0]
    assert soon[1].age == first[1].age + 30, "what is broken is looked at anew"
    kept.next_round()
    assert kept.row(pod, NOW + timedelta(seconds=120), None, None).age == 3720.0
    assert kept.row(dict(pod), NOW, None, None) is not first[0], "another object"

"""Selectors, patches and protobuf bodies: pure functions with the API's rules."""

from __future__ import annotations

from typing import Any

import pytest

from engine.simulator.apiserver.http import ApiError
from engine.simulator.encoding.protobuf import MAGIC, decode_protobuf
from engine.simulator.reading.selectors import field_selector, label_selector
from engine.simulator.writing.patch import json_patch, merge, strategic_merge

LABELLED = {"metadata": {"labels": {"app": "web", "tier": "a"}}}


@pytest.mark.parametrize(
    ("selector", "matches"),
    [
        ("", True),
        ("app", True),
        ("!app", False),
        ("!old", True),
        ("app=web", True),
        ("app == web , tier!=b", True),
        ("app!=web", False),
        ("tier in (a, b)", True),
        ("tier notin (a,b)", False),
        ("zone notin (x)", True),
        ("zone in (x)", False),
        ("empty=", False),
    ],
)
def test_label_selectors(selector: str, matches: bool) -> None:
    assert label_selector(selector)(LABELLED) is matches


@pytest.mark.parametrize("selector", ["app in (a", "app=a=b", "=x", "!a=b", "a b", "a,,b"])
def test_label_selectors_that_do_not_parse(selector: str) -> None:
    with pytest.raises(ApiError) as error:
        label_selector(selector)
    assert error.value.code == 400


def test_field_selectors_read_absent_fields_as_the_server_does() -> None:
    assert field_selector("spec.unschedulable=false", "nodes")({"spec": {}})
    assert not field_selector("spec.unschedulable=true", "nodes")({"spec": {}})
    assert field_selector("spec.nodeName=", "pods")({"spec": {}})
    assert field_selector("status.phase!=Running,metadata.name=x", "pods")({"metadata": {"name": "x"}, "status": {"phase": "Failed"}})
    assert field_selector("involvedObject.name=x", "events.events.k8s.io")({"regarding": {"name": "x"}})
    assert field_selector("source=kubelet", "events")({"source": {"component": "kubelet"}})
    for wrong in ("status.phase", "status.colour=x"):
        with pytest.raises(ApiError):
            field_selector(wrong, "pods")


def spec(*containers: dict[str, Any]) -> dict[str, Any]:
    return {"containers": list(containers)}


def test_strategic_merge_joins_named_lists_and_replaces_others() -> None:
    held = spec({"name": "a", "image": "1", "args": ["x"], "env": [{"name": "A", "value": "1"}]}, {"name": "b"})
    patched = strategic_merge(held, spec({"name": "a", "image": "2", "args": ["y"], "env": [{"name": "B", "value": "2"}]}))
    assert patched == spec(
        {"name": "a", "image": "2", "args": ["y"], "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]}, {"name": "b"}
    )
    assert held["containers"][0]["image"] == "1", "the original stays"


def test_strategic_merge_deletes_and_replaces_on_request() -> None:
    held = spec({"name": "a"}, {"name": "b"})
    assert strategic_merge(held, spec({"name": "a", "$patch": "delete"})) == spec({"name": "b"})
    assert strategic_merge(held, {"containers": [{"name": "c"}, {"$patch": "replace"}]}) == spec({"name": "c"})
    assert strategic_merge({"a": {"x": 1}, "b": 2}, {"a": {"y": 2, "$patch": "replace"}, "b": None}) == {"a": {"y": 2}}
    assert strategic_merge(held, {"$setElementOrder/containers": [{"name": "b"}]}) == held
    lists = {"finalizers": ["a", "b"]}
    assert strategic_merge(lists, {"$deleteFromPrimitiveList/finalizers": ["a"]}) == {"finalizers": ["b"]}
    assert strategic_merge(lists, {"finalizers": ["b", "c"]}) == {"finalizers": ["a", "b", "c"]}
    kept = {"type": "Recreate", "rollingUpdate": {"maxSurge": 1}}
    assert strategic_merge(kept, {"$retainKeys": ["type"], "type": "Recreate"}) == {"type": "Recreate"}
    with pytest.raises(ApiError):
        strategic_merge(held, spec({"image": "x"}))


def test_ports_merge_by_the_key_they_have() -> None:
    assert strategic_merge({"ports": [{"port": 80, "name": "a"}]}, {"ports": [{"port": 80, "targetPort": 1}]}) == {
        "ports": [{"port": 80, "name": "a", "targetPort": 1}]
    }


def test_merge_patch_removes_nulls() -> None:
    assert merge({"a": {"b": 1, "c": 2}, "l": [1]}, {"a": {"b": None}, "l": [2]}) == {"a": {"c": 2}, "l": [2]}


def test_json_patch_operations() -> None:
    held = {"a": [1, 2], "m": {"x/y": 1}}
    operations = [
        {"op": "test", "path": "/a/0", "value": 1},
        {"op": "add", "path": "/a/-", "value": 3},
        {"op": "remove", "path": "/a/0"},
        {"op": "replace", "path": "/m/x~1y", "value": 2},
        {"op": "copy", "from": "/a", "path": "/b"},
        {"op": "move", "from": "/m", "path": "/n"},
    ]
    assert json_patch(held, operations) == {"a": [2, 3], "b": [2, 3], "n": {"x/y": 2}}
    assert held == {"a": [1, 2], "m": {"x/y": 1}}


@pytest.mark.parametrize(
    ("operation", "code"),
    [
        ({"op": "test", "path": "/a", "value": 2}, 422),
        ({"op": "remove", "path": "/nope"}, 422),
        ({"op": "replace", "path": "/l/9", "value": 1}, 422),
        ({"op": "add", "path": "/a/b", "value": 1}, 422),
        ({"op": "jump", "path": "/a"}, 400),
        ({"op": "add", "path": "a"}, 400),
        ({"op": "add"}, 400),
    ],
)
def test_json_patches_that_do_not_fit(operation: dict[str, Any], code: int) -> None:
    with pytest.raises(ApiError) as error:
        json_patch({"a": 1, "l": []}, [operation])
    assert error.value.code == code


def field(number: int, value: bytes | str) -> bytes:
    data = value.encode() if isinstance(value, str) else value
    return bytes([number << 3 | 2, len(data)]) + data


def envelope(kind: str, raw: bytes, version: str = "v1") -> bytes:
    return MAGIC + field(1, field(1, version) + field(2, kind)) + field(2, raw)


def test_protobuf_objects_are_decoded() -> None:
    labels = field(11, field(1, "a") + field(2, "b"))
    body = envelope("ConfigMap", field(1, field(1, "c") + field(3, "n") + labels) + field(2, field(1, "k") + field(2, "v")))
    metadata = {"name": "c", "namespace": "n", "labels": {"a": "b"}}
    assert decode_protobuf(body) == {"kind": "ConfigMap", "apiVersion": "v1", "metadata": metadata, "data": {"k": "v"}}


def test_a_negative_number_is_ten_bytes() -> None:
    minus_one = bytes([1 << 3]) + b"\xff" * 9 + b"\x01"
    assert decode_protobuf(envelope("Scale", field(2, minus_one), "autoscaling/v1"))["spec"] == {"replicas": -1}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{}", 400),
        (MAGIC + b"\x0a\xff", 400),
        (envelope("ConfigMap", b"\x0a\x20abc"), 400),
        (envelope("ConfigMap", b"\x0b"), 400),
        (envelope("ConfigMap", b"\xff" * 12), 400),
        (envelope("FlowSchema", b""), 415),
        (envelope("ConfigMap", field(9, "x")), 415),
    ],
)
def test_other_protobuf_bodies_are_refused(body: bytes, code: int) -> None:
    with pytest.raises(ApiError) as error:
        decode_protobuf(body)
    assert error.value.code == code

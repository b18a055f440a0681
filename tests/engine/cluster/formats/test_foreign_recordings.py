"""Recordings that other tools made open like ours, and what such a recording lacks is told as not recorded, never as missing."""

from __future__ import annotations

import io
import json
import lzma
import re
import tarfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from fakes.kubectls import Kubectl, kubectls
from fakes.recordings import pod, tar_of, write_folder

from engine.analyzers.common.view import ClusterView
from engine.analyzers.diagnosis.rank import diagnose
from engine.cluster.live.cluster import LiveCluster
from engine.cluster.recordings.coverage import inventory
from engine.cluster.recordings.recorded_cluster import BrokenRecording, RecordedCluster, open_recording
from engine.cluster.source import Forbidden, NotFound, NotRecorded
from engine.core.paths import resource_path
from engine.simulator.apiserver import ApiServer

NOW = datetime(2027, 7, 1, 12, 0, 0, tzinfo=UTC)
NODE = {
    "metadata": {"name": "node-a", "creationTimestamp": "2026-01-01T00:00:00Z"},
    "status": {"nodeInfo": {"kubeletVersion": "v1.33.4"}},
}
EVENT = {
    "metadata": {"name": "a.1", "namespace": "shop", "creationTimestamp": "2026-03-01T09:58:00Z"},
    "involvedObject": {"kind": "Pod", "name": "a", "namespace": "shop", "uid": "uid-a"},
    "type": "Warning",
    "reason": "BackOff",
    "message": "next at 2031-01-01T00:00:00Z",
    "lastTimestamp": "2026-03-01T09:59:30Z",
}
LOG = "==== START logs for container app of pod shop/a ====\nhello\nworld\n==== END logs for container app of pod shop/a ====\n"
NO_LOG = (
    "==== START logs for container app of pod shop/b ====\n"
    "Request log error: the server rejected our request for an unknown reason (get pods b)\n"
    "==== END logs for container app of pod shop/b ====\n"
)


def listed(kind: str, items: list[dict[str, Any]] | None, api_version: str = "v1") -> dict[str, Any]:
    return {"kind": f"{kind}List", "apiVersion": api_version, "metadata": {"resourceVersion": "9"}, "items": items}


def text(document: Any, form: str) -> bytes:
    if form == "json":
        return json.dumps(document, indent=4).encode() + b"\n"
    return b"---\n" + yaml.safe_dump(document).encode()


def dump(form: str) -> dict[str, bytes]:
    """What `kubectl cluster-info dump --namespaces shop,quiet --output-directory` writes."""
    kinds = {
        "events": ("Event", "v1", [EVENT]),
        "replication-controllers": ("ReplicationController", "v1", None),
        "services": ("Service", "v1", None),
        "daemonsets": ("DaemonSet", "apps/v1", None),
        "deployments": ("Deployment", "apps/v1", [{"metadata": {"name": "d", "namespace": "shop"}}]),
        "replicasets": ("ReplicaSet", "apps/v1", None),
        "pods": ("Pod", "v1", [pod("a"), pod("b")]),
    }
    files = {f"nodes.{form}": text(listed("Node", [NODE]), form)}
    for namespace in ("shop", "quiet"):
        for name, (kind, version, items) in kinds.items():
            files[f"{namespace}/{name}.{form}"] = text(listed(kind, items if namespace == "shop" else None, version), form)
    files["shop/a/logs.txt"] = LOG.encode()
    files["shop/b/logs.txt"] = NO_LOG.encode()
    return files


def names(objects: list[dict[str, Any]]) -> list[str]:
    return [item["metadata"]["name"] for item in objects]


def opened(path: Path) -> RecordedCluster:
    return open_recording(path, now=NOW)


@pytest.mark.parametrize("form", ["json", "yaml"])
@pytest.mark.parametrize("around", ["", "cluster-state/"])
@pytest.mark.parametrize("packed", [False, True])
def test_a_cluster_info_dump_opens(tmp_path: Path, form: str, around: str, packed: bool) -> None:
    files = {around + name: data for name, data in dump(form).items()}
    path = tmp_path / "dump.tgz"
    if packed:
        path.write_bytes(tar_of(files, top=""))
    else:
        path = write_folder(tmp_path / "dump", files)
    cluster = opened(path)
    assert (cluster.title, cluster.server_version(), cluster.layout) == ("dump", "v1.33.4", "a kubectl cluster-info dump")
    assert names(cluster.list("pods", "shop")) == ["a", "b"]
    assert cluster.get("pods", "shop", "a")["kind"] == "Pod"
    assert cluster.list("deployments.apps")[0]["apiVersion"] == "apps/v1"
    assert cluster.list("services", "shop") == []
    assert cluster.list("pods", "quiet") == []
    assert cluster.logs("shop", "a", "app") == ["hello", "world"]
    with pytest.raises(NotFound, match="rejected our request"):
        cluster.logs("shop", "b", "app")


def test_the_newest_time_of_its_objects_is_the_moment_of_a_dump(tmp_path: Path) -> None:
    cluster = opened(write_folder(tmp_path / "dump", dump("json")))
    assert cluster.recorded_at == datetime(2026, 3, 1, 9, 59, 30, tzinfo=UTC), "a time within a message is none of the recording's"
    assert cluster.list("events")[0]["lastTimestamp"] == "2027-07-01T12:00:00Z"


def test_what_a_dump_lacks_is_not_recorded_and_the_format_is_named(tmp_path: Path) -> None:
    cluster = opened(write_folder(tmp_path / "dump", dump("json")))
    assert cluster.lacks("persistentvolumeclaims")
    assert not cluster.lacks("services")
    with pytest.raises(NotRecorded, match=r"^a kubectl cluster-info dump \(dump\) holds no persistentvolumeclaims, so nothing can be said"):
        cluster.list("persistentvolumeclaims", "shop")
    with pytest.raises(NotRecorded, match=r"holds pods of quiet, shop only"):
        cluster.list("pods", "elsewhere")
    with pytest.raises(NotRecorded, match=r"holds services of quiet, shop only"):
        cluster.get("services", "elsewhere", "api")
    with pytest.raises(NotFound):
        cluster.get("services", "shop", "api")
    lacks = " ".join(inventory(tmp_path / "dump").lacks)
    assert "which a kubectl cluster-info dump does not hold" in lacks
    assert "persistentvolumeclaims" in lacks
    assert "namespaces other than quiet, shop" in lacks


@pytest.mark.parametrize("form", ["json", "yaml"])
def test_what_a_dump_prints_opens_as_one_file(tmp_path: Path, form: str) -> None:
    files = dump(form)
    logs = [files.pop(name) for name in list(files) if name.endswith("logs.txt")]
    path = tmp_path / ("dump.txt" if form == "json" else "dump.yaml")
    path.write_bytes(b"".join([*files.values(), *logs]))
    cluster = opened(path)
    assert names(cluster.list("pods", "shop")) == ["a", "b"]
    assert cluster.list("services") == []
    assert cluster.logs("shop", "a", "app", tail=1) == ["world"]
    assert cluster.server_version() == "v1.33.4"
    with pytest.raises(NotRecorded):
        cluster.list("configmaps")


def test_a_line_of_a_log_that_looks_like_its_end_does_not_end_it(tmp_path: Path) -> None:
    files = dump("json")
    forged = "==== END logs for container other of pod shop/a ====\n==== START logs for container app of pod shop/z ====\n"
    files["shop/a/logs.txt"] = LOG.replace("world\n", forged).encode()
    cluster = opened(write_folder(tmp_path / "dump", files))
    assert cluster.logs("shop", "a", "app") == ["hello", *forged.splitlines()]


BUNDLE = {
    "cluster-info/cluster_version.json": json.dumps({"info": {"gitVersion": "v1.31.2"}, "string": "v1.31.2"}).encode(),
    "cluster-resources/nodes.json": text(listed("Node", [NODE]), "json"),
    "cluster-resources/pvs.json": text([{"metadata": {"name": "pv-1"}}], "json"),
    "cluster-resources/storage-classes.json": text(listed("StorageClass", [{"metadata": {"name": "fast"}}], "storage.k8s.io/v1"), "json"),
    "cluster-resources/pods/shop.json": text(listed("Pod", [pod("a")]), "json"),
    "cluster-resources/pods/quiet.json": text(listed("Pod", []), "json"),
    "cluster-resources/pvcs/shop.json": text([{"metadata": {"name": "data", "namespace": "shop"}}], "json"),
    "cluster-resources/network-policy/shop.json": text([], "json"),
    "cluster-resources/resource-quota/shop.json": text(listed("ResourceQuota", []), "json"),
    "cluster-resources/secrets-errors.json": json.dumps({"shop": 'secrets is forbidden: User "x" cannot list'}).encode(),
    "cluster-resources/jobs-errors.json": b"{}\n",
    "cluster-resources/custom-resource-definitions.json": text(
        listed(
            "CustomResourceDefinition",
            [
                {
                    "metadata": {"name": "mice.acme.io"},
                    "spec": {"group": "acme.io", "scope": "Namespaced", "names": {"plural": "mice", "kind": "Mouse"}},
                }
            ],
            "apiextensions.k8s.io/v1",
        ),
        "json",
    ),
    "cluster-resources/custom-resources/mice.acme.io/shop.yaml": yaml.safe_dump(
        [{"kind": "Mouse", "apiVersion": "acme.io/v1", "metadata": {"name": "jerry", "namespace": "shop"}}]
    ).encode(),
    "cluster-resources/auth-cani-list/shop.json": b"{}",
    "cluster-resources/groups.json": b"[]",
    "cluster-resources/pods/logs/shop/a/app.log": b"2026-03-01T10:00:05Z now\n",
    "cluster-resources/pods/logs/shop/a/app-previous.log": b"2026-03-01T09:50:00Z before\n",
    "cluster-resources/pods/logs/shop/a/app-logs-errors.log": b"x",
    "analysis.json": b"[]",
}


@pytest.mark.parametrize("top", ["", "support-bundle-2026-03-01/"])
def test_a_support_bundle_opens(tmp_path: Path, top: str) -> None:
    link = tarfile.TarInfo(top + "app-logs/a/app.log")
    link.type, link.linkname = tarfile.SYMTYPE, "../../cluster-resources/pods/logs/shop/a/app.log"
    path = tmp_path / "bundle.tar.gz"
    path.write_bytes(tar_of(BUNDLE, top=top, extra=[link]))
    cluster = opened(path)
    assert (cluster.layout, cluster.server_version()) == ("a Troubleshoot support bundle", "v1.31.2")
    assert names(cluster.list("persistentvolumeclaims", "shop")) == ["data"]
    assert names(cluster.list("persistentvolumes")) == ["pv-1"]
    assert names(cluster.list("storageclasses.storage.k8s.io")) == ["fast"]
    assert cluster.get("mice.acme.io", "shop", "jerry")["kind"] == "Mouse"
    assert cluster.list("networkpolicies.networking.k8s.io", "shop") == []
    assert cluster.list("pods", "quiet") == []
    assert cluster.logs("shop", "a", "app") == ["2027-07-01T12:00:00Z now"]
    assert cluster.logs("shop", "a", "app", previous=True) == ["2027-07-01T11:49:55Z before"]
    with pytest.raises(Forbidden, match="cannot list"):
        cluster.list("secrets")
    with pytest.raises(NotRecorded, match=r"a Troubleshoot support bundle .* holds no jobs"):
        cluster.list("jobs.batch")


def test_a_must_gather_opens(tmp_path: Path) -> None:
    top = "must-gather.local.1/quay-io-image-sha/"
    claim = {"kind": "Mouse", "apiVersion": "acme.io/v1", "metadata": {"name": "jerry", "namespace": "shop"}}
    files = {
        "must-gather.local.1/timestamp": b"2026-03-01 10:00:00",
        f"{top}cluster-scoped-resources/core/nodes/node-a.yaml": yaml.safe_dump({"kind": "Node", "apiVersion": "v1", **NODE}).encode(),
        f"{top}cluster-scoped-resources/storage.k8s.io/storageclasses.yaml": text(listed("StorageClass", [], "storage.k8s.io/v1"), "yaml"),
        f"{top}namespaces/shop/shop.yaml": b"kind: Namespace\napiVersion: v1\nmetadata:\n  name: shop\n",
        f"{top}namespaces/shop/core/pods.yaml": text(listed("Pod", [pod("a")]), "yaml"),
        f"{top}namespaces/shop/acme.io/mice/jerry.yaml": yaml.safe_dump(claim).encode(),
        f"{top}namespaces/shop/pods/a/a.yaml": yaml.safe_dump({"kind": "Pod", "apiVersion": "v1", **pod("a")}).encode(),
        f"{top}namespaces/shop/pods/a/app/app/logs/current.log": b"2026-03-01T10:00:00Z now\n",
        f"{top}namespaces/shop/pods/a/app/app/logs/previous.log": b"2026-03-01T09:00:00Z before\n",
    }
    cluster = opened(write_folder(tmp_path / "mg", files))
    assert cluster.layout == "an OpenShift must-gather"
    assert names(cluster.list("nodes")) == ["node-a"]
    assert names(cluster.list("pods", "shop")) == ["a"]
    assert names(cluster.list("mice.acme.io", "shop")) == ["jerry"]
    assert cluster.list("storageclasses.storage.k8s.io") == []
    assert names(cluster.list("namespaces")) == ["shop"]
    assert cluster.logs("shop", "a", "app", previous=True) == ["2027-07-01T11:00:00Z before"]
    with pytest.raises(NotRecorded):
        cluster.list("configmaps", "shop")


def kubectl_list(*items: dict[str, Any]) -> dict[str, Any]:
    """What `kubectl get` prints for several objects."""
    return {"kind": "List", "apiVersion": "v1", "metadata": {"resourceVersion": ""}, "items": list(items)}


def typed(kind: str, name: str, namespace: str = "shop", api_version: str = "v1", **more: Any) -> dict[str, Any]:
    return {"kind": kind, "apiVersion": api_version, "metadata": {"name": name, **({"namespace": namespace} if namespace else {})}, **more}


def test_files_of_kubectl_get_open_under_any_names(tmp_path: Path) -> None:
    secret = typed("Secret", "db", data={"password": "aHVudGVyMg=="})
    both = text(typed("Deployment", "d", api_version="apps/v1"), "yaml") + text(kubectl_list(secret), "yaml")
    files = {
        "some/where/x1.json": text(kubectl_list(typed("Pod", "a", spec=pod("a")["spec"]), typed("Pod", "a2", "blog")), "json"),
        "y.yaml": both,
        "pvc.yaml": b"apiVersion: v1\nitems: []\nkind: List\nmetadata:\n  resourceVersion: ''\n",
        "mouse.yml": text(typed("Mouse", "jerry", api_version="acme.io/v1"), "yaml"),
        "settings.json": b'{"colour": "blue"}',
        "a.log": b"one\n",
        "a_app-previous.log": b"two\n",
        "notes.md": b"nothing",
    }
    cluster = opened(write_folder(tmp_path / "got", files))
    assert names(cluster.list("pods")) == ["a", "a2"]
    assert cluster.list("pods", "third") == [], "a List over several namespaces is one of all of them"
    assert cluster.list("persistentvolumeclaims", "shop") == []
    assert cluster.get("secrets", "shop", "db")["data"] == {"password": ""}
    with pytest.raises(NotRecorded, match="holds secrets of shop only"):
        cluster.list("secrets", "blog")
    assert cluster.logs("shop", "a", "app") == ["one"]
    assert cluster.logs("shop", "a", "app", previous=True) == ["two"]
    assert names(cluster.list("mice.acme.io") if not cluster.lacks("mice.acme.io") else cluster.list("mouses.acme.io")) == ["jerry"]


def test_the_path_of_a_log_names_its_pod_where_only_one_can_be_meant(tmp_path: Path) -> None:
    pods = [typed("Pod", name, space, spec=pod(name)["spec"]) for name, space in (("a", "shop"), ("a", "blog"), ("api-7d-x", "shop"))]
    files = {
        "pods.json": text(kubectl_list(*pods), "json"),
        "shop/a/app.log": b"of shop\n",
        "blog/a.log": b"of blog\n",
        "a.log": b"of either\n",
        "api-7d-x.app.previous.log": b"before\n",
        "api-7d-x-sidecar.log": b"no such container\n",
    }
    cluster = opened(write_folder(tmp_path / "got", files))
    assert cluster.logs("shop", "a", "app") == ["of shop"]
    assert cluster.logs("blog", "a", "app") == ["of blog"]
    assert cluster.logs("shop", "api-7d-x", "app", previous=True) == ["before"]
    with pytest.raises(NotRecorded):
        cluster.logs("shop", "api-7d-x", "app")


def test_single_objects_say_nothing_about_others_of_their_kind(tmp_path: Path) -> None:
    broken = pod("a")
    broken["spec"]["volumes"] = [{"name": "v", "configMap": {"name": "settings"}}]
    files = {
        "pod.yaml": text({"kind": "Pod", "apiVersion": "v1", **broken}, "yaml"),
        "other.yaml": text(typed("ConfigMap", "other"), "yaml"),
    }
    cluster = opened(write_folder(tmp_path / "got", files))
    assert names(cluster.list("configmaps", "shop")) == ["other"]
    assert "single configmaps only" in cluster.coverage().partial["configmaps"]
    with pytest.raises(NotRecorded, match="single configmaps only"):
        cluster.get("configmaps", "shop", "settings")
    view = ClusterView.of(cluster, "shop")
    assert view.find("pods", "shop", "a") is not None
    assert not view.can_see("configmaps")
    assert not any(f.code == "MissingConfigMap" for f in diagnose(view, "why does a not start").findings)


def test_analyzers_report_the_kinds_of_a_dump_that_are_not_recorded(tmp_path: Path) -> None:
    files = dump("json")
    waiting = pod("a")
    waiting["spec"]["volumes"] = [{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}]
    waiting["spec"]["serviceAccountName"] = "robot"
    files["shop/pods.json"] = text(listed("Pod", [waiting]), "json")
    result = diagnose(ClusterView.of(opened(write_folder(tmp_path / "dump", files)), "shop"), "why does pod a not start")
    [told] = [sentence for sentence in result.unknown if sentence.startswith("not recorded: a kubectl cluster-info dump (dump) holds no ")]
    assert {"configmaps", "persistentvolumeclaims", "jobs.batch"} <= {name.strip(",") for name in told.split()}
    assert not result.healthy, "what was not looked at may be ill"
    assert not [f.summary for f in result.findings if "does not exist" in f.summary]


def test_the_stand_in_serves_a_dump_and_says_of_other_kinds_that_they_were_not_recorded(tmp_path: Path) -> None:
    cluster = opened(write_folder(tmp_path / "dump", dump("yaml")))
    with ApiServer(cluster) as server:
        live = LiveCluster.open(kubeconfig=server.kubeconfig(tmp_path / "config"))
        try:
            assert live.server_version() == "v1.33.4"
            pods = next(kind for kind in live.resources() if kind.name == "pods")
            assert (pods.short_names, pods.kind) == (("po",), "Pod")
            assert names(live.list("pods", "shop")) == ["a", "b"]
            assert live.logs("shop", "a", "app") == ["hello", "world"]
            with pytest.raises(NotFound, match="holds no persistentvolumeclaims"):
                live.list("persistentvolumeclaims", "shop")
        finally:
            live.close()


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{b}: &{b} [*{a},*{a},*{a},*{a},*{a},*{a}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (BOMB, r"shop/pods\.yaml is not valid YAML: line 2 has an alias \(\*a\)"),
        ("a: [" * 5000, r"shop/pods\.yaml is not valid YAML: line 1 is nested more than 100 levels"),
        ("\n".join(" " * n + "a:" for n in range(300)), r"shop/pods\.yaml is not valid YAML: line 101 is nested"),
        ("kind: PodList\nitems: [\n", r"shop/pods\.yaml is not valid YAML"),
        ("? [a]\n: b\n", r"shop/pods\.yaml is not valid YAML: line 1 has a key"),
        ('{"kind": "PodList", "items": [', r"shop/pods\.yaml is not valid JSON"),
        ('{"items":' * 5000, r"shop/pods\.yaml is not valid JSON"),
    ],
    ids=["aliases", "deep flow", "deep blocks", "torn YAML", "odd key", "torn JSON", "deep JSON"],
)
def test_hostile_and_broken_texts_cost_their_own_file_and_are_named(tmp_path: Path, content: str, says: str) -> None:
    files = {**dump("yaml"), "shop/pods.yaml": content.encode()}
    cluster = opened(write_folder(tmp_path / "dump", files))
    assert re.search(says, " ".join(cluster.meta["errors"]).replace(" was not read: it", ""))
    assert any("pods.yaml" in sentence for sentence in inventory(tmp_path / "dump").lacks)
    with pytest.raises(NotRecorded):
        cluster.list("pods", "shop")


def test_a_recording_of_one_broken_file_says_what_is_wrong_with_it(tmp_path: Path) -> None:
    (tmp_path / "pods.yaml").write_text("kind: PodList\nitems: [\n")
    with pytest.raises(BrokenRecording, match=r"pods\.yaml was not read: it is not valid YAML"):
        opened(tmp_path / "pods.yaml")


def test_a_bundle_with_a_hidden_value_that_is_no_yaml_opens_without_that_file(tmp_path: Path) -> None:
    files = {**dump("yaml"), "shop/services.yaml": b"kind: ServiceList\nitems:\n- metadata: {name: a}\n  spec:\n    ip: ***HIDDEN***\n"}
    cluster = opened(write_folder(tmp_path / "dump", files))
    assert cluster.list("pods", "shop")


OLD = {
    "SelfLink": "",
    "Items": [
        {
            "name": "n1",
            "uid": "u1",
            "creationTimestamp": "2018-03-01T10:00:00Z",
            "labels": {"Zone": "A"},
            "Spec": {"PodCIDR": "10.0.0.0/24", "Taints": None},
            "Status": {"NodeInfo": {"KubeletVersion": "v1.9.3"}, "Conditions": [{"Type": "Ready", "Status": "True"}]},
        }
    ],
}
OLD_PODS = {
    "Items": [
        {
            "name": "web-1",
            "namespace": "shop",
            "uid": "u2",
            "Spec": {"Containers": [{"Name": "app", "Image": "web:1", "Resources": {"Limits": {"CPU": "1"}}}], "NodeName": "n1"},
            "Status": {"Phase": "Running", "PodIP": "10.0.0.9", "HostIP": "192.0.2.1"},
        }
    ]
}


def test_a_dump_of_an_old_client_is_read_and_its_last_line_is_no_error(tmp_path: Path) -> None:
    text = json.dumps(OLD, indent=4) + "\n" + json.dumps(OLD_PODS, indent=4) + "\nCluster info dumped to standard output\n"
    (tmp_path / "dump.txt").write_text(text)
    cluster = opened(tmp_path / "dump.txt")
    [node] = cluster.list("nodes", None)
    assert (node["metadata"]["labels"], node["spec"]["podCIDR"]) == ({"Zone": "A"}, "10.0.0.0/24")
    assert node["status"]["conditions"][0] == {"type": "Ready", "status": "True"}
    [held] = cluster.list("pods", "shop")
    assert (held["status"]["podIP"], held["spec"]["containers"][0]["resources"]["limits"]) == ("10.0.0.9", {"CPU": "1"})
    assert not cluster.meta["errors"]


@pytest.mark.parametrize("packing", ["xz", "zst"])
def test_archives_packed_with_xz_and_zstd_open(tmp_path: Path, packing: str) -> None:
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as tar:
        for name, data in dump("json").items():
            member = tarfile.TarInfo(f"dump/{name}")
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    path = tmp_path / f"dump.tar.{packing}"
    packed = lzma.compress if packing == "xz" else pytest.importorskip("zstandard").compress
    path.write_bytes(packed(plain.getvalue()))
    assert opened(path).list("pods", "shop")


def test_yaml_values_are_read_as_kubernetes_reads_them(tmp_path: Path) -> None:
    document = "\n".join(
        [
            "kind: ConfigMap",
            "apiVersion: v1",
            "metadata: {name: c, namespace: shop, creationTimestamp: 2026-03-01T10:00:00Z}",
            "data: {yes: 'yes', bare: yes, date: 2026-03-01, number: 3, real: 1.5, octal: 010, none: null, off: false,",
            "  tagged: !!python/name:os.system x}",
        ]
    )
    (tmp_path / "c.yaml").write_text(document)
    found = opened(tmp_path / "c.yaml").list("configmaps")[0]
    assert found["metadata"]["creationTimestamp"] == "2027-07-01T12:00:00Z"
    assert found["data"] == {
        "yes": "yes",
        "bare": "yes",
        "date": "2026-03-01",
        "number": 3,
        "real": 1.5,
        "octal": "010",
        "none": None,
        "off": False,
        "tagged": "x",
    }


@pytest.mark.parametrize(
    ("name", "target", "says"),
    [
        ("app-logs/a.log", "/etc/passwd", "outside of the recording"),
        ("app-logs/a.log", "../../../../etc/passwd", "outside of the recording"),
        ("cluster-resources/pods/shop2.json", "shop.json", "is a link"),
    ],
)
def test_links_that_leave_a_bundle_or_stand_for_its_resources_are_refused(tmp_path: Path, name: str, target: str, says: str) -> None:
    link = tarfile.TarInfo("b/" + name)
    link.type, link.linkname = tarfile.SYMTYPE, target
    (tmp_path / "b.tgz").write_bytes(tar_of(BUNDLE, top="b/", extra=[link]))
    with pytest.raises(BrokenRecording, match=f"{name}.*{says}"):
        opened(tmp_path / "b.tgz")


def test_a_folder_without_kubernetes_objects_is_refused_with_a_way_on(tmp_path: Path) -> None:
    write_folder(tmp_path / "r", {"a.json": b"{}", "b.txt": b"x"})
    with pytest.raises(BrokenRecording, match=r"holds no Kubernetes objects.*snapshot record"):
        opened(tmp_path / "r")
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz"):
        pass
    (tmp_path / "empty.tgz").write_bytes(out.getvalue())
    with pytest.raises(BrokenRecording, match="holds no Kubernetes objects"):
        opened(tmp_path / "empty.tgz")


DEV = Path(__file__).parents[5] / "shared/data/clusters/dev.tar.gz"


@pytest.mark.skipif(not DEV.exists(), reason="the development recording is not here")
def test_the_dumps_of_the_development_cluster_hold_what_the_recording_holds(tmp_path: Path) -> None:
    with tarfile.open(DEV) as tar:
        tar.extractall(tmp_path, members=[m for m in tar.getmembers() if "/dump/" in m.name], filter="data")
    [top] = tmp_path.glob("**/dump")
    whole = open_recording(DEV, now=NOW)
    for form in ("json", "yaml"):
        part = open_recording(top / form, now=NOW)
        for resource in ("pods", "nodes", "services", "deployments.apps", "replicasets.apps", "daemonsets.apps"):
            held, wanted = (
                {
                    (item["metadata"].get("namespace", ""), item["metadata"]["name"])
                    for item in source.list(resource)
                    if not any(owner["kind"] == "Job" for owner in item["metadata"].get("ownerReferences", []))
                }
                for source in (part, whole)
            )
            assert held == wanted, "apart from what a CronJob began meanwhile"
        assert abs((part.recorded_at - whole.recorded_at).total_seconds()) < 180
        assert part.server_version() == "v1.36.2"
        assert part.lacks("persistentvolumeclaims")


@pytest.mark.kubectl
@pytest.mark.skipif(not kubectls(), reason="no kubectl is installed")
@pytest.mark.parametrize("form", ["json", "yaml"])
def test_what_kubectl_dumps_of_the_demo_opens(tmp_path: Path, form: str) -> None:
    """One form as a folder, the other as it is printed: kubectl asks five times a second only."""
    demo = open_recording(resource_path("demo"))
    dump = ("cluster-info", "dump", "--namespaces=shop", "-o", form)
    with ApiServer(demo) as server:
        kubectl = Kubectl(kubectls()[0], server.kubeconfig(tmp_path / "config"), tmp_path / "cache")
        if form == "json":
            (tmp_path / "dump").write_text(kubectl.out(*dump))
        else:
            kubectl.out(*dump, f"--output-directory={tmp_path / 'dump'}")
    found = open_recording(tmp_path / "dump")
    assert (found.layout, len(found.list("nodes"))) == ("a kubectl cluster-info dump", len(demo.list("nodes")))
    for resource in ("pods", "services", "deployments.apps", "events"):
        assert len(found.list(resource)) == len(demo.list(resource, "shop")) > 0, resource
    for item in demo.list("pods", "shop"):
        place = "shop", item["metadata"]["name"], item["spec"]["containers"][0]["name"]
        assert found.logs(*place) == [line.split(" ", 1)[-1] for line in demo.logs(*place)]

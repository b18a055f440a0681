"""A recording without discovery, OpenAPI or logs (as a cluster dump is) still serves kubectl."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes.kubectls import Kubectl, kubectls
from fakes.recordings import files_of, pod, write_folder

from engine.cluster.recordings.recorded_cluster import open_recording
from engine.simulator.apiserver import ApiServer
from engine.simulator.overlay import Overlay

pytestmark = pytest.mark.kubectl
WIDGET = {"metadata": {"name": "w", "namespace": "shop", "creationTimestamp": "2026-03-01T09:00:00Z"}, "spec": {"size": 3}}
COLUMNS = [{"name": "Size", "type": "integer", "jsonPath": ".spec.size"}]
DEFINITION = {
    "metadata": {"name": "widgets.acme.test"},
    "spec": {"group": "acme.test", "versions": [{"name": "v1", "additionalPrinterColumns": COLUMNS}]},
}
USAGE = {"containers": [{"name": "app", "usage": {"cpu": "250m", "memory": "64Mi"}}], "timestamp": "2026-03-01T10:00:00Z", "window": "15s"}
LISTS: dict[str, list[dict[str, Any]]] = {
    "core/v1/namespaces/Namespace!": [{"metadata": {"name": "shop"}, "status": {"phase": "Active"}}],
    "core/v1/pods/Pod": [pod("a")],
    "core/v1/configmaps/ConfigMap": [],
    "apps/v1/deployments/Deployment": [],
    "apiextensions.k8s.io/v1/customresourcedefinitions/CustomResourceDefinition!": [DEFINITION],
    "acme.test/v1/widgets/Widget": [WIDGET],
    "metrics.k8s.io/v1beta1/pods/PodMetrics": [{"metadata": {"name": "a", "namespace": "shop"}, **USAGE}],
}


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubectl]:
    folder = tmp_path_factory.mktemp("bare")
    overlay = Overlay(open_recording(write_folder(folder / "rec", files_of(LISTS))))
    if not kubectls():
        pytest.skip("no kubectl is installed")
    with ApiServer(overlay, writable=True) as server:
        yield Kubectl(kubectls()[0], server.kubeconfig(folder / "config", namespace="shop"), folder / "cache")


def test_kinds_are_known_by_their_names(bare: Kubectl) -> None:
    assert bare.out("get", "pods").splitlines()[1].split()[:3] == ["a", "0/1", "Running"]
    assert bare.out("get", "pod", "a", "-o", "name").strip() == "pod/a"
    assert "widgets" in bare.out("api-resources")
    assert bare.out("api-versions").split() == ["acme.test/v1", "apiextensions.k8s.io/v1", "apps/v1", "metrics.k8s.io/v1beta1", "v1"]
    assert "registry.test/app:1" in bare.out("describe", "pod", "a")


def test_custom_resources_print_their_own_columns(bare: Kubectl) -> None:
    assert [line.split() for line in bare.out("get", "widgets").splitlines()] == [["NAME", "SIZE"], ["w", "3"]]


def test_recorded_usage_is_shown(bare: Kubectl) -> None:
    assert bare.out("top", "pods").splitlines()[1].split() == ["a", "250m", "64Mi"]


def test_objects_are_applied_without_recorded_schemas(bare: Kubectl, tmp_path: Path) -> None:
    manifest = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {a: b}\n"
    assert "created" in bare.out("apply", "-f", "-", stdin=manifest)
    assert "configured" in bare.out("apply", "-f", "-", stdin=manifest.replace("a: b", "a: c"))
    assert bare.out("get", "configmap", "settings", "-o", "jsonpath={.data.a}") == "c"


def test_a_log_that_was_not_recorded_is_said_to_be_missing(bare: Kubectl) -> None:
    done = bare("logs", "a")
    assert done.returncode == 1
    assert "are not in the recording" in done.stderr


def test_a_kind_that_was_not_recorded_is_unknown(bare: Kubectl) -> None:
    assert 'doesn\'t have a resource type "services"' in bare("get", "services").stderr

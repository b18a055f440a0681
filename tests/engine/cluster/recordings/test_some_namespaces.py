"""A recording of some namespaces: what lies in the others is unknown, never empty, to analyzers, screens and kubectl."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fakes.recordings import files_of, pod, write_folder

from engine.agent.browsing.browser import ClusterBrowser
from engine.analyzers.check import check
from engine.analyzers.common.view import ClusterView
from engine.analyzers.diagnosis.rank import diagnose
from engine.cluster.recordings.recorded_cluster import RecordedCluster, open_recording
from engine.cluster.recordings.recorder import record
from engine.cluster.source import Coverage, NotRecorded, RawObjects
from engine.core.cancel import CancelToken
from engine.core.paths import resource_path
from engine.session.connection import Connection, Opening
from engine.simulator.apiserver.handler import Api
from engine.simulator.apiserver.http import Request
from engine.simulator.overlay import Overlay

NOW = datetime(2027, 7, 1, 12, 0, 0, tzinfo=UTC)


def needy(name: str, namespace: str) -> dict[str, Any]:
    """A pod that waits for a ConfigMap that is in no list."""
    made = pod(name, namespace)
    made["spec"]["volumes"] = [{"name": "v", "configMap": {"name": "settings"}}]
    made["status"] = {"phase": "Pending", "containerStatuses": [{"name": "app", "state": {"waiting": {"reason": "ContainerCreating"}}}]}
    return made


@pytest.fixture
def shop_only(tmp_path: Path) -> RecordedCluster:
    """A cluster of two namespaces, of which one was recorded."""
    lists: dict[str, list[dict[str, Any]]] = {
        "core/v1/namespaces/Namespace!": [{"metadata": {"name": "shop"}}, {"metadata": {"name": "blog"}}],
        "core/v1/pods/Pod": [needy("a", "shop"), needy("b", "blog")],
        "core/v1/configmaps/ConfigMap": [],
        "core/v1/nodes/Node!": [{"metadata": {"name": "node-a"}}],
    }
    whole = open_recording(write_folder(tmp_path / "whole", files_of(lists)), now=NOW)
    record(whole, tmp_path / "shop.tar", namespaces=["shop"])
    return open_recording(tmp_path / "shop.tar", now=NOW)


def missing(view: ClusterView) -> list[str]:
    return sorted(f.object.namespace for f in check(view).findings if f.code == "MissingConfigMap")


def test_a_look_at_the_whole_cluster_says_which_namespaces_it_is_of(shop_only: RecordedCluster) -> None:
    view = ClusterView.of(shop_only)
    result = diagnose(view, "what is wrong")
    [told] = [sentence for sentence in result.unknown if "of namespaces other than" in sentence]
    assert "pods" in told
    assert told.endswith("of namespaces other than shop, so nothing can be said about those")
    assert not result.healthy
    assert missing(view) == ["shop"], "in the namespace that was recorded, a missing ConfigMap is missing"
    assert not [sentence for sentence in diagnose(ClusterView.of(shop_only, "shop"), "what is wrong").unknown if "other than" in sentence]


def test_what_one_list_holds_and_another_does_not_is_not_called_missing(tmp_path: Path) -> None:
    files = files_of({"core/v1/pods/Pod": [needy("a", "shop"), needy("b", "blog")], "core/v1/configmaps/ConfigMap": []})
    files["index.json"] = files["index.json"].replace(b'"configmaps", ', b'"configmaps", "namespaces": ["shop"], ')
    assert b'"namespaces": ["shop"]' in files["index.json"]
    cluster = open_recording(write_folder(tmp_path / "rec", files), now=NOW)
    assert cluster.coverage().limited == {"configmaps": frozenset({"shop"})}
    view = ClusterView.of(cluster)
    assert (view.can_see("configmaps", "shop"), view.can_see("configmaps", "blog"), view.can_see("configmaps")) == (True, False, False)
    assert missing(view) == ["shop"]
    assert missing(ClusterView.of(cluster, "blog")) == []


def test_a_look_beyond_the_namespace_in_view_blinds_nothing_within_it(shop_only: RecordedCluster) -> None:
    view = ClusterView.of(shop_only, "shop")
    assert view.find("configmaps", "blog", "settings") is None
    assert (view.can_see("configmaps", "blog"), view.can_see("configmaps")) == (False, True)
    assert view.within("configmaps", None) == []
    other = ClusterView.of(shop_only, "blog")
    assert other.within("configmaps", None) == []
    assert not other.can_see("configmaps"), "also after a look at all that there is"
    assert missing(view) == ["shop"]


def test_all_namespaces_by_name_are_all(tmp_path: Path, shop_only: RecordedCluster) -> None:
    assert set(shop_only.coverage().limited) == {"pods", "configmaps"}
    lists = {"core/v1/namespaces/Namespace!": [{"metadata": {"name": "shop"}}], "core/v1/pods/Pod": [pod("a")]}
    record(open_recording(write_folder(tmp_path / "one", files_of(lists)), now=NOW), tmp_path / "one.tar", namespaces=["shop"])
    assert open_recording(tmp_path / "one.tar").coverage().limited == {}


def test_screens_say_that_a_namespace_was_not_recorded(shop_only: RecordedCluster) -> None:
    connection = Connection(shop_only, writable=False, recorded=False, serve=lambda path: lambda: None)
    browser = ClusterBrowser(lambda: connection, Opening(), "", lambda text: text)
    assert [(row.name, row.known) for row in browser.namespaces()] == [("shop", True), ("blog", False)]
    assert [row.name for row in browser.workloads("shop")] == ["a"]
    with pytest.raises(NotRecorded, match="pods of shop only"):
        browser.workloads("blog")
    with pytest.raises(NotRecorded, match="pods of shop only"):
        browser.findings("blog")


def test_kubectl_is_warned_that_a_list_is_not_whole(shop_only: RecordedCluster) -> None:
    api = Api(shop_only, writable=False, stopping=threading.Event(), watch_seconds=1)
    assert api.handle(Request("GET", "/api/v1/pods")).warnings == ("pods were recorded of shop only",)
    assert api.handle(Request("GET", "/api/v1/namespaces/shop/pods")).warnings == ()
    assert api.handle(Request("GET", "/api/v1/namespaces/blog/pods")).status == 404


def test_a_copy_in_memory_lacks_what_its_recording_lacks(tmp_path: Path) -> None:
    files = files_of({"core/v1/pods/Pod": [needy("a", "shop")]})
    copy = Overlay(open_recording(write_folder(tmp_path / "rec", files), now=NOW))
    assert missing(ClusterView.of(copy)) == []
    other = {"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": "other", "namespace": "shop"}}
    copy.put("configmaps", other)
    assert missing(ClusterView.of(copy)) == [], "one that was made here says nothing about those that were there"
    assert "those of this session" in copy.coverage().partial["configmaps"]


class Lacking:
    """The demo without one list, or with what it holds of one namespace alone."""

    def __init__(self, whole: RecordedCluster, lacks: str, held: str = "") -> None:
        self._whole, self._lacks, self._held = whole, lacks, held

    def __getattr__(self, name: str) -> Any:
        return getattr(self._whole, name)

    def coverage(self) -> Coverage:
        return Coverage(limited={self._lacks: frozenset({self._held})} if self._held else {})

    def list(self, resource: str, namespace: str | None = None, *, cancel: CancelToken | None = None) -> RawObjects:
        if resource == self._lacks and namespace not in ((None, self._held) if self._held else ()):
            raise NotRecorded(f"no {resource}")
        return self._whole.list(resource, self._held if resource == self._lacks else namespace, cancel=cancel)


@pytest.mark.parametrize("resource", ["configmaps", "secrets", "services", "persistentvolumes", "nodes"])
def test_a_list_that_is_not_there_makes_no_findings(demo: RecordedCluster, resource: str) -> None:
    known = {finding.id for finding in check(ClusterView.of(demo)).findings}
    spaced = next(row.namespaced for row in demo.lists if row.name == resource)
    for held in ("", "shop") if spaced else ("",):
        found = check(ClusterView.of(Lacking(demo, resource, held))).findings  # type: ignore[arg-type]
        assert not [finding.summary for finding in found if finding.id not in known and finding.severity != "info"]


def test_a_recording_does_not_get_worse_while_it_is_open(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = open_recording(resource_path("demo"))
    began = cluster.now()
    first = {finding.id for finding in check(ClusterView.of(cluster)).findings}
    monkeypatch.setattr(cluster, "now", lambda: began + timedelta(hours=5))
    assert {finding.id for finding in check(ClusterView.of(Overlay(cluster))).findings} == first

"""Health: what each check says of a cluster, a kubectl, a config and folders that are well or not, and how it says to mend them."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from fakes.kube_server import KubeServer, Reply, Seen, refusal

from engine.agent.agent import Agent
from engine.agent.self_check import Check
from engine.cluster.live.permissions import REVIEWS
from engine.core.config import ClusterSettings, KubectlSettings, ModelSection, Settings
from engine.session.connection import Opening

SETTINGS = dataclasses.replace(Settings(), model=ModelSection(provider="none"))


def kubectl_of(tmp_path: Path, version: str) -> Path:
    path = tmp_path / "kubectl"
    path.write_text(f'#!/bin/sh\necho \'{{"clientVersion": {{"gitVersion": "{version}"}}}}\'\n')
    path.chmod(0o755)
    return path


@contextmanager
def checked(settings: Settings, opening: Opening | None = None) -> Iterator[dict[str, Check]]:
    agent = Agent(settings, opening, save=False)
    agent.start()
    try:
        yield {check.name: check for check in agent.health()}
    finally:
        agent.close()


@contextmanager
def live(tmp_path: Path, allowed: Callable[[dict[str, Any]], bool], kubectl: str = "v1.35.1") -> Iterator[dict[str, Check]]:
    def review(seen: Seen) -> Reply:
        return Reply({**seen.body, "status": {"allowed": allowed(seen.body["spec"]["resourceAttributes"])}}, 201)

    with KubeServer() as server:
        server.routes[REVIEWS] = review
        config = server.kubeconfig(tmp_path / "config")
        settings = dataclasses.replace(
            SETTINGS,
            cluster=ClusterSettings(kubeconfig=str(config)),
            kubectl=KubectlSettings(path=str(kubectl_of(tmp_path, kubectl))),
        )
        with checked(settings) as checks:
            yield checks


def test_missing_rights_are_named_by_kind_and_secrets_are_no_fault(tmp_path: Path) -> None:
    with live(tmp_path, lambda wanted: wanted["resource"] not in ("nodes", "secrets", "*")) as checks:
        rights = checks["permissions"]
    assert not rights.ok
    assert "cannot list in all namespaces: nodes" in rights.detail
    assert "Secrets may not be listed, which is fine" in rights.detail
    assert "setup --print-role" in rights.fix
    assert not rights.needed
    assert "identity" not in checks


def test_a_cluster_admin_is_warned(tmp_path: Path) -> None:
    with live(tmp_path, lambda wanted: True) as checks:
        identity = checks["identity"]
    assert checks["permissions"].ok
    assert not identity.ok
    assert not identity.needed
    assert "cluster-admin" in identity.detail
    assert "--print-role" in identity.fix


@pytest.mark.parametrize(("kubectl", "ok"), [("v1.35.4", True), ("v1.37.0", True), ("v1.34.0", False), ("v1.38.0-rc.1", False)])
def test_kubectl_may_be_one_minor_version_away(tmp_path: Path, kubectl: str, ok: bool) -> None:
    with live(tmp_path, lambda wanted: wanted["resource"] != "*", kubectl) as checks:
        versions = checks["versions"]
    assert versions.ok is ok
    assert kubectl in versions.detail
    assert "v1.36.2" in versions.detail
    assert ok or "1.36" in versions.fix


def test_kubectl_is_told_with_its_owner_and_with_what_it_gets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "prod")
    monkeypatch.setenv("SOMETHING_ELSE", "x")
    settings = dataclasses.replace(SETTINGS, kubectl=KubectlSettings(path=str(kubectl_of(tmp_path, "v1.36.0"))))
    with checked(settings, Opening(demo=True)) as checks:
        found = checks["kubectl"]
    assert found.ok
    assert "owned by" in found.detail
    assert "not writable by others" in found.detail
    assert "AWS_PROFILE" in found.detail
    assert "SOMETHING_ELSE" not in found.detail
    assert "prod" not in found.detail, "names are told, never values"
    assert "versions" not in checks, "a recording takes any kubectl"


def test_a_kubectl_that_others_can_change_is_not_run(tmp_path: Path) -> None:
    path = kubectl_of(tmp_path, "v1.36.0")
    path.chmod(0o777)
    with checked(dataclasses.replace(SETTINGS, kubectl=KubectlSettings(path=str(path))), Opening(demo=True)) as checks:
        assert not checks["kubectl"].ok
        assert "can be changed by others" in checks["kubectl"].detail


def test_folders_that_cannot_be_written_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    file.touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(file))
    with checked(SETTINGS, Opening(demo=True)) as checks:
        folders = checks["folders"]
    assert not folders.ok
    assert str(file) in folders.detail
    assert "XDG_STATE_HOME" in folders.fix


def test_the_config_names_its_files_and_variables(tmp_path: Path) -> None:
    settings = dataclasses.replace(SETTINGS, origins={"ui.theme": f"{tmp_path}/k8sagent.toml:3", "model.name": "K8SAGENT_MODEL_NAME"})
    with checked(settings, Opening(demo=True)) as checks:
        assert checks["config"].detail == f"{tmp_path}/k8sagent.toml, K8SAGENT_MODEL_NAME"


def test_no_check_waits_on_a_pipe(tmp_path: Path) -> None:
    slow = tmp_path / "kubectl"
    slow.write_text("#!/bin/sh\ncat\n")
    slow.chmod(0o755)
    with checked(dataclasses.replace(SETTINGS, kubectl=KubectlSettings(path=str(slow))), Opening(demo=True)) as checks:
        assert not checks["kubectl"].ok


def test_what_a_server_says_of_itself_is_plain_and_redacted(monkeypatch: pytest.MonkeyPatch) -> None:
    said = "refused: password=hunter2hunter2\x1b]0;owned\x07"
    monkeypatch.setattr("engine.agent.self_check._model", lambda agent: Check("model", False, said, said, needed=False))
    with checked(SETTINGS, Opening(demo=True)) as checks:
        for text in (checks["model"].detail, checks["model"].fix):
            assert text.startswith("refused: password=")
            assert "hunter2" not in text
            assert text.isprintable()


def test_refused_credentials_are_reported_as_such_and_not_as_missing_rights(tmp_path: Path) -> None:
    with KubeServer() as server:
        config = server.kubeconfig(tmp_path / "config")
        settings = dataclasses.replace(SETTINGS, cluster=ClusterSettings(kubeconfig=str(config)))
        agent = Agent(settings, save=False)
        agent.start()
        agent.wait_for_cluster(20)
        for path in ("/version", REVIEWS):
            server.routes[path] = lambda _: refusal(401, "Unauthorized")
        checks = {check.name: check for check in agent.health()}
        agent.close()
        begun_so = Agent(settings, save=False)
        begun_so.start()
        status = begun_so.wait_for_cluster(20)
        first = {check.name: check for check in begun_so.health()}
        begun_so.close()
    for found in (checks, first):
        assert not found["cluster"].ok
        assert re.search(r"test: .* refused the token at \d\d:\d\d \(Unauthorized\); log in again", found["cluster"].detail)
        assert found["permissions"].detail.startswith("unknown, since")
        assert "--print-role" not in found["permissions"].fix
    assert status.context == "test"

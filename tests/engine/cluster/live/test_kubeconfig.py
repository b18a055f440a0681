"""Kubeconfigs are merged as kubectl merges them, and a broken one is told by file and field or line."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.cluster.live.kubeconfig import BrokenKubeconfig, contexts, load

ONE = """
current-context: dev
contexts:
- {name: dev, context: {cluster: local, user: me, namespace: shop}}
- {name: lost, context: {cluster: nowhere, user: me}}
- {name: nobody, context: {cluster: local, user: ghost}}
clusters:
- {name: local, cluster: {server: "https://127.0.0.1:6443", certificate-authority: pki/ca.crt}}
users:
- {name: me, user: {client-certificate: me.crt, client-key: /keys/me.key}}
"""
TWO = """
current-context: prod
contexts:
- {name: prod, context: {cluster: big, user: me}}
- {name: dev, context: {cluster: big, user: me}}
clusters:
- {name: big, cluster: {server: "https://big.example:443"}}
users:
- {name: me, user: {token: other}}
"""


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    first, second = tmp_path / "a" / "config", tmp_path / "b" / "config"
    for path, text in ((first, ONE), (second, TWO)):
        path.parent.mkdir()
        path.write_text(text)
    return first, second


def test_contexts_of_one_file(files: tuple[Path, Path]) -> None:
    dev, lost, nobody = contexts(files[0])
    assert (dev.name, dev.cluster, dev.user, dev.namespace, dev.server, dev.current) == (
        "dev",
        "local",
        "me",
        "shop",
        "https://127.0.0.1:6443",
        True,
    )
    assert (lost.server, lost.current, nobody.user) == ("", False, "ghost")


def test_of_several_files_the_first_to_name_a_thing_wins(files: tuple[Path, Path]) -> None:
    merged = load(environment={"KUBECONFIG": f"{files[0]}:/does/not/exist::{files[1]}"})
    assert merged.current == "dev"
    assert [(c.name, c.cluster) for c in merged.contexts()] == [("dev", "local"), ("lost", "nowhere"), ("nobody", "local"), ("prod", "big")]
    assert "token" not in merged.sections["users"]["me"]
    assert merged.origins[("contexts", "prod")] == files[1]


def test_paths_count_from_their_own_file(files: tuple[Path, Path]) -> None:
    cluster, user, _ = load(environment={"KUBECONFIG": f"{files[1]}:{files[0]}"}).one("dev")
    assert cluster["server"] == "https://big.example:443"
    cluster, user, _ = load(files[0]).one("dev")
    assert cluster["certificate-authority"] == str(files[0].parent / "pki/ca.crt")
    assert (user["client-certificate"], user["client-key"]) == (str(files[0].parent / "me.crt"), "/keys/me.key")


def test_without_kubeconfig_in_the_environment_the_home_folder_is_looked_at(tmp_path: Path) -> None:
    with pytest.raises(BrokenKubeconfig, match=r"no kubeconfig \(~/\.kube/config does not exist\).*--demo"):
        load(environment={"HOME": str(tmp_path)})
    (tmp_path / ".kube").mkdir()
    (tmp_path / ".kube" / "config").write_text(ONE)
    assert load(environment={"HOME": str(tmp_path)}).current == "dev"


def test_a_named_file_must_exist(tmp_path: Path) -> None:
    with pytest.raises(BrokenKubeconfig, match="config does not exist"):
        load(tmp_path / "config")


def test_inside_a_pod_the_service_account_is_the_context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in (("token", "abc"), ("namespace", "ops\n"), ("ca.crt", "x")):
        (tmp_path / name).write_text(text)
    monkeypatch.setattr("engine.cluster.live.kubeconfig._SERVICE_ACCOUNT", tmp_path)
    inside = load(environment={"HOME": str(tmp_path), "KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "6443"})
    [context] = inside.contexts()
    assert (context.name, context.namespace, context.server, context.current) == ("in-cluster", "ops", "https://[fd00::1]:6443", True)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("zz", "there is no context 'zz'; there are dev, lost, nobody"),
        ("lost", r"contexts\[lost\]\.context\.cluster names 'nowhere', which no file defines"),
        ("nobody", r"contexts\[nobody\]\.context\.user names 'ghost', which no file defines"),
    ],
)
def test_a_context_that_cannot_be_used_says_which_field_is_wrong(files: tuple[Path, Path], name: str, says: str) -> None:
    with pytest.raises(BrokenKubeconfig, match=says) as caught:
        load(files[0]).context(name)
    assert str(files[0]) in str(caught.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("contexts:\n  - {name: a\nusers: []", r"config, line \d is not valid YAML"),
        ("- just\n- a list", "is not a mapping"),
        ("contexts: {a: b}", "contexts must be a list, not dict"),
        ("contexts: [3]", r"contexts\[0\] must be a mapping"),
        ("clusters: [{cluster: {server: x}}]", r"clusters\[0\]\.name is missing"),
        ("users: [{name: u, user: text}]", r"users\[0\]\.user must be a mapping, not str"),
        ("current-context: a", "current-context 'a' is not among the contexts; there are none"),
        ("", "no current-context is set"),
        (
            "{current-context: a, contexts: [{name: a, context: {cluster: c}}], clusters: [{name: c}]}",
            r"clusters\[c\]\.cluster\.server is missing",
        ),
        ("contexts: !!python/object/apply:os.system ['true']", "is not valid YAML"),
    ],
)
def test_broken_files_are_told_by_field_or_line(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "config"
    path.write_text(text)
    with pytest.raises(BrokenKubeconfig, match=says) as caught:
        load(path).context()
    assert str(path) in str(caught.value)


def test_a_file_that_is_not_text_is_named(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(BrokenKubeconfig, match="config"):
        load(path)

"""Cloud credentials still work: an exec plugin of the kubeconfig gets what it needs of the environment, and nothing else passes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes.kube_server import KubeServer, Reply, core_discovery, page, refusal

from engine.cluster.live.cluster import LiveCluster
from engine.commands.execution.programs import CREDENTIAL_NAMES, CREDENTIAL_PREFIXES
from engine.commands.execution.runner import Runner, RunnerSettings
from engine.commands.parsing.lexer import parse

CERTIFICATE = Path(__file__).parents[3] / "data" / "localhost.pem"
PLUGIN = """#!/bin/sh
env > "{seen}"
[ "$AWS_PROFILE" = shop-readonly ] || {{ echo "the profile is missing" >&2; exit 1; }}
[ "$HTTPS_PROXY" = http://proxy.test:3128 ] || {{ echo "the proxy is missing" >&2; exit 1; }}
printf '{{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","status":{{"token":"from-the-plugin"}}}}'
"""
ALLOWED = {
    "AWS_PROFILE",
    "AWS_REGION",
    "HTTPS_PROXY",
    "NO_PROXY",
    "KUBECONFIG",
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TERM",
    "NO_COLOR",
    "USER",
}
ALLOWED |= {"PAGER", "SYSTEMD_PAGER", "SYSTEMD_COLORS", "KUBECTL_KUBERC", "KUBERC", "LOGNAME", "TZ", "XDG_RUNTIME_DIR", "KUBECACHEDIR"}
ALLOWED |= {"KUBERNETES_EXEC_INFO", "FROM_KUBECONFIG", "PWD", "OLDPWD", "SHLVL", "_"}
"""What we set, what a plugin needs, what kubectl and the plugin's shell add."""


@pytest.fixture
def server() -> Iterator[KubeServer]:
    """With TLS, since kubectl asks no plugin for a server without it."""
    discovery = {"Content-Type": "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"}
    with KubeServer(certificate=CERTIFICATE) as made:
        body = {"apiVersion": "apidiscovery.k8s.io/v2", **core_discovery()}
        made.routes["/api"] = lambda _: Reply(body, headers=discovery)
        made.routes["/apis"] = lambda _: Reply({**body, "items": []}, headers=discovery)
        made.routes["/api/v1/namespaces/shop/pods"] = lambda seen: (
            page("web-0") if seen.headers.get("authorization") == "Bearer from-the-plugin" else refusal(401, "Unauthorized")
        )
        yield made


def kubeconfig_with_plugin(server: KubeServer, folder: Path) -> tuple[Path, Path]:
    """A kubeconfig whose user is the plugin, and the file that the plugin writes its environment to."""
    seen, plugin = folder / "seen.txt", folder / "cloud-login"
    plugin.write_text(PLUGIN.format(seen=seen))
    plugin.chmod(0o755)
    user = {
        "exec": {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": str(plugin),
            "env": [{"name": "FROM_KUBECONFIG", "value": "yes"}],
            "interactiveMode": "Never",
        }
    }
    return server.kubeconfig(folder / "kubeconfig", user, **{"insecure-skip-tls-verify": True}), seen


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in tuple(os.environ):
        if name in CREDENTIAL_NAMES or name.startswith(CREDENTIAL_PREFIXES):
            monkeypatch.delenv(name)
    for name, value in {
        "AWS_PROFILE": "shop-readonly",
        "AWS_REGION": "eu-central-1",
        "HTTPS_PROXY": "http://proxy.test:3128",
        "NO_PROXY": "127.0.0.1,localhost",
        "OPENAI_API_KEY": "the-model-s-key",
        "OLLAMA_API_KEY": "another-key",
        "DB_PASSWORD": "hunter22",
        "LD_PRELOAD_OF_MINE": "x",
        "KUBECTL_EXTERNAL_DIFF": "sh -c id",
        "EDITOR": "vi",
    }.items():
        monkeypatch.setenv(name, value)


@pytest.mark.kubectl
def test_a_plugin_gets_profile_and_proxy_and_nothing_else_passes(server: KubeServer, tmp_path: Path, cloud: None) -> None:
    config, seen = kubeconfig_with_plugin(server, tmp_path)
    result = Runner(RunnerSettings(kubeconfig=config)).run(parse("kubectl get pods -n shop -o name"))
    assert result.ok, result.stderr
    assert result.stdout == "pod/web-0"
    names = {line.partition("=")[0] for line in seen.read_text().splitlines() if "=" in line and line[0] not in " {}"}
    assert {"AWS_PROFILE", "AWS_REGION", "HTTPS_PROXY", "FROM_KUBECONFIG"} <= names
    assert names <= ALLOWED, names - ALLOWED
    assert "the-model-s-key" not in seen.read_text()


@pytest.mark.kubectl
def test_a_variable_of_the_settings_passes_too(server: KubeServer, tmp_path: Path, cloud: None) -> None:
    config, seen = kubeconfig_with_plugin(server, tmp_path)
    Runner(RunnerSettings(kubeconfig=config, extra_env_names=("DB_PASSWORD",))).run(parse("kubectl get pods -n shop -o name"))
    assert "DB_PASSWORD=hunter22" in seen.read_text()


@pytest.mark.kubectl
def test_a_plugin_that_fails_is_told_in_its_own_words(
    server: KubeServer, tmp_path: Path, cloud: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_PROFILE")
    config, _ = kubeconfig_with_plugin(server, tmp_path)
    result = Runner(RunnerSettings(kubeconfig=config)).run(parse("kubectl get pods -n shop"))
    assert result.exit_code != 0
    assert "the profile is missing" in result.stderr
    assert not server.asked("/api/v1/namespaces/shop/pods")


@pytest.mark.kubectl
def test_no_program_but_those_of_the_cluster_gets_credentials(server: KubeServer, cloud: None) -> None:
    runner = Runner(RunnerSettings())
    assert "AWS_PROFILE" in runner.environment("kubectl")
    assert "AWS_PROFILE" in runner.environment("helm")
    for program in ("jq", "gawk", "journalctl", "curl"):
        assert not {"AWS_PROFILE", "HTTPS_PROXY", "KUBECONFIG", "OPENAI_API_KEY"} & runner.environment(program).keys()


def test_our_own_reads_go_through_the_plugin_as_well(server: KubeServer, tmp_path: Path, cloud: None) -> None:
    config, seen = kubeconfig_with_plugin(server, tmp_path)
    source = LiveCluster.open(context="", kubeconfig=config, timeout=10)
    names = [str(raw["metadata"]["name"]) for raw in source.list("pods", "shop")]
    source.close()
    assert names == ["web-0"]
    assert "AWS_PROFILE=shop-readonly" in seen.read_text()

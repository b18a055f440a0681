"""kubectl gets a private copy of the kubeconfig as it was when the cluster was opened, so that a repointed context changes nothing."""

from __future__ import annotations

import json
import stat
from pathlib import Path

from engine.cluster.live.kubeconfig import identity, load
from engine.session.connection import Opening, connect

KUBECONFIG = """
apiVersion: v1
kind: Config
current-context: dev
contexts:
- {{name: dev, context: {{cluster: one, user: me, namespace: shop}}}}
- {{name: prod, context: {{cluster: two, user: me}}}}
clusters:
- {{name: one, cluster: {{server: "{server}", certificate-authority: ca.crt}}}}
- {{name: two, cluster: {{server: "https://two.test:6443"}}}}
users:
- {{name: me, user: {{exec: {{apiVersion: client.authentication.k8s.io/v1, command: ./login, interactiveMode: Never}}}}}}
"""


def test_a_context_that_is_repointed_later_does_not_reach_what_commands_run_with(tmp_path: Path) -> None:
    original = tmp_path / "config"
    original.write_text(KUBECONFIG.format(server="https://one.test:6443"))
    connection = connect(Opening(), context="dev", kubeconfig=str(original))
    try:
        copy = connection.kubeconfig()
        before = identity(copy)
        original.write_text(KUBECONFIG.format(server="https://evil.test:6443"))
        assert connection.kubeconfig() == copy
        assert copy != original
        assert stat.S_IMODE(copy.stat().st_mode) == 0o600
        found = load(copy)
        assert found.context("dev").server == "https://one.test:6443"
        assert found.current == "dev"
        assert {context.name for context in found.contexts()} == {"dev", "prod"}
        # Paths count from the folder of the file that said them, also in the copy.
        assert found.sections["clusters"]["one"]["certificate-authority"] == str(tmp_path / "ca.crt")
        assert found.sections["users"]["me"]["exec"]["command"] == str(tmp_path / "login")
        assert identity(copy) == before
    finally:
        connection.close()
    assert not copy.exists()


def test_the_identity_of_a_kubeconfig_changes_with_its_server_and_not_with_a_renewed_credential(tmp_path: Path) -> None:
    def written(server: str, token: str) -> str:
        user = {"auth-provider": {"name": "oidc", "config": {"client-id": "x", "id-token": token}}}
        path = tmp_path / "config"
        path.write_text(
            json.dumps(
                {
                    "current-context": "dev",
                    "contexts": [{"name": "dev", "context": {"cluster": "one", "user": "me"}}],
                    "clusters": [{"name": "one", "cluster": {"server": server}}],
                    "users": [{"name": "me", "user": user}],
                }
            )
        )
        return identity(path)

    first = written("https://one.test", "a")
    assert written("https://one.test", "b") == first
    assert written("https://two.test", "a") != first

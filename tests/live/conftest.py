"""The real control plane of `make test-live`; without `-m live` nothing here is collected."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from live.control_plane import CannotStart, ControlPlane

_CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "k8sagent-test-live"  # before tests get a home of their own


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Only when asked for."""
    return None if "live" in str(config.getoption("markexpr", "")) else True


@pytest.fixture(scope="session")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """etcd, API server and controller manager, with the roles and namespaces that the tests are about."""
    programs = _CACHE / os.environ.get("K8SAGENT_TEST_KUBERNETES", "1.36.3") / "bin"
    made = ControlPlane(tmp_path_factory.mktemp("plane"), programs)
    try:
        made.start()
        made.create(*NAMESPACES, *ROLES)
        yield made
    except CannotStart as error:
        pytest.fail(str(error))
    finally:
        made.stop()


NAMESPACES = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in ("shop", "payments")]
_RBAC = "rbac.authorization.k8s.io"


def _binding(name: str, role: str, group: str, namespace: str = "") -> dict[str, object]:
    return {
        "apiVersion": f"{_RBAC}/v1",
        "kind": "RoleBinding" if namespace else "ClusterRoleBinding",
        "metadata": {"name": name, **({"namespace": namespace} if namespace else {})},
        "roleRef": {"apiGroup": _RBAC, "kind": "ClusterRole", "name": role},
        "subjects": [{"apiGroup": _RBAC, "kind": "Group", "name": group}],
    }


ROLES = [_binding("viewers", "view", "viewers"), _binding("editors", "edit", "editors", "shop")]
"""`view` knows no nodes and no Secrets; `edit` in one namespace; nobody has nothing."""

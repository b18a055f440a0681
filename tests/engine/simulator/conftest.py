"""Servers over the bundled recording, and the real kubectl to ask them with."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes.kubectls import Kubectl, kubectls

from engine.cluster.recordings.recorded_cluster import RecordedCluster
from engine.simulator.apiserver import ApiServer
from engine.simulator.overlay import Overlay


@pytest.fixture(scope="module")
def read_only(demo: RecordedCluster) -> Iterator[ApiServer]:
    with ApiServer(demo) as server:
        yield server


@pytest.fixture(scope="module")
def overlay(demo: RecordedCluster) -> Overlay:
    return Overlay(demo)


@pytest.fixture(scope="module")
def writable(overlay: Overlay) -> Iterator[ApiServer]:
    with ApiServer(overlay, writable=True) as server:
        yield server


def _bound(server: ApiServer, folder: Path, program: Path | None = None) -> Kubectl:
    programs = [program] if program else kubectls()
    if not programs:
        pytest.skip("no kubectl is installed")
    return Kubectl(programs[0], server.kubeconfig(folder / "config"), folder / "cache")


@pytest.fixture(scope="module", params=kubectls() or [None], ids=lambda path: str(path.parent.name) if path else "none")
def reading(request: pytest.FixtureRequest, read_only: ApiServer, tmp_path_factory: pytest.TempPathFactory) -> Kubectl:
    """Each installed kubectl, on the read-only server."""
    return _bound(read_only, tmp_path_factory.mktemp("kubectl"), request.param)


@pytest.fixture(scope="module")
def writing(writable: ApiServer, tmp_path_factory: pytest.TempPathFactory) -> Kubectl:
    """The newest kubectl, on the writable server."""
    return _bound(writable, tmp_path_factory.mktemp("kubectl"))


@pytest.fixture
def fresh(overlay: Overlay) -> Iterator[Overlay]:
    """The writable server's overlay, without changes before and after the test."""
    overlay.reset()
    yield overlay
    overlay.reset()


@pytest.fixture(scope="session")
def dev_folder(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The development recording, unpacked; it holds what a real server and kubectl printed."""
    archive = root.parent / "shared" / "data" / "clusters" / "dev.tar.gz"
    if not archive.exists():
        pytest.skip("the development recording is not here")
    folder = tmp_path_factory.mktemp("dev")
    shutil.unpack_archive(archive, folder, filter="data")
    found = next(folder.rglob("meta.json")).parent
    assert (found / "tables").is_dir()
    return found

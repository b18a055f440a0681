"""Tables and descriptions of the development recording equal what the real server and kubectl printed, but for a stated list."""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fakes.kubectls import Kubectl, kubectls

from engine.cluster.recordings.recorded_cluster import open_recording
from engine.cluster.tables import print_table
from engine.simulator.apiserver import ApiServer

FIRST = datetime(2026, 11, 23, 7, 8, 8, tzinfo=UTC)
PRINTED = {
    "cronjobs daemonsets deployments jobs pods replicasets services statefulsets": 15,
    "configmaps endpoints endpointslices horizontalpodautoscalers ingresses networkpolicies": 16,
    "persistentvolumeclaims resourcequotas secrets serviceaccounts": 16,
    "leases namespaces persistentvolumes poddisruptionbudgets priorityclasses rolebindings roles": 17,
    "apiservices clusterrolebindings clusterroles ingressclasses": 18,
    "pods-show-labels": 19,
}
"""How many seconds after the lists were taken each table was printed: the one moment at which every age in it is right."""
TABLES = [(name, seconds) for names, seconds in PRINTED.items() for name in names.split()]


def reference(folder: Path, name: str) -> list[str]:
    return (folder / name).read_text().split("\n# stderr")[0].rstrip("\n").split("\n")


def printed(folder: Path, name: str, moment: datetime, *, wide: bool = True) -> list[str]:
    plural = "pods" if name == "pods-show-labels" else name
    row = next(row for row in json.loads((folder / "index.json").read_text()) if row["resource"] == plural)
    items = json.loads((folder / row["file"]).read_text())["items"]
    resource = f"{plural}.{row['group']}" if row["group"] else plural
    labels = name == "pods-show-labels"
    lines = print_table(resource, items, wide=wide and not labels, all_namespaces=row["namespaced"], now=moment, show_labels=labels)
    return [line.rstrip() for line in lines]


@pytest.mark.parametrize(("name", "seconds"), TABLES, ids=[name for name, _ in TABLES])
def test_every_table_is_equal_to_the_character(dev_folder: Path, name: str, seconds: int) -> None:
    wanted = [line.rstrip() for line in reference(dev_folder, f"tables/{name}.txt")]
    assert printed(dev_folder, name, FIRST + timedelta(seconds=seconds)) == wanted


def test_nodes_are_equal_but_for_the_width_of_a_renamed_kernel(dev_folder: Path) -> None:
    wanted = [line.split() for line in reference(dev_folder, "tables/nodes.txt")]
    assert [line.split() for line in printed(dev_folder, "nodes", FIRST + timedelta(seconds=17))] == wanted


def test_events_are_equal_but_for_those_that_came_again_meanwhile(dev_folder: Path) -> None:
    """Four back-offs were counted once more; the rows took a tenth of a second, in which one age with microseconds ticked."""
    wanted = reference(dev_folder, "tables/events.txt")
    got = printed(dev_folder, "events", FIRST + timedelta(seconds=17.175))
    assert len(got) == len(wanted)
    others = [line.split()[3] for line, there in zip(got, wanted, strict=True) if line != there.rstrip()]
    assert sorted(others) == ["BackOff"] * 4 + ["Scheduled"]


DESCRIBED = [
    "apiservices",
    "cronjobs",
    "daemonsets",
    "deployments",
    "horizontalpodautoscalers",
    "ingresses",
    "jobs",
    "namespaces",
    "networkpolicies",
    "nodes",
    "persistentvolumeclaims",
    "persistentvolumes",
    "poddisruptionbudgets",
    "pods",
    "priorityclasses",
    "replicasets",
    "resourcequotas",
    "services",
    "statefulsets",
]
EMPTY = [
    "certificatesigningrequests",
    "customresourcedefinitions",
    "limitranges",
    "mutatingwebhookconfigurations",
    "storageclasses",
    "validatingadmissionpolicies",
    "validatingwebhookconfigurations",
    "volumeattachments",
]
"""Kinds that the cluster has no objects of."""
UNLIKE = {
    "cluster-info": "names the server's address, which is another",
    "events-sorted": "events of one second stand in another order each time",
    "kubectl-events": "events of one second stand in another order each time",
    "nodes": "is wider, by a kernel's name that was made anonymous afterwards",
    "events": "was printed when some had come again",
}
"""Tables that are compared otherwise than line by line, and why."""
AGE = re.compile(r"\b(\d+[smhd])+( \(x\d+ over (\d+[smhd])+\))?")


@pytest.mark.kubectl
def test_descriptions_are_equal_but_for_event_ages(dev_folder: Path, tmp_path: Path) -> None:
    """Ages of events count from kubectl's own clock; leases were renewed between the list and the description."""
    program = next((path for path in kubectls() if path.parent == Path("/usr/bin")), None)
    if program is None:
        pytest.skip("the kubectl that made the descriptions is not installed")
    first = open_recording(dev_folder)
    unshifted = open_recording(dev_folder, now=first.recorded_at)
    with ApiServer(unshifted) as server:
        kubectl = Kubectl(program, server.kubeconfig(tmp_path / "config"), tmp_path / "cache")
        for kind in DESCRIBED:
            got = kubectl.out("describe", kind, "-A").rstrip().split("\n")
            wanted = reference(dev_folder, f"describe/{kind}.txt")
            assert len(got) == len(wanted), kind
            different = [line for line, there in zip(got, wanted, strict=True) if plain(line) != plain(there)]
            assert all("RenewTime" in line for line in different), (kind, different[:3])
        assert [plain(line) for line in kubectl.out("get", "all", "-A", "-o", "wide").rstrip().split("\n")] == [
            plain(line) for line in reference(dev_folder, "tables/all.txt")
        ]
        for name, args in (("api-resources", ["api-resources", "-o", "wide"]), ("api-versions", ["api-versions"])):
            assert kubectl.out(*args).rstrip() == "\n".join(reference(dev_folder, f"tables/{name}.txt")).rstrip()


@pytest.mark.kubectl
def test_the_other_tables_are_equal_but_for_what_is_stated(dev_folder: Path, tmp_path: Path) -> None:
    program = next((path for path in kubectls() if path.parent == Path("/usr/bin")), None)
    if program is None:
        pytest.skip("the kubectl that made the tables is not installed")
    first = open_recording(dev_folder)
    with ApiServer(open_recording(dev_folder, now=first.recorded_at)) as server:
        kubectl = Kubectl(program, server.kubeconfig(tmp_path / "config"), tmp_path / "cache")
        for name, args in (
            ("events-sorted", ["get", "events", "-A", "--sort-by=.lastTimestamp"]),
            ("kubectl-events", ["events", "-A"]),
        ):
            got = Counter(plain(line) for line in kubectl.out(*args).rstrip().split("\n"))
            wanted = Counter(plain(line) for line in reference(dev_folder, f"tables/{name}.txt"))
            assert all(" BackOff " in line for line in (got - wanted) + (wanted - got)), name
        for kind in EMPTY:
            done = kubectl("get", kind, "-A", "-o", "wide")
            assert (done.stdout, done.stderr.strip()) == ("", (dev_folder / f"tables/{kind}.txt").read_text().split("\n")[-2].strip())
        assert kubectl("top", "pods", "-A").stderr.strip() == (dev_folder / "tables/top-pods.txt").read_text().split("\n")[-2].strip()
        served = [line.replace(server.url, "https://10.10.0.1:6443") for line in kubectl.out("cluster-info").rstrip().split("\n")]
        assert served == reference(dev_folder, "tables/cluster-info.txt")


def test_no_reference_is_left_out(dev_folder: Path) -> None:
    tables = {path.stem for path in (dev_folder / "tables").iterdir()}
    assert tables == {name for name, _ in TABLES} | set(UNLIKE) | set(EMPTY) | {"all", "api-resources", "api-versions", "top-pods"}
    described = {path.stem for path in (dev_folder / "describe").iterdir()}
    assert described - set(DESCRIBED) <= set(EMPTY)


def plain(line: str) -> str:
    return re.sub(r" +", " ", AGE.sub("AGE", line)).strip()

"""Whatever a foreign recording holds, it opens or is refused as broken; nothing else is ever raised."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.cluster.formats.yaml_text import WrongYaml, documents
from engine.cluster.recordings.coverage import inventory
from engine.cluster.recordings.recorded_cluster import BrokenRecording, open_recording
from engine.cluster.source import ClusterError

ODD = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 2**70) | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["kind", "apiVersion", "items", "metadata", "name", "namespace", "spec"]), inner, max_size=4)
    ),
    max_leaves=8,
)
NAMES = [
    "nodes.json",
    "shop/replication-controllers.json",
    "shop/pods.yaml",
    "x.json",
    "cluster-resources/pods/shop.json",
    "cluster-resources/pods-errors.json",
    "cluster-resources/custom-resources/mice.acme.io/shop.json",
    "cluster-scoped-resources/core/nodes.yaml",
    "namespaces/shop/core/pods.yaml",
    "namespaces/shop/acme.io/mice.yaml",
]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
@given(st.dictionaries(st.sampled_from(NAMES), ODD, min_size=1, max_size=4))
def test_odd_documents_open_or_are_refused(files: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name, value in files.items():
            path = Path(folder) / "r" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(value))
        try:
            cluster = open_recording(Path(folder) / "r")
            inventory(Path(folder) / "r")
            for row in cluster.lists:
                try:
                    cluster.list(row.name, "shop")
                except ClusterError:
                    continue
        except BrokenRecording as error:
            assert str(error)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.binary(max_size=60) | st.text("a:-[]{}&*!|>'\"#%@` \n\t?,0", max_size=60).map(str.encode))
def test_odd_yaml_is_read_or_refused(data: bytes) -> None:
    try:
        list(documents(data))
    except WrongYaml as error:
        assert str(error)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(ODD)
def test_what_yaml_writes_is_read_back(value: Any) -> None:
    class Plain(yaml.SafeDumper):
        def ignore_aliases(self, data: object) -> bool:
            return True

    assert list(documents(yaml.dump(value, Dumper=Plain).encode())) in ([value], [] if value is None else [value])

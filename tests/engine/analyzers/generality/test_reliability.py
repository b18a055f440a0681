"""The confidence can be believed: of the causes given at 0.9 or more at least 95% are right, from 0.7 on at least 75%.

Rows of several sources: generated faults, the same with logs, events, other namespaces or cluster-wide objects out of sight, the labelled
recording, and recordings rebuilt from public reports (where they are at hand). All of them were seen while the caps were set, so the table
guards against a step back; what it is worth on unseen clusters is measured by recordings that are kept from the project.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes.generated import BLINDNESS, blinded, cases
from fakes.manifests import NS

from engine.analyzers.common.view import ClusterView
from engine.analyzers.diagnosis.rank import Root, diagnose
from engine.cluster.recordings.recorded_cluster import open_recording

SHARED = Path(__file__).parents[5] / "shared" / "data"
BANDS = ((0.9, 1.01, 0.95), (0.7, 0.9, 0.75))
"""From, below, and the least share of right answers."""


def told(root: Root) -> str:
    parts = [root.finding.summary, str(root.finding.object), *root.chain, *(e.excerpt[:300] for e in root.evidence[:4])]
    return " ".join(parts)


def graded(root: Root | None, must: list[str] | tuple[str, ...]) -> Iterator[tuple[float, bool]]:
    if root is not None:
        yield root.finding.confidence, all(re.search(pattern, told(root), re.IGNORECASE) for pattern in must)


def generated() -> Iterator[tuple[float, bool]]:
    for how in ("", *BLINDNESS):
        for case in cases(names=1):
            view = case.lab.view(None if case.everywhere and not how else NS)
            found = diagnose(blinded(view, how), case.query)
            yield from graded(next(iter(found.root_causes), None), case.must)


def recorded() -> Iterator[tuple[float, bool]]:
    folder = SHARED / "reports"
    rows = [json.loads(line) for line in (folder / "labels.jsonl").open(encoding="utf-8")] if folder.is_dir() else []
    for row in rows:
        view = ClusterView.of(open_recording(folder / f"{row['id']}.tar.gz"), row.get("namespace") or None)
        yield from graded(next(iter(diagnose(view, row["query"]).root_causes), None), row["expect"])
    labels = SHARED / "clusters" / "dev.labels.jsonl"
    if labels.is_file():
        source = open_recording(SHARED / "clusters" / "dev.tar.gz")
        for row in (json.loads(line) for line in labels.open(encoding="utf-8")):
            view = ClusterView.of(source, row.get("namespace") or None)
            yield from graded(next(iter(diagnose(view, row["query"]).root_causes), None), row["must_mention"])


@pytest.mark.parametrize("source", [generated, recorded])
def test_the_more_a_cause_is_sure_the_more_often_it_is_right(source: object) -> None:
    rows = list(source())  # type: ignore[operator]
    for low, high, least in BANDS:
        band = [good for sure, good in rows if low <= sure < high]
        assert not band or sum(band) >= least * len(band), f"{sum(band)} of {len(band)} right from {low} on"


def test_what_was_taken_away_lowers_the_confidence() -> None:
    """A wrong cause of somebody who sees only a part is given as unsure in four of five cases."""
    wrong = [
        root.finding.confidence
        for how in BLINDNESS
        for case in cases(names=1)
        for root in diagnose(blinded(case.lab.view(NS), how), case.query).root_causes[:1]
        if not all(re.search(pattern, told(root), re.IGNORECASE) for pattern in case.must)
    ]
    assert len(wrong) > 50
    assert sum(sure < 0.7 for sure in wrong) >= 0.8 * len(wrong)

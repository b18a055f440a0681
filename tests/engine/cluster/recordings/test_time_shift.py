"""Moving times keeps every other byte, keeps fractions, and moves all times by the same span."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.cluster.objects import parse_time
from engine.cluster.recordings.time_shift import TimeShift

RECORDED = datetime(2026, 3, 1, 10, 0, 0, tzinfo=UTC)
TIMES = st.datetimes(datetime(1972, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))
VALUES = st.dictionaries(st.text(max_size=5), st.none() | st.integers() | st.text(max_size=30), max_size=4)


@settings(max_examples=60, deadline=None)
@given(TIMES, st.timedeltas(timedelta(days=-500), timedelta(days=5000)), st.sampled_from(["", ".1", ".123456", ".123456789"]))
def test_a_time_moves_by_whole_seconds_and_keeps_its_fraction(moment: datetime, span: timedelta, fraction: str) -> None:
    shift = TimeShift(RECORDED, RECORDED + span)
    text = moment.strftime("%Y-%m-%dT%H:%M:%S") + fraction + "Z"
    [moved] = json.loads(shift.json(json.dumps([text]).encode()))
    assert moved.endswith(fraction + "Z")
    before, after = parse_time(moment.strftime("%Y-%m-%dT%H:%M:%SZ")), parse_time(moved[:19] + "Z")
    assert before is not None
    assert after is None or after - before == shift.delta
    assert abs(shift.delta - span) <= timedelta(seconds=0.5)
    assert shift.line(text + " it happened") == moved + " it happened"


@settings(max_examples=60, deadline=None)
@given(VALUES)
def test_what_is_not_a_time_stays_as_it_was(value: object) -> None:
    data = json.dumps(value).encode()
    assert TimeShift(RECORDED, RECORDED + timedelta(days=7)).json(data) == data


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-01",
        "2026-03-01T10:00:00",
        "at 2026-03-01T10:00:00Z",
        "2026-03-01T10:00:00Z.",
        "2026-02-31T10:00:00Z",
        "1970-01-01T00:00:00Z",
        "0001-01-01T00:00:00Z",
    ],
)
def test_near_misses_impossible_days_and_the_zero_time_stay(text: str) -> None:
    data = json.dumps({"value": text}).encode()
    assert TimeShift(RECORDED, RECORDED + timedelta(days=7)).json(data) == data


def test_a_shift_beyond_the_calendar_leaves_the_time() -> None:
    shift = TimeShift(datetime(1971, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC))
    assert shift.line("2999-01-01T00:00:00Z x") == "2999-01-01T00:00:00Z x"

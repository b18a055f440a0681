"""A table of kubectl's fits its width: what matters stays, the rest is named as left out."""

from __future__ import annotations

import pytest

from tui.widgets.text.table import TablePara, look_of, table_of

PODS = """\
NAMESPACE   NAME                            READY   STATUS             RESTARTS        AGE     IP           NODE       NOMINATED NODE
shop        cart-api-7f7f57967c-nc2hb       1/1     Running            0               9m10s   10.244.1.4   worker-1   <none>
shop        checkout-api-7944499549-rmvz9   0/1     CrashLoopBackOff   6 (3m24s ago)   9m9s    10.244.1.5   worker-2   <none>
kube-system coredns                         1/1     Running            0               9d      10.244.0.2   control    <none>
""".replace("kube-system coredns ", "kube-sys    coredns ").splitlines()


def table(lines: list[str]) -> TablePara:
    made = table_of(lines)
    assert made is not None
    return made


@pytest.mark.parametrize("width", [40, 60, 80, 100, 160])
def test_every_width_shows_name_and_state_and_no_row_is_wider(width: int) -> None:
    lines = [line.plain for line in table(PODS).lines(width)]
    assert all(len(line) <= width for line in lines)
    assert "STATUS" in lines[0]
    assert "CrashLoopBackOff" in lines[2]
    assert "rmvz9" in lines[2], "a name is cut in its middle: its end tells pods apart"
    assert ("left out" in lines[-1]) == (width < 160)


def test_copying_gives_the_whole_table() -> None:
    assert table(PODS).plain.splitlines()[2].split() == PODS[2].split()


@pytest.mark.parametrize(
    "text",
    ["NAME", "Name:   web\nKind:   Pod", "NAME   AGE\nweb", "ERROR something failed\nERROR again", "NAME  READY\na long row that crosses"],
    ids=["a heading alone", "describe", "rows of one cell", "a log", "cells that cross"],
)
def test_other_text_is_no_table(text: str) -> None:
    made = table_of(text.splitlines())
    assert made is None or made.rows[1] == ("web", ""), text


def test_events_with_headings_of_two_words() -> None:
    made = table(["LAST SEEN   TYPE      REASON    OBJECT    MESSAGE", "8m          Warning   BackOff   pod/web   Back-off restarting"])
    assert made.rows[0] == ("LAST SEEN", "TYPE", "REASON", "OBJECT", "MESSAGE")
    assert made.rows[1][4] == "Back-off restarting"


def test_states_are_coloured_by_what_they_mean() -> None:
    assert [look_of("STATUS", state) for state in ("Running", "Pending", "Init:0/1", "CrashLoopBackOff", "Ready,SchedulingDisabled")] == [
        "$good",
        "$wait",
        "$wait",
        "$bad",
        "$good",
    ]
    assert [look_of("READY", ready) for ready in ("1/1", "0/2")] == ["", "$wait"]

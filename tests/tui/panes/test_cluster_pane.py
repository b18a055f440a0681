"""The cluster pane: rows by trouble, folding, filters, columns, what empty lists say, and the keys on an object."""

from __future__ import annotations

import dataclasses

from driving import Driver, drive
from fakes.agent import ScriptedAgent, shop
from textual.widgets import Input

from engine.cluster.live.freshness import WatchStatus
from engine.core.types import ObjectRef
from tui.screens.details import Details
from tui.screens.dialogs.base import Reader
from tui.widgets.row_list import RowList

ROWS = "#cluster-rows"


def measured() -> ScriptedAgent:
    """The shop with a metrics server and labels."""
    agent = shop()
    for number, row in enumerate(agent.cluster.workload_rows):
        pods = tuple(
            dataclasses.replace(pod, cpu=0.19, memory=250 * 2**20, cpu_limit=0.2, memory_limit=512 * 2**20, labels={"app": row.name})
            for pod in row.pods
        )
        agent.cluster.workload_rows[number] = dataclasses.replace(row, pods=pods, labels={"tier": "web"} if number else {})
    agent.cluster.node_rows = [
        dataclasses.replace(node, cpu=1.2, cpu_limit=4.0, memory=15 * 2**30, memory_limit=16 * 2**30, labels={"pool": node.name})
        for node in agent.cluster.node_rows
    ]
    return agent


def focus(d: Driver) -> RowList:
    rows = d.app.query_one(ROWS, RowList)
    rows.focus()
    return rows


def test_space_and_a_click_fold_and_unfold_a_workload() -> None:
    async def story(d: Driver) -> None:
        rows = focus(d)
        await d.press("down", "space")
        assert rows.current is not None
        assert rows.current.key.endswith("checkout-api"), "folding from a pod leaves the cursor on its workload"
        assert not any("2sskc" in row for row in d.rows(ROWS))
        await d.press("space")
        assert any("2sskc" in row for row in d.rows(ROWS))
        await d.press("end", "up", "space")
        assert any("-abcde" in row for row in d.rows(ROWS)), "what is well is folded until somebody looks"
        at = next(n for n, line in enumerate(d.lines) if "● cart-api" in line)
        await d.pilot.click(offset=(d.lines[at].index("● cart-api"), at))
        await d.settle()
        assert not any("abcde" in row for row in d.rows(ROWS))

    drive(story)


def test_of_a_workload_in_trouble_only_the_pods_in_trouble_lie_open_and_the_others_are_counted() -> None:
    agent = shop()
    first = agent.cluster.workload_rows[0]
    well = [dataclasses.replace(first.pods[0], name=f"checkout-api-ok-{n}", trouble="ok", note="", status="Running") for n in range(3)]
    agent.cluster.workload_rows[0] = dataclasses.replace(first, pods=(*first.pods, *well))

    async def story(d: Driver) -> None:
        assert "and 3 pods healthy" in d.rows(ROWS)[3]
        focus(d)
        await d.press("space", "space")
        assert sum("checkout-api-ok" in row for row in d.rows(ROWS)) == 3, "unfolded by hand, all are shown"

    drive(story, agent)


def test_the_reason_stands_on_the_workloads_own_row_at_any_width() -> None:
    async def story(d: Driver) -> None:
        first, pod, _, waiting, *_ = d.rows(ROWS)
        assert "CrashLoopBackOff" in first
        assert "exit 1" in pod, "a pod says why, since the state already stands above it"
        assert pod.split()[1].endswith("-2sskc")
        assert "unbound claim" in waiting

    drive(story, size=(120, 40))
    drive(story, size=(200, 60))


def test_usage_stands_in_columns_with_bars_against_the_limit_and_gives_way_in_a_narrow_pane() -> None:
    async def wide(d: Driver) -> None:
        pod = d.rows(ROWS)[1]
        assert "▇▇▇▁ 190m" in pod
        assert "▇▁▁▁ 250Mi" in pod
        assert "380m" in d.rows(ROWS)[0], "a workload uses what its pods use"
        focus(d)
        await d.press("t")
        assert "▇▁▁▁ 1.2" in d.rows(ROWS)[0]
        assert "▇▇▇▁ 15.0Gi" in d.rows(ROWS)[0]

    async def narrow(d: Driver) -> None:
        assert not any("190m" in row for row in d.rows(ROWS))
        assert d.rows(ROWS)[1].split()[1] == "checkout-api-7d…-2sskc"

    drive(wide, measured(), size=(240, 50))
    drive(narrow, measured(), size=(120, 40))


def test_a_filter_finds_a_pod_of_a_folded_workload_and_labels_choose() -> None:
    async def story(d: Driver) -> None:
        focus(d)
        await d.press("slash")
        field = d.app.query_one("#cluster Input", Input)
        await d.type("abcde")
        assert [row.split()[1][-5:] for row in d.rows(ROWS)] == ["t-api", "abcde"]
        field.value = "-l app=orders-db"
        await d.settle()
        assert [row.split()[1] for row in d.rows(ROWS)] == ["orders-db", "orders-db-0"]
        field.value = "-l tier=web"
        await d.settle()
        assert [row.split()[1] for row in d.rows(ROWS)] == ["orders-db", "cart-api", "order-events"]
        await d.press("enter", "t")
        assert d.rows(ROWS) == []
        assert "nothing matches “-l tier=web”" in d.text
        field.value = "-l pool=node-a"
        await d.settle()
        assert len(d.rows(ROWS)) == 1

    drive(story, measured())


def test_up_in_the_filter_brings_the_last_one_back() -> None:
    async def story(d: Driver) -> None:
        focus(d)
        await d.press("slash")
        await d.type("cart")
        await d.press("escape", "slash")
        assert d.app.query_one("#cluster Input", Input).value == ""
        await d.press("up")
        assert len(d.rows(ROWS)) == 1
        await d.press("enter")
        assert d.app.query_one(ROWS, RowList).has_focus

    drive(story)


def test_details_have_logs_and_events_and_a_workloads_logs_are_those_of_its_worst_pod() -> None:
    async def story(d: Driver) -> None:
        rows = focus(d)
        await d.press("enter", "l")
        assert isinstance(d.app.screen, Details)
        assert "logs of checkout-api-7d9f8b6c5d-2sskc" in d.text
        await d.press("p")
        assert "previous of checkout-api-7d9f8b6c5d-2sskc" in d.text
        await d.press("e")
        assert "Back-off restarting" in d.text
        await d.press("right_square_bracket")
        assert "Name:         checkout-api" in d.text, "tabs go round"
        await d.press("left_square_bracket", "r")
        assert "Back-off restarting" in d.text
        await d.press("escape")
        rows.focus()
        await d.press("end", "enter", "l")
        await d.until(lambda: any("has no pod to read logs of" in note.message for note in d.app._notifications), "order-events has none")

    drive(story)


def test_logs_of_a_workload_are_asked_of_its_worst_pod() -> None:
    agent = shop()

    async def story(d: Driver) -> None:
        focus(d)
        await d.press("l")
        await d.until(lambda: bool(agent.commands.ran))

    drive(story, agent)
    assert agent.commands.ran == ["kubectl logs checkout-api-7d9f8b6c5d-2sskc -n shop --tail=200"]


def test_the_namespace_is_copied_and_shift_j_goes_to_the_owner() -> None:
    async def story(d: Driver) -> None:
        rows = focus(d)
        await d.press("n")
        assert d.app.clipboard == "shop"
        await d.press("t", "t", "J")
        assert d.session.workspace.cluster.tab == 0
        assert rows.current is not None
        assert rows.current.data.ref == ObjectRef("Deployment", "shop", "checkout-api"), "from an event to the workload of its pod"
        await d.press("t", "J")
        await d.until(lambda: any("no owner known for node-b" in note.message for note in d.app._notifications))

    drive(story)


def test_empty_and_forbidden_lists_say_what_would_be_there() -> None:
    agent = shop()
    agent.cluster.workload_rows, agent.cluster.node_rows, agent.cluster.event_rows, agent.cluster.finding_list = [], [], [], []

    async def story(d: Driver) -> None:
        assert "No workloads found in shop; ^n switches" in d.text
        agent.cluster.watching_list = [WatchStatus("pods", "starting"), WatchStatus("nodes", "forbidden", note="nodes is forbidden")]
        agent.changed()
        await d.until(lambda: "reading workloads …" in d.text)
        focus(d)
        await d.press("t")
        assert "not allowed to list nodes: nodes is forbidden" in d.text
        await d.press("t")
        assert "no events in shop" in d.text
        await d.press("t")
        assert "No problems found in shop" in d.text

    drive(story, agent)


def test_rows_that_are_not_current_say_so_in_the_title() -> None:
    agent = shop()

    async def story(d: Driver) -> None:
        agent.cluster.watching_list = [WatchStatus("pods", "stale", 200, "connection reset")]
        agent.changed()
        await d.until(lambda: any("failing  stale" in line for line in d.lines))

    drive(story, agent, size=(200, 50))


def test_enter_on_a_finding_opens_the_finding() -> None:
    async def story(d: Driver) -> None:
        await d.ask(":findings")
        await d.press("enter")
        assert isinstance(d.app.screen, Reader)
        text = d.flows()
        assert "STRIPE_API_KEY" in text
        assert "critical" in text

    drive(story)

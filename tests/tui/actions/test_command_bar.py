"""The `:` bar as k9s users type it."""

from __future__ import annotations

import pytest
from driving import Driver, drive
from fakes.agent import shop

from tui.actions.command_bar import Jump, jump_of, nearest


@pytest.mark.parametrize(
    ("typed", "jump"),
    [
        (":po", Jump("workloads")),
        (":Pod", Jump("workloads")),
        (":pod shop", Jump("workloads", namespace="shop")),
        (":pod all", Jump("workloads", namespace="")),
        (":pod /cart api", Jump("workloads", "cart api")),
        (":pod shop /cart", Jump("workloads", "cart", "shop")),
        (":pod app=x", Jump("workloads", "-l app=x")),
        (":pod app=x,tier=y shop", Jump("workloads", "-l app=x,tier=y", "shop")),
        (":pod @prod-eu", Jump("workloads", context="prod-eu")),
        (":no", Jump("nodes")),
        (":events payments", Jump("events", namespace="payments")),
        (":findings", Jump("findings")),
        (":ns shop", None),
        (":q", None),
        (":", None),
    ],
)
def test_what_is_meant(typed: str, jump: Jump | None) -> None:
    assert jump_of(typed) == jump


def test_the_nearest_word() -> None:
    assert nearest("evnts", bar=True) == "events"
    assert nearest("nodse", bar=True) == "node"
    assert nearest("contxt", bar=False) == "context"
    assert nearest("xyzzy", bar=False) == "help"


def test_the_bar_turns_filters_and_moves() -> None:
    agent = shop()

    async def story(d: Driver) -> None:
        await d.ask(":pod /cart")
        assert [row.split()[1] for row in d.rows("#cluster-rows")] == ["cart-api"]
        assert "/ cart" in d.text, "what is filtered by stands in sight"
        assert "1 of 7" in d.text
        await d.ask(":nodes")
        assert len(d.rows("#cluster-rows")) == 2, "a new list begins without the filter"
        await d.ask(":events payments")
        await d.until(lambda: "namespace payments" in agent.log)
        await d.ask(":evnts")
        await d.until(lambda: any("did you mean :events?" in note.message for note in d.app._notifications))

    drive(story, agent)

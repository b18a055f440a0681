"""How the screen looks, at three sizes and in all themes. `pytest tests/tui/test_snapshots.py --snapshot-update` after a wanted change."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from driving import Clock, Driver, an_app
from fakes import stories
from fakes.agent import Ask, Gate, Pick, ScriptedAgent, a_status, shop
from fakes.hostile import HOSTILE
from fakes.screens import keeping, nowhere
from textual.pilot import Pilot

from engine.cluster.source import ContextInfo
from engine.core.events import CommandFinished, CommandOutput, CommandStarted
from engine.core.types import ApprovalRequest, Choice, ChoiceRequest, DryRun, ObjectRef, Verdict
from engine.llm.chat_model import ModelInfo
from tui.screens import sessions
from tui.screens.dialogs.approval import ApprovalScreen
from tui.screens.dialogs.choice import ChoiceScreen
from tui.screens.dialogs.picker import Picker
from tui.screens.sessions import SessionsScreen
from tui.screens.setup import SetupScreen

SIZES = [(80, 24), (120, 40), (200, 60)]
Story = Callable[[Driver, Clock], Awaitable[None]]


async def start(d: Driver, clock: Clock) -> None:
    await d.settle()


async def during(d: Driver, clock: Clock) -> None:
    await d.ask("customers get 502 from orders-web, why?")
    clock.advance(2.4)
    await d.until(lambda: bool(d.session.current and d.session.current.step and d.session.current.step.id == "s3"))
    d.session.workspace.timeline.show(d.session.current, clock())
    d.session.workspace.chat.update("run-1", clock())


async def answered(d: Driver, clock: Clock) -> None:
    await d.ask("why does orders-web answer 502?")
    await d.ended()


async def first_run(d: Driver, clock: Clock) -> None:
    await d.until(lambda: isinstance(d.app.screen, SetupScreen))


async def browsing(d: Driver, clock: Clock) -> None:
    await d.press("f8")
    await d.until(lambda: isinstance(d.app.screen, SessionsScreen))
    await d.settle()
    await d.press("down")


async def models(d: Driver, clock: Clock) -> None:
    await d.ask("/model")
    await d.until(lambda: isinstance(d.app.screen, Picker))


async def cut_short(d: Driver, clock: Clock) -> None:
    await d.ask("why, and what was not seen?")
    await d.ended()
    d.session.workspace.show("chat")
    await d.until(lambda: d.session.workspace.chat.has_focus)
    await d.settle()
    await d.press("G")


async def asked(d: Driver, clock: Clock) -> None:
    await d.ask("change it")
    clock.advance(1.1)
    d.controls.requests.open_next()
    await d.until(lambda: isinstance(d.app.screen, ApprovalScreen))


async def picking(d: Driver, clock: Clock) -> None:
    await d.press("ctrl+n")


async def contexts(d: Driver, clock: Clock) -> None:
    d.session.agent.cluster.context_list += HOSTILE_CONTEXTS
    await d.press("ctrl+k")


def tab_of_cluster(tab: str) -> Story:
    async def story(d: Driver, clock: Clock) -> None:
        d.session.workspace.show("cluster")
        d.session.workspace.cluster.turn_to(tab)

    return story


async def about_events(d: Driver, clock: Clock) -> None:
    ref = ObjectRef("Deployment", "shop", "checkout-api")
    pod = ObjectRef("Pod", "shop", "checkout-api-7d9f8b6c5d-2sskc")
    d.session.agent.cluster.texts[("events", ref)] = "\n".join(
        [
            "   9m  Normal   ScalingReplicaSet  Deployment/checkout-api  Scaled up replica set checkout-api-7d9f8b6c5d from 0 to 2",
            "   8m  Normal   Scheduled  Pod/checkout-api-7d9f8b6c5d-2sskc  Successfully assigned it to node-a",
            "   2m  Normal   Pulled     Pod/checkout-api-7d9f8b6c5d-2sskc  Container image already present on machine  (x12)",
            "  12s  Warning  BackOff    Pod/checkout-api-7d9f8b6c5d-2sskc  Back-off restarting failed container app  (x37)",
        ]
    )
    d.controls.pages.details("describe", ref, "why is checkout-api not ready?", pod)
    await d.settle()
    await d.press("e")


async def logged(d: Driver, clock: Clock) -> None:
    at = time.mktime((2026, 11, 27, 14, 5, 9, 0, 0, -1))
    lines = tuple(f"{word} order={n}" for n, word in enumerate(("GET /cart 200", "GET /pay 502", "Error: upstream timed out", "retry") * 8))
    command = "kubectl logs deploy/checkout-api -n shop --tail=200"
    output = d.session.workspace.output
    output.started(CommandStarted(run="run-1", id="c1", command="kubectl get pods -n shop", at=at))
    output.started(CommandStarted(run="run-1", id="c2", command=command, at=at))
    output.dropped("c2", 1_240)
    output.output([CommandOutput(run="run-1", id="c2", stream="stdout", lines=lines, at=at + 3)])
    output.finished(CommandFinished(run="run-1", id="c2", exit_code=0, seconds=1.2, bytes=81_000))
    d.session.workspace.show("output")
    await d.settle()
    await d.press("t", "slash")
    await d.type("error")
    await d.press("enter")


async def helped(d: Driver, clock: Clock) -> None:
    await d.press("ctrl+o", "ctrl+o", "f1")


async def chose(d: Driver, clock: Clock) -> None:
    await d.ask("which?")
    clock.advance(1.1)
    d.controls.requests.open_next()
    await d.until(lambda: isinstance(d.app.screen, ChoiceScreen))


async def set_up(d: Driver, clock: Clock) -> None:
    await d.ask("/setup")


async def completing(d: Driver, clock: Clock) -> None:
    await d.type("/mo")


async def reading(d: Driver, clock: Clock) -> None:
    await answered(d, clock)
    d.session.workspace.show("chat")
    await d.settle()
    await d.press("right_square_bracket", "right_square_bracket")


async def unfolded(d: Driver, clock: Clock) -> None:
    await answered(d, clock)
    rows = d.session.workspace.timeline.list
    d.session.workspace.show("timeline")
    await d.settle()
    rows.move_to([row.key for row in rows.rows].index("hypothesis/H1"))
    await d.press("space")


def protected() -> ApprovalRequest:
    return dataclasses.replace(stories.a_scale(), context="prod-eu", protected=True, typed_name="cart-api")


def denied() -> ApprovalRequest:
    words = 'Error from server (Forbidden): deployments.apps "cart-api" is forbidden: User "jo" cannot patch resource "deployments/scale"'
    return dataclasses.replace(stories.a_scale(), dry_run=DryRun(False, words))


def long_diff() -> ApprovalRequest:
    lines = ["@@ -1,80 +1,80 @@", *(f"{mark}  line {n}: {word}" for n in range(40) for mark, word in (("-", "before"), ("+", "after")))]
    return dataclasses.replace(stories.a_scale(), dry_run=DryRun(True, "deployment.apps/cart-api configured", tuple(lines)))


def manifest() -> ApprovalRequest:
    text = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: banner\ndata:\n  text: hello\n"
    argv = ("kubectl", "apply", "-f", "banner.yaml", "--namespace", "shop")
    return dataclasses.replace(
        stories.a_scale(),
        command=" ".join(argv),
        argv=argv,
        verdict=Verdict("mutate", "kubectl.apply", "`kubectl apply` changes the cluster in a way that a normal command undoes."),
        manifest=text,
        touches=(),
        touches_note="creates configmap/banner",
        dry_run=DryRun(True, "configmap/banner created (server dry run)"),
        undo="Delete it again: kubectl delete configmap/banner --namespace shop",
    )


REQUESTS: dict[str, Callable[[], ApprovalRequest]] = {
    "destroy": stories.a_delete,
    "protected": protected,
    "denied": denied,
    "long-diff": long_diff,
    "manifest": manifest,
}


WHICH = ChoiceRequest(
    "q1",
    "Which api is meant?",
    (Choice("a", "Deployment api", "shop, 0/2 ready"), Choice("b", "StatefulSet api", "payments, 3/3 ready"), Choice("c", "all of them")),
)


HOSTILE_CONTEXTS = [
    ContextInfo("arn:aws:eks:eu-west-1:123456789012:cluster/live", "live", "oidc:jane@example.com", "", "https://ABC.eks.amazonaws.com"),
    *(ContextInfo(text, text, text, text, f"https://{text}") for text in HOSTILE.values()),
    ContextInfo("prod-" + "x" * 300, "prod", "jane", "", "https://10.0.0.2:6443"),
]


def an_agent(view: str) -> ScriptedAgent:
    if view == "first-run":
        return nowhere()
    agent = shop()
    agent.model_list = [
        ModelInfo("llama3.1:8b", 131072, ("completion", "tools"), 4_920_000_000, {"quantization_level": "Q4_K_M"}),
        ModelInfo("qwen2.5:7b", 32768, ("completion", "tools"), 4_680_000_000, {"quantization_level": "Q4_K_M"}),
    ]
    agent.scripts["customers get 502 from orders-web, why?"] = [*stories.until_testing(), Gate()]
    agent.scripts["why does orders-web answer 502?"] = [*stories.until_testing(), *stories.until_answer()]
    agent.scripts["why, and what was not seen?"] = [*stories.until_testing(), *stories.until_answer(stories.CUT_SHORT)]
    agent.scripts["which?"] = [Pick(WHICH)]
    agent.scripts["change it"] = [Ask(REQUESTS.get(view, stories.a_scale)())]
    if view in ("destroy", "protected"):
        agent.status = a_status(context="prod-eu", namespace="shop", protected=True, recording=False)
    return agent


VIEWS: dict[str, Story] = {
    "start": start,
    "during": during,
    "answer": answered,
    "approve": asked,
    "destroy": asked,
    "namespaces": picking,
    "help": helped,
}
OTHERS: dict[str, Story] = {
    "choice": chose,
    "setup": set_up,
    "completing": completing,
    "reading": reading,
    "unfolded": unfolded,
    "limits": cut_short,
    "first-run": first_run,
    "sessions": browsing,
    "models": models,
    "contexts": contexts,
    "nodes": tab_of_cluster("nodes"),
    "events": tab_of_cluster("events"),
    "findings": tab_of_cluster("findings"),
    "cluster": tab_of_cluster("workloads"),
    "about-events": about_events,
    "logged": logged,
}


def shown(snap_compare: Any, view: str, size: tuple[int, int], theme: str = "dark", folder: Path | None = None) -> bool:
    clock = Clock()
    agent = keeping(folder) if folder is not None else an_agent(view)

    async def before(pilot: Pilot[None]) -> None:
        driver = Driver(pilot.app, pilot)  # type: ignore[arg-type]
        await driver.settle()
        await {**VIEWS, **OTHERS}.get(view, asked)(driver, clock)
        await driver.settle()

    return bool(snap_compare(an_app(agent, clock, folder=folder, theme=theme), terminal_size=size, run_before=before))


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("view", list(VIEWS))
def test_it_looks_as_it_did(snap_compare: Any, view: str, size: tuple[int, int]) -> None:
    assert shown(snap_compare, view, size)


@pytest.mark.parametrize("view", ["protected", "denied", "long-diff", "manifest"])
def test_an_approval_says_on_a_small_screen_what_will_happen(snap_compare: Any, view: str) -> None:
    assert shown(snap_compare, view, (80, 24))


@pytest.mark.parametrize(
    ("view", "size"),
    [
        ("choice", (80, 24)),
        ("setup", (80, 24)),
        ("completing", (80, 24)),
        ("reading", (120, 40)),
        ("unfolded", (120, 40)),
        ("limits", (80, 24)),
        ("first-run", (100, 30)),
        ("models", (80, 24)),
        ("choice", (200, 60)),
        ("contexts", (120, 40)),
        ("nodes", (120, 40)),
        ("events", (120, 40)),
        ("findings", (120, 40)),
        ("cluster", (80, 24)),
        ("about-events", (120, 40)),
        ("logged", (120, 40)),
    ],
    ids=str,
)
def test_what_is_opened_by_keys(snap_compare: Any, view: str, size: tuple[int, int]) -> None:
    assert shown(snap_compare, view, size)


@pytest.mark.parametrize("theme", ["light", "contrast", "colorblind"])
def test_the_other_themes(snap_compare: Any, theme: str) -> None:
    assert shown(snap_compare, "answer", (120, 40), theme)


@pytest.mark.parametrize("view", ["destroy", "answer"])
def test_without_colour(snap_compare: Any, monkeypatch: pytest.MonkeyPatch, view: str) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert shown(snap_compare, view, (120, 40))


def test_the_browser_of_sessions(snap_compare: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "localtime", time.gmtime)
    monkeypatch.setattr(sessions, "age", lambda seconds: "7d")
    monkeypatch.setattr(sessions, "size", lambda many: "11 kB")
    assert shown(snap_compare, "sessions", (120, 40), folder=tmp_path)

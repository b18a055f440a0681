"""`ScriptedAgent`: an Agent for the screen's tests. It replays events through real Runs; gates stand where time would pass."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from engine.agent.agent import Busy, NothingToSteer, Status
from engine.agent.model_connection import SwitchResult
from engine.agent.self_check import Check
from engine.cluster.live.freshness import WatchStatus, summary_of
from engine.cluster.rows.build import EventRow, NamespaceRow, NodeRow, PodRow, WorkloadRow
from engine.cluster.source import ContextInfo, Unreachable
from engine.commands.pipeline import Grants
from engine.core.events import ENDINGS, ClusterChanged, ContextChanged, Event, ModelChanged, QueryReceived, RunFinished
from engine.core.run import Run
from engine.core.types import ApprovalRequest, ChoiceRequest, Decision, Evidence, Finding, Mode, ObjectRef, Remedy, Steering
from engine.llm.chat_model import ModelInfo
from engine.session.conversation import Conversation
from engine.session.token_report import ContextReport, context_report
from engine.session.transcript import SavedSessions, Session
from index.passage import Passage


@dataclass
class Gate:
    """A place in a script where the Run waits until the test opens it (or the Run is cancelled)."""

    opened: threading.Event = field(default_factory=threading.Event)
    reached: threading.Event = field(default_factory=threading.Event)

    def open(self) -> None:
        self.opened.set()

    def wait(self, run: Run) -> None:
        self.reached.set()
        forget = run.token.on_cancel(self.opened.set)
        self.opened.wait()
        forget()
        run.token.check()


@dataclass
class Ask:
    """A place in a script where a person is asked; `then` gives the steps that follow each kind of decision."""

    request: ApprovalRequest
    then: dict[str, Sequence[Step]] = field(default_factory=dict)
    decisions: list[Decision] = field(default_factory=list)


@dataclass
class Pick:
    """A place in a script where a person is asked which is meant."""

    request: ChoiceRequest
    picked: list[str] = field(default_factory=list)


@dataclass
class Heard:
    """A place in a script where the Run takes what was said into it, as a flow does between its steps."""

    said: list[Steering] = field(default_factory=list)


Step = Event | Gate | Ask | Pick | Heard | Exception


class ScriptedCluster:
    """Fixed rows; `broken` makes every read fail as an unreachable cluster does."""

    def __init__(self) -> None:
        self.workload_rows: list[WorkloadRow] = []
        self.node_rows: list[NodeRow] = []
        self.event_rows: list[EventRow] = []
        self.finding_list: list[Finding] = []
        self.namespace_rows: list[NamespaceRow] = []
        self.context_list: list[ContextInfo] = []
        self.texts: dict[tuple[str, ObjectRef], str] = {}
        self.name_list: list[str] = []
        self.watching_list: list[WatchStatus] = []
        self.broken = ""
        self.threads: set[str] = set()

    def _read(self) -> None:
        self.threads.add(threading.current_thread().name)
        if self.broken:
            raise Unreachable(self.broken)

    def namespaces(self, known: Sequence[str] = ()) -> list[NamespaceRow]:
        self._read()
        return self.namespace_rows

    def contexts(self) -> list[ContextInfo]:
        self._read()
        return self.context_list

    def workloads(self, namespace: str) -> list[WorkloadRow]:
        self._read()
        return [row for row in self.workload_rows if namespace in ("", row.namespace)]

    def nodes(self) -> list[NodeRow]:
        self._read()
        return self.node_rows

    def events(self, namespace: str) -> list[EventRow]:
        self._read()
        return [row for row in self.event_rows if namespace in ("", row.namespace)]

    def findings(self, namespace: str) -> list[Finding]:
        self._read()
        return [f for f in self.finding_list if namespace in ("", f.object.namespace) or not f.object.namespace]

    def watching(self) -> list[WatchStatus]:
        return self.watching_list

    @property
    def trouble(self) -> str:
        return summary_of(self.watching_list)

    def describe(self, ref: ObjectRef) -> str:
        self._read()
        return self.texts.get(("describe", ref), f"Name:         {ref.name}\nNamespace:    {ref.namespace}\n")

    def yaml(self, ref: ObjectRef) -> str:
        self._read()
        return self.texts.get(("yaml", ref), f"kind: {ref.kind}\nmetadata:\n  name: {ref.name}\n  namespace: {ref.namespace}\n")

    def logs(self, ref: ObjectRef, previous: bool = False) -> str:
        self._read()
        tab = "previous" if previous else "logs"
        return self.texts.get((tab, ref), f"── container app ──\n12:00:01 {tab} of {ref.name}")

    def events_about(self, ref: ObjectRef) -> str:
        self._read()
        return self.texts.get(("events", ref), f"   8m  Warning  BackOff  {ref.kind}/{ref.name}  Back-off restarting failed container")

    def names(self, prefix: str) -> list[str]:
        self._read()
        return [name for name in self.name_list if name.startswith(prefix)]


class ScriptedCommands:
    """Typed commands: each text runs the script under it, or else an empty one."""

    def __init__(self, agent: ScriptedAgent) -> None:
        self._agent = agent
        self.ran: list[str] = []
        self.scripts: dict[str, Sequence[Step]] = {}

    def run(self, text: str) -> Run:
        self.ran.append(text)
        return self._agent.play(text, self.scripts.get(text, ()))


class ScriptedSessions(SavedSessions):
    """No saved sessions and no folder to write to, unless a test gives one."""

    def __init__(self, folder: Path | None = None) -> None:
        super().__init__(folder)


class ScriptedAgent:
    """Answers `ask(query)` with the script under the query (or under "*")."""

    def __init__(self, status: Status | None = None) -> None:
        self.scripts: dict[str, Sequence[Step]] = {}
        self.asked: list[str] = []
        self.attached: list[str] = []
        self.runs: list[Run] = []
        self.log: list[str] = []
        self.cluster = ScriptedCluster()
        self.commands = ScriptedCommands(self)
        self.sessions = ScriptedSessions()
        self.checks: list[Check] = []
        self.conversation = Conversation()
        self.model_list = [ModelInfo("llama3.1:8b", 131072, size_bytes=4_920_000_000), ModelInfo("qwen2.5:3b", 32768)]
        self.grants = Grants()
        self.status = status or a_status()
        self.session_id = "20261127-131000-abcdef"
        self.replayed: tuple[Event, ...] = ()
        self._listeners: list[Callable[[Event], None]] = []
        self._current: Run | None = None

    # the contract

    def run_command(self, text: str) -> Run:
        """A typed command runs the script under its text, or else an empty one."""
        return self.commands.run(text)

    def start(self) -> None:
        self.log.append("start")

    def close(self) -> None:
        self.log.append("close")
        for run in self.runs:
            run.cancel("the session was closed")
            run.wait(1.0)

    def subscribe(self, listener: Callable[[Event], None]) -> Callable[[], None]:
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def ask(self, query: str, *, attachment: str = "") -> Run:
        if self._current is not None and not self._current.finished:
            raise Busy("a question is still being worked on: stop it with esc esc, or wait for its end")
        self.asked.append(query)
        self.attached.append(attachment)
        self._current = self.play(query, self.scripts.get(query, self.scripts.get("*", ())))
        return self._current

    def steer(self, steering: Steering) -> Run:
        if self._current is None or not self._current.steer(steering):
            raise NothingToSteer("nothing was investigated in this session: ask what is wrong first")
        return self._current

    def check_host(self, *names: str, nodes: bool = False) -> Run:
        words = " ".join(["/host", *names, *(["nodes"] if nodes else [])])
        self.log.append(words)
        return self.play(words, self.scripts.get(words, ()))

    def undo(self) -> Run:
        self.log.append("undo")
        return self.play("/undo", self.scripts.get("/undo", ()))

    def switch_namespace(self, namespace: str) -> None:
        self.log.append(f"namespace {namespace}")
        self.set_status(namespace=namespace)

    def switch_context(self, context: str) -> None:
        self.log.append(f"context {context}")
        self.set_status(context=context)

    def set_mode(self, mode: Mode) -> None:
        self.log.append(f"mode {mode}")
        self.set_status(mode=mode)

    def new_session(self) -> None:
        self.log.append("new session")

    def models(self) -> list[ModelInfo]:
        return self.model_list

    def use_model(self, name: str) -> SwitchResult:
        self.log.append(f"model {name}")
        if name not in [info.name for info in self.model_list]:
            return SwitchResult(self.status.model, False, f"the server has no model {name}; did you mean {self.model_list[0].name}?")
        self.set_model(model=name)
        return SwitchResult(name, True, f"{name} at http://127.0.0.1:11434")

    def context_report(self) -> ContextReport:
        return context_report(self.conversation, self.status.model, 8192, 6000)

    def pull_model(self, name: str) -> Run:
        self.log.append(f"pull {name}")
        return self.play(f"/model pull {name}", self.scripts.get("/model pull", ()))

    def allow_model_host(self, host: str) -> None:
        self.log.append(f"allow {host}")
        self.set_model(model_state="ok")

    def resume_session(self, id: str) -> None:
        self.log.append(f"resume {id}")
        self.session_id = self.sessions.find(id).stem
        self.replayed = self.sessions.events(id)

    def health(self) -> list[Check]:
        return self.checks

    # for tests

    def set_status(self, **changes: object) -> None:
        """Change the status and tell it as the engine does."""
        self.status = dataclasses.replace(self.status, **changes)  # type: ignore[arg-type]
        self.publish(ContextChanged(context=self.status.context, namespace=self.status.namespace, mode=self.status.mode))

    def set_model(self, **changes: object) -> None:
        """Change what the status says of the model and tell it as the engine does."""
        self.status = dataclasses.replace(self.status, **changes)  # type: ignore[arg-type]
        now = self.status
        self.publish(ModelChanged(name=now.model, state=now.model_state, note=now.model_note, host=now.model_host))

    def changed(self) -> None:
        """Say that the cluster's rows are to be pulled again."""
        self.publish(ClusterChanged(revision=1))

    def publish(self, event: Event) -> None:
        for listener in list(self._listeners):
            listener(event)

    def play(self, text: str, script: Sequence[Step]) -> Run:
        """A real Run that emits a script."""

        def work(run: Run) -> str:
            run.emit(QueryReceived(query=text, context=self.status.context, namespace=self.status.namespace, mode=self.status.mode))
            outcome = "answered"
            steps = list(script)
            while steps:
                step = steps.pop(0)
                match step:
                    case Gate():
                        step.wait(run)
                    case Ask():
                        decision = run.ask(step.request)
                        step.decisions.append(decision)
                        outcome = "answered" if decision.kind.startswith("approve") else "rejected"
                        steps = [*step.then.get(decision.kind, ()), *steps]
                    case Pick():
                        step.picked.append(run.choose(step.request))
                    case Heard():
                        step.said.extend(run.steering())
                    case Exception():
                        raise step
                    case _:
                        run.emit(step)
            return outcome

        run = Run(f"run-{len(self.runs) + 1}", work)
        self.runs.append(run)
        run.subscribe(self.publish)
        return run.start()


def a_status(**changes: object) -> Status:
    """A recorded demo that is all well, with changes."""
    status = Status(
        context="demo",
        namespace="shop",
        mode="asks before changes",
        protected=False,
        writable=True,
        recording=True,
        cluster_state="ok",
        cluster_version="v1.36.2",
        cluster_note="",
        model="llama3.1:8b",
        model_state="ok",
        model_note="",
        docs=14,
        run="",
    )
    return dataclasses.replace(status, **changes)  # type: ignore[arg-type]


def shop() -> ScriptedAgent:
    """The demo's namespace `shop` in short: one crash loop, one pending claim, the rest well."""
    agent = ScriptedAgent()
    cluster = agent.cluster
    cluster.workload_rows = [
        WorkloadRow(
            "Deployment",
            "shop",
            "checkout-api",
            "0/2",
            "Not ready",
            12,
            480,
            "broken",
            "CrashLoopBackOff",
            (
                PodRow("shop", "checkout-api-7d9f8b6c5d-2sskc", "0/1", "CrashLoopBackOff", 12, 480, "node-a", "broken", "exit 1"),
                PodRow("shop", "checkout-api-7d9f8b6c5d-mcrlp", "0/1", "CrashLoopBackOff", 11, 470, "node-b", "broken", "exit 1"),
            ),
        ),
        WorkloadRow(
            "StatefulSet",
            "shop",
            "orders-db",
            "0/1",
            "Pending",
            0,
            7200,
            "waiting",
            "unbound claim",
            (PodRow("shop", "orders-db-0", "0/1", "Pending", 0, 7200, "", "waiting", "unbound claim"),),
        ),
        WorkloadRow(
            "Deployment",
            "shop",
            "cart-api",
            "2/2",
            "Running",
            0,
            260000,
            "ok",
            "",
            (
                PodRow("shop", "cart-api-5f6b7c8d9-abcde", "1/1", "Running", 0, 260000, "node-a", "ok", ""),
                PodRow("shop", "cart-api-5f6b7c8d9-fghij", "1/1", "Running", 0, 260000, "node-b", "ok", ""),
            ),
        ),
        WorkloadRow("Deployment", "shop", "order-events", "1/1", "Running", 1, 480, "ok", "", ()),
    ]
    cluster.node_rows = [
        NodeRow("node-b", "NotReady", "worker", 2600000, "v1.36.2", "broken", "kubelet stopped posting status"),
        NodeRow("node-a", "Ready", "control-plane", 2600000, "v1.36.2", "ok", ""),
    ]
    cluster.event_rows = [
        EventRow("shop", "Warning", "BackOff", "Pod/checkout-api-7d9f8b6c5d-2sskc", "Back-off restarting failed container app", 37, 12),
        EventRow("shop", "Normal", "Scheduled", "Pod/cart-api-5f6b7c8d9-abcde", "Successfully assigned shop/cart-api to node-a", 1, 4000),
    ]
    cluster.finding_list = [
        Finding(
            "CrashLoopBackOff",
            "critical",
            ObjectRef("Pod", "shop", "checkout-api-7d9f8b6c5d-2sskc"),
            "container app exits with 1: environment variable STRIPE_API_KEY is not set",
            evidence=(Evidence("log of app", "KeyError: 'STRIPE_API_KEY'"),),
            owner=ObjectRef("Deployment", "shop", "checkout-api"),
            remedies=(Remedy("add the key"),),
            confidence=0.9,
        ),
        Finding(
            "FailedScheduling",
            "warning",
            ObjectRef("Pod", "shop", "orders-db-0"),
            "the claim data-orders-db-0 asks for StorageClass premium-ssd, which does not exist",
            owner=ObjectRef("StatefulSet", "shop", "orders-db"),
        ),
    ]
    cluster.namespace_rows = [
        NamespaceRow("shop", "Active", 6, 3, 2600000),
        NamespaceRow("payments", "Active", 14, 0, 2600000),
        NamespaceRow("kube-system", "Active", 11, 1, 2600000),
        NamespaceRow("observability", "Active", 9, 0, 2600000),
    ]
    cluster.context_list = [
        ContextInfo("demo", "demo", "viewer", "shop", "https://127.0.0.1:40001", True),
        ContextInfo("prod-eu", "prod-eu", "jane", "payments", "https://10.0.0.1:6443", False),
    ]
    cluster.name_list = ["pod/checkout-api-7d9f8b6c5d-2sskc", "pod/checkout-api-7d9f8b6c5d-mcrlp", "deployment/cart-api"]
    agent.checks = [
        Check("cluster", True, "v1.36.2 at https://127.0.0.1:40001"),
        Check("model", False, "nothing listens at 127.0.0.1:11434", "start it with: ollama serve"),
    ]
    return agent


def a_passage(
    id: str = "D1", path: str = "crashloop.md", heading: Iterable[str] = ("Crash loops", "Missing environment variable")
) -> Passage:
    """A passage of a runbook."""
    return Passage(
        path,
        tuple(heading),
        (10, 24),
        "The container exits because a variable is missing.\n\n```\nkubectl set env deploy/NAME KEY=VALUE\n```",
        3.2,
        id=id,
    )


def saved(
    folder: Path, id: str, asked: Sequence[tuple[str, Sequence[Event]]], at: float = 1_795_400_000.0, namespace: str = "shop"
) -> Path:
    """A saved session of questions with their events, a minute apart, each ended unless its events end it otherwise."""
    session = Session(folder, id)
    for number, (query, script) in enumerate(asked, 1):
        when = at + number * 60
        events: list[Event] = [QueryReceived(query=query, context="demo", namespace=namespace), *script]
        if not isinstance(events[-1], ENDINGS):
            events.append(RunFinished())
        for step, event in enumerate(events):
            session.append(dataclasses.replace(event, run=f"{id}-{number}", seq=step + 1, at=when + step * 0.1))
    session.close()
    assert session.path is not None
    return session.path

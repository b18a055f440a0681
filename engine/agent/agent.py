"""`Agent`: the facade of the engine. `ask(query)` returns a `Run`; the rest is the session's state and what can be browsed.

`start()` returns at once: the cluster, the documentation and the model are opened on the engine's own daemon threads, after the
screen's first paint. `close()` stops everything that was started.
"""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from engine.agent.browsing.browser import ClusterBrowser
from engine.agent.current_target import MODES, CurrentTarget, Status
from engine.agent.documentation import Documentation
from engine.agent.model_connection import ModelConnection, SwitchResult
from engine.core.broadcast import Broadcast, Listener
from engine.core.config import Settings
from engine.core.events import ClusterChanged, ContextChanged, Event, ModelChanged
from engine.core.paths import state_folder
from engine.core.redaction.events import scrub
from engine.core.run import Run
from engine.core.target import Place
from engine.core.threads import ThreadGroup
from engine.core.types import Mode, Steering
from engine.llm.host_consent import HostConsent
from engine.llm.servers.embedding import OllamaEmbedding
from engine.session.connection import Connection, Opening
from engine.session.session_store import SessionStore

if TYPE_CHECKING:
    from engine.agent.self_check import Check
    from engine.commands.pipeline import Grants
    from engine.commands.records.records import Records
    from engine.llm.chat_model import ChatModel, ModelHealth, ModelInfo
    from engine.session.token_report import ContextReport

__all__ = ["MODES", "Agent", "Busy", "Listener", "NothingToSteer", "Status"]


class Busy(Exception):
    """Another question is running; stop it first or wait for it to finish."""


class NothingToSteer(Exception):
    """There is no investigation to steer."""


class Agent:
    """One session on one cluster at a time."""

    def __init__(self, settings: Settings, opening: Opening | None = None, *, save: bool = True, session_id: str = "") -> None:
        from engine.core.redaction.redactor import Redactor

        self.settings = settings
        self.opening = opening or Opening()
        self.redactor = Redactor()
        self._lock = threading.RLock()
        self._broadcast = Broadcast()
        self._threads = ThreadGroup()
        self._runs: dict[str, Run] = {}
        self._current: Run | None = None
        self._closed = False
        self._store = SessionStore(settings.session, save=save, session_id=session_id)
        self.sessions, self.incidents = self._store.sessions, self._store.incidents
        self.cases, self.conversation = self._store.cases, self._store.conversation
        self._target = CurrentTarget(settings, self.opening, self.redactor.text, self._publish_target, self.cluster_changed)
        self._cluster = self._target.cluster
        self.cluster = ClusterBrowser(
            self._cluster.for_browsing, self.opening, settings.cluster.kubeconfig, self.redactor.text, self._rows_changed
        )
        consent = HostConsent(settings.model.allow_remote, state_folder() / "model-hosts.json" if self._store.saves else None)
        self._model = ModelConnection(settings.model, consent, self._publish_model)
        self._embedding = OllamaEmbedding(settings, consent)
        self.docs = Documentation(
            settings.index.docs, on_change=self._publish_target, incidents=self.incidents.folder, embedder=self._embedding.embedder
        )

    # -- life cycle ---------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to open cluster, documentation and model; returns at once."""
        self._target.open()
        self._threads.start("engine-docs", self.docs.open)
        self._model.open()
        if self._store.saves:
            self._threads.start("engine-prune", self._store.prune)

    def close(self) -> None:
        """Stop what runs, then close model, documentation and cluster; takes about a second at most."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            runs = list(self._runs.values())
        for run in runs:
            run.cancel("the session was closed")
        end = time.monotonic() + 1.0
        for run in runs:
            run.wait(max(0.0, end - time.monotonic()))
        self._model.close()
        self._embedding.close()
        self.docs.close()
        self.cluster.disconnect()
        self._cluster.close()
        self._threads.join(max(0.0, end - time.monotonic()))
        self._store.close()

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Get every event, of all Runs and outside them; returns a function that unsubscribes."""
        return self._broadcast.subscribe(listener)

    # -- state ---------------------------------------------------------------------------------------

    @property
    def status(self) -> Status:
        """The state of the session; never blocks."""
        place = self._target.place
        return Status(
            context=place.context,
            namespace=place.namespace,
            mode=place.mode,
            protected=place.protected,
            writable=self._target.writable,
            recording=place.recording,
            cluster_state=self._cluster.state,
            cluster_version=self._cluster.version,
            cluster_note=self._cluster.problem or self.cluster.trouble,
            model=self._model.name,
            model_state=self._model.state,
            model_note=self._model.note,
            docs=self.docs.count,
            run=self._current.id if self._current and not self._current.finished else "",
            model_host=self._model.host,
            model_loading=self._model.activity == "loading",
        )

    @property
    def place(self) -> Place:
        """The place that the next Run is pinned to."""
        return self._target.place

    @property
    def grants(self) -> Grants:
        """The exact commands allowed for this session."""
        return self._store.grants

    @property
    def records(self) -> Records:
        """Audit, saved objects and copied manifests of this session."""
        return self._store.records

    @property
    def session_id(self) -> str:
        """The id of the transcript being written."""
        return self._store.id

    @property
    def replayed(self) -> tuple[Event, ...]:
        """The events of a resumed session, as they were when it was resumed."""
        return self._store.replayed

    def switch_namespace(self, namespace: str) -> None:
        """Work in another namespace from the next question on; "" = all."""
        self._target.switch_namespace(namespace)

    def switch_context(self, context: str) -> None:
        """Open another context; the old cluster is closed and a running question is stopped."""
        if context == self.place.context and self._cluster.connection is not None and not self.cluster.trouble:
            return  # one in trouble is opened anew: its kubeconfig may name another server by now
        if self._current is not None and not self._current.finished:
            self._current.cancel(f"switched to context {context}")
            self._current.wait(1.0)
        self.cases.leave_context(self.place.context)
        self._target.switch_context(context)
        self.cluster.disconnect()
        self._target.open()

    def set_mode(self, mode: Mode) -> None:
        """Set what may be changed in this session and context; a read-only recording stays read-only."""
        self._target.switch_mode(mode)

    def new_session(self) -> None:
        """Start a new transcript; what was allowed for the old session is forgotten."""
        self._store.switch_to("")

    def resume_session(self, id: str) -> None:
        """Resume a saved session: its events are in `replayed`, and new ones are appended to it. Raises Busy, SessionError.

        The namespace becomes the one last used there, if the context is the same.
        """
        with self._lock:
            if any(not run.finished for run in self._runs.values()):
                raise Busy("something is still running: press Esc twice to stop it, or wait for it to finish")
        latest = self._store.resume(id)
        if latest is not None and latest.context == self.place.context:
            self.switch_namespace(latest.namespace)

    # -- questions ------------------------------------------------------------------------------------------------------

    def ask(
        self, query: str, *, pod: str = "", attachment: str = "", namespace: str = "", model: bool = True, concurrent: bool = False
    ) -> Run:
        """Work on a question; raises Busy while another one is running, unless it is `concurrent`: then it is no follow-up to any of them.

        `attachment` is text that came with it (a log), `namespace` is looked at instead of the session's own, `model=False` uses none.
        """
        from engine.flows.dispatch import answer_query

        with self._lock:
            if not concurrent and self._current is not None and not self._current.finished:
                raise Busy("a question is still running: press Esc twice to stop it, or wait for it to finish")
            if all(run.finished for run in self._runs.values()):
                self._store.start_new_after_timeout()
            place, notes = self.place, self._store.pop_notes()
            if namespace:
                place = dataclasses.replace(place, namespace=namespace)

            def work(run: Run) -> str:
                return answer_query(
                    self, run, place, query, pod=pod, attachment=attachment, notes=notes, use_model=model, follows=not concurrent
                )

            run = self._begin(work)
            if not concurrent:
                self._current = run
        return run.start()

    def steer(self, steering: Steering) -> Run:
        """Steer the running investigation, or continue the latest one in a new Run; returns the Run that was steered.

        Raises NothingToSteer when there is none, or when it was made in another context; Busy while another kind of question is running.
        """
        from engine.flows.dispatch import go_on

        with self._lock:
            current, case, place = self._current, self.cases.latest, self.place
            if current is not None and not current.finished:
                if self.cases.latest_run != current.id:
                    raise Busy("the running question is not an investigation: wait for it to finish, or press Esc twice to stop it")
                if current.steer(steering):
                    return current
            if case is None:
                raise NothingToSteer("nothing was investigated in this session yet: ask what is wrong first")
            if case.context and case.context != place.context:
                raise NothingToSteer(f"the latest diagnosis was made in context {case.context}: switch back, or ask again")
            place = dataclasses.replace(place, namespace=case.namespace)
            run = self._begin(lambda run: go_on(self, run, place, case, steering))
            self._current = run
        return run.start()

    def check(self, *, namespace: str | None = None, only: tuple[str, ...] = (), about: tuple[str, str] | None = None) -> Run:
        """Run the analyzers alone; the Run emits one FindingsFound. `namespace=None` is the session's own, "" all.

        `about` is a kind and a name: only findings on that object and what explains them are reported.
        """
        from engine.flows.dispatch import check_cluster

        return self._begin(lambda run: check_cluster(self, run, namespace, only, about)).start()

    def check_host(self, *names: str, nodes: bool = False) -> Run:
        """Look at hosts: this machine, those that `[hosts]` names, or nodes of the cluster (`nodes`: all of them); ends with an answer."""
        from engine.flows.host_check import check_hosts

        place = self.place
        return self._begin(lambda run: check_hosts(self, run, place, names, nodes=nodes)).start()

    def undo(self) -> Run:
        """Propose the way back of the latest change; asks like any other command."""
        from engine.flows.dispatch import undo_latest

        place = self.place
        return self._begin(lambda run: undo_latest(self, run, place)).start()

    def draft_runbook(self) -> Run:
        """Draft a runbook from the newest diagnosis of this session; it is written into the user's own folder after a yes."""
        from engine.core.config import user_config_path
        from engine.flows.tiers.runbook_draft import write_runbook

        place, incident = self.place, self.incidents.latest
        folders, config = self.settings.index.docs, user_config_path()
        return self._begin(lambda run: write_runbook(run, place, incident, folders, config, self.docs.read)).start()

    def run_command(self, text: str) -> Run:
        """Judge a typed command (`!kubectl …`) and run it beside the question under way, asking first where it changes something."""
        from engine.flows.dispatch import run_typed

        place = self.place
        return self._begin(lambda run: run_typed(self, run, place, text)).start()

    def _begin(self, work: Callable[[Run], str]) -> Run:
        with self._lock:
            if self._closed:
                raise Busy("the session is closed")
            run = Run(self._store.next_run(), work, scrub=lambda event: scrub(event, self.redactor.text))
            self._runs = {id: r for id, r in self._runs.items() if not r.finished} | {run.id: run}
            self._store.follow(run)
        run.subscribe(self._broadcast.publish)
        return run

    # -- what the flows need ----------------------------------------------------------------------------------------------

    def connection(self, run: Run) -> Connection:
        """The open cluster, waiting for it if it is still being opened; raises FlowError when it cannot be reached."""
        return self._cluster.for_run(run)

    def model(self, run: Run) -> ChatModel | None:
        """The model if it answers, waiting a moment for the first look; None otherwise."""
        return self._model.for_run(run)

    def kubectl_path(self) -> Path | str:
        """The kubectl that runs (from the settings, PATH, or beside our own Python), or a sentence on why there is none."""
        from engine.commands.execution.programs import find_kubectl

        return find_kubectl(self.settings.kubectl.path)

    def cluster_changed(self) -> None:
        """Publish that rows may have changed."""
        self._broadcast.publish(ClusterChanged(revision=self.cluster.changed()))

    # -- health -----------------------------------------------------------------------------------------------------------

    def health(self) -> list[Check]:
        """All health checks; blocks for a few seconds at most."""
        from engine.agent.self_check import check_all

        return check_all(self)

    def wait_for_cluster(self, seconds: float) -> Status:
        """The status once the cluster is open or has failed."""
        self._cluster.wait(seconds)
        return self.status

    def wait_for_docs(self, seconds: float) -> tuple[int, list[str]]:
        """Number of documents and what is wrong with some, once the index is open."""
        self.docs.wait(seconds)
        return self.docs.count, [*self.docs.problems, *([self.incidents.problem] if self.incidents.problem else [])]

    def model_health(self) -> ModelHealth:
        """Check the model's server again."""
        return self._model.check()

    def models(self) -> list[ModelInfo]:
        """What the model's server has; blocks for a few seconds at most, raises ModelError."""
        return self._model.models()

    def use_model(self, name: str) -> SwitchResult:
        """Switch to another model of the server from the next question on; blocks for a few seconds at most."""
        return self._model.use(name)

    def context_report(self) -> ContextReport:
        """What is in the model's window and what each request of this session cost; never blocks."""
        from engine.session.token_report import context_report

        return context_report(self.conversation, self._model.name, self._model.window, self.settings.budget.prompt_tokens)

    def pull_model(self, name: str) -> Run:
        """Download a model and switch to it; the Run reports progress, and cancelling it stops the download."""
        return self._begin(lambda run: self._model.pull(run, name)).start()

    def allow_model_host(self, host: str) -> None:
        """Allow the model server on another machine, now and later; blocks for a few seconds at most."""
        self._model.allow(host)

    def folders(self) -> list[Path]:
        """The folders that K8sAgent writes to."""
        kept = [folder for folder in (self.sessions.folder, self.incidents.folder) if folder is not None]
        return [*kept, self.docs.cache]

    # -- events of our own -----------------------------------------------------------------------------------------------------------

    def _publish_model(self) -> None:
        model = self._model
        self._broadcast.publish(ModelChanged(name=model.name, state=model.state, note=model.note, host=model.host))

    def _publish_target(self) -> None:
        self._broadcast.publish(ContextChanged(context=self.place.context, namespace=self.place.namespace, mode=self.place.mode))

    def _rows_changed(self) -> None:
        self._broadcast.publish(ClusterChanged(revision=self.cluster.moved()))

"""`Agent`: the one door to the engine. `ask(query)` gives a `Run`; the rest is where the session stands and what can be browsed.

`start()` returns at once: the cluster, the documentation and the model are opened on the engine's own daemon threads, after the
screen's first paint. `close()` stops whatever was started.
"""

from __future__ import annotations

import dataclasses
import os
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from engine.browse import ClusterBrowser
from engine.cluster.connect import Connection, Opening, connect, recording_title
from engine.cluster.source import ClusterError, Unreachable
from engine.config import Settings
from engine.docs import DocsDesk
from engine.events import ClusterChanged, ContextChanged, Event
from engine.facts import Mode
from engine.place import Place, is_protected
from engine.resources import state_folder
from engine.run import FlowError, Run
from engine.scrub import scrub
from engine.session import Session, SessionShelf, sessions_folder

if TYPE_CHECKING:
    from engine.commands.desk import Grants
    from engine.commands.records import Records
    from engine.health import Check
    from engine.llm.provider import ChatModel, ModelHealth

Listener = Callable[[Event], None]
MODES: dict[str, Mode] = {"ask": "asks before changes", "read-only": "read-only", "suggest-only": "suggest-only"}


class Busy(Exception):
    """A question is already being worked on; stop it first or wait for its end."""


@dataclass(frozen=True, slots=True)
class Status:
    """Where the session stands, as the header shows it; taking one never blocks."""

    context: str
    namespace: str
    mode: Mode
    protected: bool
    writable: bool
    recording: bool
    cluster_state: Literal["connecting", "ok", "unreachable"]
    cluster_version: str
    cluster_note: str
    model: str
    model_state: Literal["unknown", "ok", "absent", "off"]
    model_note: str
    docs: int
    run: str


class Agent:
    """One session on one cluster at a time."""

    def __init__(self, settings: Settings, opening: Opening | None = None, *, save: bool = True, session_id: str = "") -> None:
        from engine.redact import Redactor

        self.settings = settings
        self.opening = opening or Opening()
        self.redactor = Redactor()
        self._lock = threading.RLock()
        self._listeners: list[Listener] = []
        self._connection: Connection | None = None
        self._cluster_error = ""
        self._cluster_ready = threading.Event()
        self._version = ""
        self._model: ChatModel | None = None
        self._model_health: ModelHealth | None = None
        self._model_ready = threading.Event()
        self._runs: dict[str, Run] = {}
        self._current: Run | None = None
        self._count = 0
        self._closed = False
        self._grants: Grants | None = None
        folder = sessions_folder() if save and settings.session.save else None
        self.sessions = SessionShelf(folder)
        self._session = Session(folder, session_id)
        self._records: Records | None = None
        context = settings.cluster.context
        if self.opening.recorded and not context:
            context = recording_title(self.opening)
        self._place = Place(
            context=context, namespace=settings.cluster.namespace, mode=self._first_mode(context), recording=self.opening.recorded
        )
        self.cluster = ClusterBrowser(self._opened, self.opening, settings.cluster.kubeconfig, self.redactor.text)
        self.docs = DocsDesk(settings.index.docs, on_change=self._tell_status)
        from engine.typed import CommandDesk

        self.commands = CommandDesk(self)

    # -- life ---------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to open cluster, documentation and model; returns at once."""
        for name, work in (("engine-cluster", self._open_cluster), ("engine-docs", self.docs.open), ("engine-model", self._open_model)):
            threading.Thread(target=work, name=name, daemon=True).start()
        if self.sessions.folder is not None:
            threading.Thread(target=self._prune, name="engine-prune", daemon=True).start()

    def close(self) -> None:
        """Stop what runs, then let go of model, documentation and cluster; at most about a second."""
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
        if self._model is not None:
            self._model.close()
        self.docs.close()
        if self._connection is not None:
            self._connection.close()
        if self._records is not None:
            self._records.close()
        self._session.close()

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Hear every event of all Runs and those outside of Runs; returns a function that unsubscribes."""
        with self._lock:
            self._listeners.append(listener)

        def forget() -> None:
            with self._lock:
                if listener in self._listeners:
                    self._listeners.remove(listener)

        return forget

    # -- where the session stands ---------------------------------------------------------------------------------------

    @property
    def status(self) -> Status:
        """Where the session stands; never blocks."""
        place, health = self._place, self._model_health
        state: Literal["unknown", "ok", "absent", "off"] = "unknown"
        if self.settings.model.provider == "none":
            state = "off"
        elif health is not None:
            state = "ok" if health.ok else "absent"
        return Status(
            context=place.context,
            namespace=place.namespace,
            mode=place.mode,
            protected=place.protected,
            writable=self._connection.writable if self._connection else self.opening.demo or self.opening.writable,
            recording=place.recording,
            cluster_state="ok" if self._connection else ("unreachable" if self._cluster_error else "connecting"),
            cluster_version=self._version,
            cluster_note=self._cluster_error,
            model="" if state == "off" else self.settings.model.name,
            model_state=state,
            model_note=health.detail if health else "",
            docs=self.docs.count,
            run=self._current.id if self._current and not self._current.finished else "",
        )

    @property
    def place(self) -> Place:
        """The place that the next Run is pinned to."""
        return self._place

    @property
    def grants(self) -> Grants:
        """The exact commands allowed for this session."""
        from engine.commands.desk import Grants

        if self._grants is None:
            self._grants = Grants()
        return self._grants

    @property
    def records(self) -> Records:
        """Audit, saved objects and copied manifests of this session."""
        from engine.commands.records import Records

        with self._lock:
            if self._records is None:
                keep = self.sessions.folder is not None
                self._records = Records(state_folder() if keep else None, self._session.id)
            return self._records

    @property
    def session_id(self) -> str:
        """The id of the transcript being written."""
        return self._session.id

    def switch_namespace(self, namespace: str) -> None:
        """Work in another namespace from the next question on; "" = all."""
        self._place = dataclasses.replace(self._place, namespace=namespace)
        self._tell_place()

    def switch_context(self, context: str) -> None:
        """Open another context; the old cluster is let go, the Run in progress (if any) is stopped."""
        if context == self._place.context and self._connection is not None:
            return
        if self._current is not None and not self._current.finished:
            self._current.cancel(f"switched to context {context}")
            self._current.wait(1.0)
        with self._lock:
            old, self._connection = self._connection, None
            self._cluster_error, self._version = "", ""
            self._cluster_ready.clear()
            stays = self.opening.recorded and context == recording_title(self.opening)
            namespace = "" if not self._place.recording else self.settings.cluster.namespace
            self._place = Place(context=context, namespace=namespace, mode=self._first_mode(context, recorded=stays), recording=stays)
        if old is not None:
            old.close()
        self._tell_place()
        threading.Thread(target=self._open_cluster, name="engine-cluster", daemon=True).start()

    def set_mode(self, mode: Mode) -> None:
        """Change what may be changed, for this session and context; a read-only recording stays read-only."""
        if mode == "asks before changes" and self._place.recording and not self.status.writable:
            mode = "read-only"
        self._place = dataclasses.replace(self._place, mode=mode)
        self._tell_place()

    def new_session(self) -> None:
        """Start a new transcript and forget what was allowed for the old one."""
        with self._lock:
            self._session.close()
            self._session = Session(self.sessions.folder)
            self._grants = None
            records, self._records = self._records, None
        if records is not None:
            records.close()

    # -- questions ------------------------------------------------------------------------------------------------------

    def ask(self, query: str, *, pod: str = "", attachment: str = "") -> Run:
        """Work on a question; raises Busy while another one is under way. `attachment` is text that came with it (a log)."""
        from engine.flows.dispatch import answer_query

        with self._lock:
            if self._current is not None and not self._current.finished:
                raise Busy("a question is still being worked on: stop it with esc esc, or wait for its end")
            place = self._place
            run = self._begin(lambda run: answer_query(self, run, place, query, pod=pod, attachment=attachment))
            self._current = run
        return run.start()

    def check(self, *, namespace: str | None = None, only: tuple[str, ...] = ()) -> Run:
        """Run the analyzers alone; the Run emits one FindingsFound. `namespace=None` is the session's own, "" all."""
        from engine.flows.dispatch import check_cluster

        place = self._place if namespace is None else dataclasses.replace(self._place, namespace=namespace)
        return self._begin(lambda run: check_cluster(self, run, place, only)).start()

    def undo(self) -> Run:
        """Propose the way back of the latest change; asks like any other command."""
        from engine.flows.dispatch import undo_latest

        place = self._place
        return self._begin(lambda run: undo_latest(self, run, place)).start()

    def begin_typed(self, text: str) -> Run:
        """A typed command as a Run of its own, beside the question under way; see `CommandDesk`."""
        from engine.flows.dispatch import run_typed

        place = self._place
        return self._begin(lambda run: run_typed(self, run, place, text)).start()

    def _begin(self, work: Callable[[Run], str]) -> Run:
        with self._lock:
            if self._closed:
                raise Busy("the session is closed")
            self._count += 1
            run = Run(f"{self._session.id}-{self._count}", work, scrub=lambda event: scrub(event, self.redactor.text))
            self._runs = {id: r for id, r in self._runs.items() if not r.finished} | {run.id: run}
            session = self._session
        run.subscribe(session.append)
        run.subscribe(self._tell)
        return run

    # -- what the flows need ----------------------------------------------------------------------------------------------

    def connection(self, run: Run) -> Connection:
        """The open cluster, waiting for it if it is still being opened; raises FlowError when it cannot be reached."""
        while not self._cluster_ready.wait(0.05):
            run.token.check()
        if self._connection is None:
            raise FlowError("cluster", self._cluster_error)
        return self._connection

    def model(self, run: Run) -> ChatModel | None:
        """The model if it answers, waiting a moment for the first look; None otherwise."""
        for _ in range(60):
            if self._model_ready.wait(0.05):
                break
            run.token.check()
        health = self._model_health
        return self._model if health is not None and health.ok else None

    def kubectl_path(self) -> Path | str:
        """The kubectl that runs (from the settings, PATH, or beside our own Python), or a sentence on why there is none."""
        from engine.commands.programs import ProgramError, Programs

        wanted = self.settings.kubectl.path
        beside = str(Path(sys.executable).parent)
        programs = Programs(
            kubectl=Path(wanted).expanduser() if wanted else None, search_path=":".join(filter(None, (os.environ.get("PATH"), beside)))
        )
        try:
            return Path(programs.resolve("kubectl"))
        except ProgramError as error:
            return str(error)

    def cluster_changed(self) -> None:
        """Tell the screen that rows are to be pulled again."""
        self._tell(ClusterChanged(revision=self.cluster.changed()))

    # -- health -----------------------------------------------------------------------------------------------------------

    def health(self) -> list[Check]:
        """All health checks; blocks for a few seconds at most."""
        from engine.health import check_all

        return check_all(self)

    def wait_for_cluster(self, seconds: float) -> Status:
        """The status once the cluster is open or has failed."""
        self._cluster_ready.wait(seconds)
        return self.status

    def wait_for_docs(self, seconds: float) -> tuple[int, list[str]]:
        """Number of documents and what is wrong with some, once the index is open."""
        self.docs.wait(seconds)
        return self.docs.count, self.docs.problems

    def model_health(self) -> ModelHealth:
        """A fresh look at the model's server."""
        from engine.llm.provider import ModelHealth

        if self.settings.model.provider == "none":
            return ModelHealth(ok=False, detail="switched off; answers come from the analyzers", fix='set [model] provider = "ollama"')
        self._model_ready.wait(5)
        if self._model is None:
            return ModelHealth(ok=False, detail="no model could be opened", fix="check [model] in the config")
        self._model_health = self._model.health()
        return self._model_health

    def folders(self) -> list[Path]:
        """The folders that K8sAgent writes to."""
        kept = [self.sessions.folder] if self.sessions.folder is not None else []
        return [*kept, self.docs.cache]

    # -- inside -----------------------------------------------------------------------------------------------------------

    def _first_mode(self, context: str, *, recorded: bool | None = None) -> Mode:
        is_recording = self.opening.recorded if recorded is None else recorded
        if is_recording:
            return MODES[self.settings.policy.mode] if self.opening.demo or self.opening.writable else "read-only"
        if is_protected(context, self.settings.policy.protected_contexts):
            return "read-only"
        return MODES[self.settings.policy.mode]

    def _prune(self) -> None:
        """Delete what is older than the settings say."""
        self.sessions.prune(self.settings.session.keep_days)
        self.records.purge(self.settings.session.keep_undo_days)

    def _open_cluster(self) -> None:
        place = self._place
        opening = self.opening if place.recording else Opening()
        context = "" if place.recording else place.context
        try:
            connection = connect(
                opening,
                context=context,
                kubeconfig=self.settings.cluster.kubeconfig,
                timeout=self.settings.cluster.request_timeout_seconds,
            )
            version = connection.source.server_version()
        except ClusterError as error:
            self._opened_cluster(place, None, "", str(error))
        except Exception as error:  # noqa: BLE001 — whatever a credential plugin or a broken file raises must be told, not kill the thread
            self._opened_cluster(place, None, "", f"the cluster could not be opened: {type(error).__name__}: {error}")
        else:
            self._opened_cluster(place, connection, version, "")

    def _opened_cluster(self, wanted: Place, connection: Connection | None, version: str, error: str) -> None:
        with self._lock:
            if self._closed or self._place.context != wanted.context:
                if connection is not None:
                    connection.close()
                return
            self._connection, self._version, self._cluster_error = connection, version, self.redactor.text(error)
            if connection is not None:
                info = connection.source.context
                name = self._place.context or info.name
                namespace = self._place.namespace or ("" if connection.recorded else info.namespace or "default")
                self._place = dataclasses.replace(
                    self._place,
                    context=name,
                    namespace=namespace,
                    server=info.server,
                    user=info.user,
                    mode=self._place.mode if wanted.context else self._first_mode(name),
                    protected=not connection.recorded and is_protected(name, self.settings.policy.protected_contexts),
                )
            self._cluster_ready.set()
        self._tell_place()
        self.cluster_changed()

    def _open_model(self) -> None:
        from engine.llm.provider import ModelHealth
        from engine.llm.settings import ModelSettings

        wanted = self.settings.model
        try:
            if wanted.provider != "none":
                from engine.llm import open_model

                model = open_model(
                    ModelSettings(
                        provider=wanted.provider,
                        name=wanted.name,
                        host=wanted.host,
                        num_ctx=wanted.num_ctx,
                        max_tokens=wanted.max_tokens,
                        temperature=wanted.temperature,
                        keep_alive=wanted.keep_alive,
                        first_token_seconds=wanted.first_token_seconds,
                        stall_seconds=wanted.stall_seconds,
                        api_key_env=wanted.api_key_env,
                    )
                )
                self._model = model
                if model is not None:
                    self._model_health = model.health()
        except Exception as error:  # noqa: BLE001 — without a model everything goes on; the reason is shown in the header and in health
            self._model_health = ModelHealth(ok=False, detail=f"{type(error).__name__}: {error}", fix="check [model] in the config")
        finally:
            self._model_ready.set()
            self._tell_status()

    def _opened(self) -> Connection:
        if not self._cluster_ready.wait(self.settings.cluster.request_timeout_seconds + 5):
            raise Unreachable("the cluster has not answered yet; wait a moment, or look at /health")
        if self._connection is None:
            raise Unreachable(self._cluster_error or "no cluster is open")
        return self._connection

    def _tell(self, event: Event) -> None:
        with self._lock:
            listeners = list(self._listeners)
        for listener in listeners:
            listener(event)

    def _tell_place(self) -> None:
        self._tell(ContextChanged(context=self._place.context, namespace=self._place.namespace, mode=self._place.mode))

    def _tell_status(self) -> None:
        self._tell_place()

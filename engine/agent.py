"""`Agent`: the one door to the engine. `ask(query)` gives a `Run`; the rest is where the session stands and what can be browsed.

`start()` returns at once: the cluster, the documentation and the model are opened on the engine's own daemon threads, after the
screen's first paint. `close()` stops whatever was started.
"""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from engine.browse import ClusterBrowser
from engine.casebook import CaseBook
from engine.cluster.connect import Connection, Opening, recording_title
from engine.config import Settings
from engine.consent import HostConsent
from engine.docs import DocsDesk
from engine.doors import ClusterDoor
from engine.embedding import OllamaEmbedding
from engine.events import ClusterChanged, ContextChanged, Event, ModelChanged, QueryReceived
from engine.facts import Mode, Steering
from engine.incidents import IncidentShelf, incidents_folder, of_events
from engine.memory import Memory
from engine.models import ModelDoor, ModelState, Switched
from engine.place import Place, is_protected
from engine.resources import state_folder
from engine.run import Run
from engine.scrub import scrub
from engine.session import Session, SessionError, SessionShelf, sessions_folder

if TYPE_CHECKING:
    from engine.commands.desk import Grants
    from engine.commands.records import Records
    from engine.context import ContextReport
    from engine.health import Check
    from engine.llm.provider import ChatModel, ModelHealth, ModelInfo

Listener = Callable[[Event], None]
MODES: dict[str, Mode] = {"ask": "asks before changes", "read-only": "read-only", "suggest-only": "suggest-only"}


class Busy(Exception):
    """A question is already being worked on; stop it first or wait for its end."""


class NothingToSteer(Exception):
    """There is no investigation that could be steered."""


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
    """Why the cluster cannot be reached; while it can, what keeps its rows from being current."""
    model: str
    model_state: ModelState
    model_note: str
    docs: int
    run: str
    model_host: str = ""
    """The machine that the model is on; "" for this one."""
    model_loading: bool = False


class Agent:
    """One session on one cluster at a time."""

    def __init__(self, settings: Settings, opening: Opening | None = None, *, save: bool = True, session_id: str = "") -> None:
        from engine.redact import Redactor

        self.settings = settings
        self.opening = opening or Opening()
        self.redactor = Redactor()
        self.memory = Memory()
        self._lock = threading.RLock()
        # A lock of its own: a Run tells its events under its own lock, and is steered under ours.
        self._listening = threading.Lock()
        self._listeners: list[Listener] = []
        self._cluster = ClusterDoor(settings, self._cluster_opened, self.redactor.text)
        self._runs: dict[str, Run] = {}
        self._current: Run | None = None
        self._count = 0
        self._closed = False
        self._grants: Grants | None = None
        folder = sessions_folder() if save and settings.session.save else None
        self.sessions = SessionShelf(folder)
        consent = HostConsent(settings.model.allow_remote, state_folder() / "model-hosts.json" if folder is not None else None)
        self._model = ModelDoor(settings.model, consent, self._tell_model)
        self._notes: list[str] = []
        """What the next question has to say beside its answer."""
        self._active_at = time.time()
        self._session = self._open_session(session_id)
        self.replayed: tuple[Event, ...] = ()
        """The events of the session that is gone on with, as they were when it was taken up."""
        self._records: Records | None = None
        context = settings.cluster.context
        if self.opening.recorded and not context:
            context = recording_title(self.opening)
        self._place = Place(
            context=context, namespace=settings.cluster.namespace, mode=self._first_mode(context), recording=self.opening.recorded
        )
        self.cluster = ClusterBrowser(
            self._cluster.for_browsing, self.opening, settings.cluster.kubeconfig, self.redactor.text, self._rows_moved
        )
        self.incidents = IncidentShelf(incidents_folder() if folder is not None else None)
        self.cases = CaseBook()
        if session_id and folder is not None:
            self._take_up()
        self._embedding = OllamaEmbedding(settings, consent)
        self.docs = DocsDesk(
            settings.index.docs, on_change=self._tell_place, incidents=self.incidents.folder, embedder=self._embedding.embedder
        )
        from engine.typed import CommandDesk

        self.commands = CommandDesk(self._begin_typed)

    # -- life ---------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to open cluster, documentation and model; returns at once."""
        self._open_cluster()
        threading.Thread(target=self.docs.open, name="engine-docs", daemon=True).start()
        self._model.open()
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
        self._model.close()
        self._embedding.close()
        self.docs.close()
        self.cluster.leave()
        self._cluster.close()
        if self._records is not None:
            self._records.close()
        self._session.close()

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Hear every event of all Runs and those outside of Runs; returns a function that unsubscribes."""
        with self._listening:
            self._listeners.append(listener)

        def forget() -> None:
            with self._listening:
                if listener in self._listeners:
                    self._listeners.remove(listener)

        return forget

    # -- where the session stands ---------------------------------------------------------------------------------------

    @property
    def status(self) -> Status:
        """Where the session stands; never blocks."""
        place, connection = self._place, self._cluster.connection
        return Status(
            context=place.context,
            namespace=place.namespace,
            mode=place.mode,
            protected=place.protected,
            writable=connection.writable if connection else self.opening.demo or self.opening.writable,
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
        if context == self._place.context and self._cluster.connection is not None:
            return
        if self._current is not None and not self._current.finished:
            self._current.cancel(f"switched to context {context}")
            self._current.wait(1.0)
        stays = self.opening.recorded and context == recording_title(self.opening)
        namespace = self.settings.cluster.namespace if stays else ""
        self._place = Place(context=context, namespace=namespace, mode=self._first_mode(context, recorded=stays), recording=stays)
        self._tell_place()
        self.cluster.leave()
        self._open_cluster()

    def set_mode(self, mode: Mode) -> None:
        """Change what may be changed, for this session and context; a read-only recording stays read-only."""
        if mode == "asks before changes" and self._place.recording and not self.status.writable:
            mode = "read-only"
        self._place = dataclasses.replace(self._place, mode=mode)
        self._tell_place()

    def new_session(self) -> None:
        """Start a new transcript and forget what was allowed for the old one."""
        self._turn_to("")

    def resume_session(self, id: str) -> None:
        """Go on with a saved session: its events stand in `replayed`, and further ones are appended to it. Raises Busy, SessionError.

        The namespace becomes the one that was last worked in there, when the context is the same.
        """
        with self._lock:
            if any(not run.finished for run in self._runs.values()):
                raise Busy("something is still running: stop it with esc esc, or wait for its end")
        found = self.sessions.find(id).stem
        if found != self._session.id:
            self._turn_to(found)
        self._take_up()
        place = next((e for e in reversed(self.replayed) if isinstance(e, QueryReceived) and e.context), None)
        if place is not None and place.context == self._place.context:
            self.switch_namespace(place.namespace)

    def _turn_to(self, id: str) -> None:
        with self._lock:
            self._session.close()
            self._session = self._open_session(id)
            self.replayed, self._count = (), 0
            self._grants = None
            records, self._records = self._records, None
        self.incidents.clear()
        self.cases.clear()
        self.memory.clear()
        if records is not None:
            records.close()

    def _take_up(self) -> None:
        """Read what the session holds, count on from its last Run, and know what it was about."""
        self.replayed = self.sessions.events(self._session.id)
        numbers = [int(end) for event in self.replayed if (end := event.run.rpartition("-")[2]).isdecimal()]
        self._count = max(numbers, default=0)
        self.incidents.latest = of_events(self.replayed)
        for event in self.replayed:
            self.cases.heard(event)

    # -- questions ------------------------------------------------------------------------------------------------------

    def ask(self, query: str, *, pod: str = "", attachment: str = "", namespace: str = "", model: bool = True, beside: bool = False) -> Run:
        """Work on a question; raises Busy while another one is under way, unless it may run `beside` others and follows none of them.

        `attachment` is text that came with it (a log), `namespace` is looked at instead of the session's own, `model=False` uses none.
        """
        from engine.flows.dispatch import answer_query

        with self._lock:
            if not beside and self._current is not None and not self._current.finished:
                raise Busy("a question is still being worked on: stop it with esc esc, or wait for its end")
            self._begin_anew_after_a_pause()
            place, notes = self._place, tuple(self._notes)
            self._notes.clear()
            if namespace:
                place = dataclasses.replace(place, namespace=namespace)

            def work(run: Run) -> str:
                return answer_query(
                    self, run, place, query, pod=pod, attachment=attachment, notes=notes, use_model=model, follows=not beside
                )

            run = self._begin(work)
            if not beside:
                self._current = run
        return run.start()

    def _begin_anew_after_a_pause(self) -> None:
        """After `[session] timeout_seconds` in which nothing was asked or typed, what was allowed and meant is stale: a new session."""
        limit, idle = self.settings.session.timeout_seconds, time.time() - self._active_at
        if self._count and 0 < limit < idle and all(run.finished for run in self._runs.values()):
            self.new_session()
            minutes = round(idle / 60)
            self._notes.append(f"After {minutes} minutes without a question this is a new session; what was allowed before no longer is.")

    def _open_session(self, id: str = "") -> Session:
        """The transcript; a new one that cannot be written is done without, since an answer matters more."""
        try:
            return Session(self.sessions.folder, id)
        except SessionError as error:
            if id:
                raise
            self._notes.append(f"This session is not saved, and changes are refused, since nothing could be recorded: {error}")
            return Session(None)

    def steer(self, steering: Steering) -> Run:
        """Say something into the investigation under way, or go on with the latest one in a Run of its own; the Run that heard it.

        Raises NothingToSteer when there is none, or it was made in another context; Busy while another kind of question is worked on.
        """
        from engine.flows.dispatch import go_on

        with self._lock:
            current, case, place = self._current, self.cases.latest, self._place
            if current is not None and not current.finished:
                if self.cases.investigating != current.id:
                    raise Busy("the question being worked on is no investigation: wait for its end, or stop it with esc esc")
                if current.steer(steering):
                    return current
            if case is None:
                raise NothingToSteer("nothing was investigated in this session: ask what is wrong first")
            if case.context and case.context != place.context:
                raise NothingToSteer(f"the latest diagnosis was made in context {case.context}: switch back, or ask anew")
            place = dataclasses.replace(place, namespace=case.namespace)
            run = self._begin(lambda run: go_on(self, run, place, case, steering))
            self._current = run
        return run.start()

    def check(self, *, namespace: str | None = None, only: tuple[str, ...] = (), about: tuple[str, str] | None = None) -> Run:
        """Run the analyzers alone; the Run emits one FindingsFound. `namespace=None` is the session's own, "" all.

        `about` is a kind and a name: only what concerns that object and what explains it is told.
        """
        from engine.flows.dispatch import check_cluster

        return self._begin(lambda run: check_cluster(self, run, namespace, only, about)).start()

    def check_host(self, *names: str, nodes: bool = False) -> Run:
        """Look at hosts: this machine, those that `[hosts]` names, or nodes of the cluster (`nodes`: all of them); ends with an answer."""
        from engine.flows.hosts import check_hosts

        place = self._place
        return self._begin(lambda run: check_hosts(self, run, place, names, nodes=nodes)).start()

    def undo(self) -> Run:
        """Propose the way back of the latest change; asks like any other command."""
        from engine.flows.dispatch import undo_latest

        place = self._place
        return self._begin(lambda run: undo_latest(self, run, place)).start()

    def draft_runbook(self) -> Run:
        """Draft a runbook from the newest diagnosis of this session; it is written into the user's own folder after a yes."""
        from engine.config import user_config_path
        from engine.flows.runbook import write_runbook

        place, incident = self._place, self.incidents.latest
        folders, config = self.settings.index.docs, user_config_path()
        return self._begin(lambda run: write_runbook(run, place, incident, folders, config, self.docs.read)).start()

    def _begin_typed(self, text: str) -> Run:
        from engine.flows.dispatch import run_typed

        place = self._place
        return self._begin(lambda run: run_typed(self, run, place, text)).start()

    def _begin(self, work: Callable[[Run], str]) -> Run:
        with self._lock:
            if self._closed:
                raise Busy("the session is closed")
            self._count += 1
            self._active_at = time.time()
            run = Run(f"{self._session.id}-{self._count}", work, scrub=lambda event: scrub(event, self.redactor.text))
            self._runs = {id: r for id, r in self._runs.items() if not r.finished} | {run.id: run}
            session = self._session
        run.subscribe(session.append)
        run.subscribe(self.incidents.heard)
        run.subscribe(self.cases.heard)
        run.subscribe(self.memory.heard)
        run.subscribe(self._tell)
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
        from engine.commands.programs import find_kubectl

        return find_kubectl(self.settings.kubectl.path)

    def cluster_changed(self) -> None:
        """Tell the screen that rows are to be pulled again."""
        self._tell(ClusterChanged(revision=self.cluster.changed()))

    def _rows_moved(self) -> None:
        self._tell(ClusterChanged(revision=self.cluster.moved()))

    # -- health -----------------------------------------------------------------------------------------------------------

    def health(self) -> list[Check]:
        """All health checks; blocks for a few seconds at most."""
        from engine.health import check_all

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
        """A fresh look at the model's server."""
        return self._model.look()

    def models(self) -> list[ModelInfo]:
        """What the model's server has; blocks for a few seconds at most, raises ModelError."""
        return self._model.models()

    def use_model(self, name: str) -> Switched:
        """Take another model of the server from the next question on; blocks for a few seconds at most."""
        return self._model.use(name)

    def context_report(self) -> ContextReport:
        """What stands in the model's window and what each request of this session cost; never blocks."""
        from engine.context import context_report

        return context_report(self.memory, self._model.name, self._model.window, self.settings.budget.prompt_tokens)

    def pull_model(self, name: str) -> Run:
        """Download a model and take it; the Run tells its progress, and cancelling it stops the download."""
        return self._begin(lambda run: self._model.pull(run, name)).start()

    def allow_model_host(self, host: str) -> None:
        """Allow the model server on another machine, now and later; blocks for a few seconds at most."""
        self._model.allow(host)

    def folders(self) -> list[Path]:
        """The folders that K8sAgent writes to."""
        kept = [folder for folder in (self.sessions.folder, self.incidents.folder) if folder is not None]
        return [*kept, self.docs.cache]

    # -- inside -----------------------------------------------------------------------------------------------------------

    def _first_mode(self, context: str, *, recorded: bool | None = None) -> Mode:
        is_recording = self.opening.recorded if recorded is None else recorded
        if is_recording:
            return MODES[self.settings.policy.mode] if self.opening.demo or self.opening.writable else "read-only"
        policy = self.settings.policy
        if is_protected(context, (*policy.protected_contexts, *policy.read_only_contexts)):
            return "read-only"
        return MODES[policy.mode]

    def _prune(self) -> None:
        """Delete what is older than the settings say."""
        self.sessions.prune(self.settings.session.keep_days)
        self.incidents.prune(self.settings.session.keep_incidents_days)
        self.records.purge(self.settings.session.keep_undo_days)

    def _open_cluster(self) -> None:
        place = self._place
        self._cluster.open(self.opening if place.recording else Opening(), "" if place.recording else place.context)

    def _cluster_opened(self, connection: Connection | None) -> None:
        """Called on the opening thread: the place becomes what was really opened."""
        if connection is not None:
            with self._lock:
                info, place = connection.source.context, self._place
                name = place.context or info.name
                self._place = dataclasses.replace(
                    place,
                    context=name,
                    namespace=place.namespace or ("" if connection.recorded else info.namespace or "default"),
                    server=info.server,
                    user=info.user,
                    mode=place.mode if place.context else self._first_mode(name),
                    protected=not connection.recorded and is_protected(name, self.settings.policy.protected_contexts),
                )
        self._tell_place()
        self.cluster_changed()

    def _tell(self, event: Event) -> None:
        with self._listening:
            listeners = list(self._listeners)
        for listener in listeners:
            listener(event)

    def _tell_model(self) -> None:
        model = self._model
        self._tell(ModelChanged(name=model.name, state=model.state, note=model.note, host=model.host))

    def _tell_place(self) -> None:
        self._tell(ContextChanged(context=self._place.context, namespace=self._place.namespace, mode=self._place.mode))

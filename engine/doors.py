"""What is opened on the engine's own threads: the cluster and the model, each with whether it is open yet and why not."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from engine.cluster.connect import Connection, Opening, connect
from engine.cluster.source import ClusterError, Unreachable
from engine.config import ModelSection, Settings
from engine.run import FlowError, Run

if TYPE_CHECKING:
    from engine.llm.provider import ChatModel, ModelHealth

ModelState = Literal["unknown", "ok", "absent", "off"]


class ClusterDoor:
    """One cluster at a time; `open` begins on a thread of its own, and what was opened for a context left meanwhile is closed again."""

    def __init__(self, settings: Settings, on_open: Callable[[Connection | None], None], clean: Callable[[str], str]) -> None:
        self._settings = settings
        self._on_open = on_open
        self._clean = clean
        self._lock = threading.Lock()
        self._ready = threading.Event()
        self._turn = 0
        self.connection: Connection | None = None
        self.version = ""
        self.problem = ""

    @property
    def state(self) -> Literal["connecting", "ok", "unreachable"]:
        """Whether the cluster answers."""
        return "ok" if self.connection else ("unreachable" if self.problem else "connecting")

    def open(self, opening: Opening, context: str) -> None:
        """Let go of what is open and begin to open another cluster; returns at once."""
        with self._lock:
            self._turn += 1
            turn = self._turn
            old, self.connection = self.connection, None
            self.version = self.problem = ""
            self._ready.clear()
        if old is not None:
            old.close()
        threading.Thread(target=self._work, args=(opening, context, turn), name="engine-cluster", daemon=True).start()

    def _work(self, opening: Opening, context: str, turn: int) -> None:
        connection, version, problem = None, "", ""
        try:
            connection = connect(
                opening,
                context=context,
                kubeconfig=self._settings.cluster.kubeconfig,
                timeout=self._settings.cluster.request_timeout_seconds,
            )
            version = connection.source.server_version()
        except ClusterError as error:
            problem = str(error)
        except Exception as error:  # noqa: BLE001 — whatever a credential plugin or a broken file raises must be told, not kill the thread
            problem = f"the cluster could not be opened: {type(error).__name__}: {error}"
        with self._lock:
            if turn == self._turn and not problem:
                self.connection, self.version = connection, version
            elif turn == self._turn:
                self.problem = self._clean(problem)
            mine = turn == self._turn
        if connection is not None and (problem or not mine):
            connection.close()
        if mine:
            self._on_open(self.connection)
            self._ready.set()

    def wait(self, seconds: float) -> bool:
        """Wait until it is open or has failed."""
        return self._ready.wait(seconds)

    def for_run(self, run: Run) -> Connection:
        """The open cluster, waiting for it under the Run's cancel token; raises FlowError when it cannot be reached."""
        while not self._ready.wait(0.05):
            run.token.check()
        if self.connection is None:
            raise FlowError("cluster", self.problem)
        return self.connection

    def for_browsing(self) -> Connection:
        """The open cluster, waiting for it; raises Unreachable."""
        if not self._ready.wait(self._settings.cluster.request_timeout_seconds + 5):
            raise Unreachable("the cluster has not answered yet; wait a moment, or look at /health")
        if self.connection is None:
            raise Unreachable(self.problem or "no cluster is open")
        return self.connection

    def close(self) -> None:
        """Close what is open, and whatever opens later."""
        with self._lock:
            self._turn += 1
            old, self.connection = self.connection, None
        if old is not None:
            old.close()


class ModelDoor:
    """The model of the settings, if its server answers."""

    def __init__(self, wanted: ModelSection, on_change: Callable[[], None]) -> None:
        self.wanted = wanted
        self._on_change = on_change
        self._ready = threading.Event()
        self._model: ChatModel | None = None
        self._health: ModelHealth | None = None
        self._closed = False

    @property
    def state(self) -> ModelState:
        """Whether the model answers; `unknown` before the first look."""
        if self.wanted.provider == "none":
            return "off"
        if self._health is None:
            return "unknown"
        return "ok" if self._health.ok else "absent"

    @property
    def note(self) -> str:
        """What the last look said."""
        return self._health.detail if self._health else ""

    def open(self) -> None:
        """Make the model and look at its server once, on a thread of its own; returns at once."""
        threading.Thread(target=self._work, name="engine-model", daemon=True).start()

    def _work(self) -> None:
        from engine.llm.provider import ModelHealth

        try:
            self._model = _make(self.wanted)
            if self._model is not None and self._closed:
                self._model.close()
            elif self._model is not None:
                self._health = self._model.health()
        except Exception as error:  # noqa: BLE001 — without a model everything goes on; the reason is shown in the header and in health
            self._health = ModelHealth(ok=False, detail=f"{type(error).__name__}: {error}", fix="check [model] in the config")
        finally:
            self._ready.set()
            self._on_change()

    def for_run(self, run: Run) -> ChatModel | None:
        """The model if it answers, waiting a moment for the first look; None otherwise."""
        for _ in range(60):
            if self._ready.wait(0.05):
                break
            run.token.check()
        return self._model if self._health is not None and self._health.ok else None

    def look(self) -> ModelHealth:
        """A fresh look at the model's server; at most a few seconds."""
        from engine.llm.provider import ModelHealth

        if self.wanted.provider == "none":
            return ModelHealth(ok=False, detail="switched off; answers come from the analyzers", fix='set [model] provider = "ollama"')
        self._ready.wait(5)
        if self._model is None:
            return self._health or ModelHealth(ok=False, detail="no model could be opened", fix="check [model] in the config")
        self._health = self._model.health()
        return self._health

    def close(self) -> None:
        """Let go of the model's connection, also where it is only being opened."""
        self._closed = True
        if self._model is not None:
            self._model.close()


def _make(wanted: ModelSection) -> ChatModel | None:
    if wanted.provider == "none":
        return None
    from engine.llm import ModelSettings, open_model

    return open_model(
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

"""`ModelConnection`: the model that words answers: opened on a thread of its own, switched and downloaded.

Nothing is sent to a server on another machine, not even a request for its models, before its host is allowed.
"""

from __future__ import annotations

import dataclasses
import difflib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from engine.core.config import ModelSection
from engine.core.events import AnswerFinished, Notice, QueryReceived, StepFinished, StepProgress, StepStarted
from engine.core.run import FlowError, Run
from engine.core.threads import ThreadGroup
from engine.core.types import Answer
from engine.llm.host_consent import HostConsent
from engine.llm.settings import host_of

if TYPE_CHECKING:
    from engine.llm.chat_model import ChatModel, ModelHealth, ModelInfo
    from engine.llm.servers.ollama import PullProgress
    from engine.llm.servers.timeouts import ModelState as Activity

ModelState = Literal["unknown", "ok", "absent", "off", "asks"]
"""`asks`: the server is on another machine, and nobody has allowed that yet."""
LOADING = "load"
"""Id of the step that says a model is being loaded into memory."""
_PROGRESS_SECONDS = 0.5
RECHECK_SECONDS = 20.0
"""A question looks again for a model that was absent this long ago."""


@dataclass(frozen=True, slots=True)
class SwitchResult:
    """What came of wanting another model: its name as the server spells it, or why not and which names are near."""

    name: str
    ok: bool
    note: str
    near: tuple[str, ...] = ()
    can_pull: bool = False


class ModelConnection:
    """One model on one server at a time."""

    def __init__(self, wanted: ModelSection, consent: HostConsent, on_change: Callable[[], None]) -> None:
        self._wanted = wanted
        self._consent = consent
        self._on_change = on_change
        self._lock = threading.Lock()
        self._threads = ThreadGroup()
        self._ready = threading.Event()
        self._model: ChatModel | None = None
        self._retired: list[ChatModel] = []
        self._health: ModelHealth | None = None
        self._run: Run | None = None
        self._loading_since = 0.0
        self._checked_at = 0.0
        self._refusal_reported = False
        self._closed = False
        self.activity: Activity = "idle"
        self.host = ""
        """Name of the machine that the server is on; "" for this one."""

    @property
    def name(self) -> str:
        """The model's name; "" where none is wanted."""
        return "" if self._wanted.provider == "none" else self._wanted.name

    @property
    def window(self) -> int:
        """Tokens of prompt and answer together, as far as they are known."""
        from engine.llm.budget import window_of

        return window_of(self._model) if self._model is not None else self._wanted.num_ctx

    @property
    def state(self) -> ModelState:
        """Whether the model answers; `unknown` before the first look."""
        if self._wanted.provider == "none":
            return "off"
        if self._ready.is_set() and self.host and not self._consent.allows(self.host):
            return "asks"
        if self._health is None:
            return "unknown"
        return "ok" if self._health.ok else "absent"

    @property
    def note(self) -> str:
        """What the last look said, or what the server is busy with."""
        if self.activity == "loading":
            return f"loading {self.name}…"
        return self._health.detail if self._health else ""

    def open(self) -> None:
        """Make the model and look at its server once, on a thread of its own; returns at once."""
        self._threads.start("engine-model", self._open)

    def _open(self) -> None:
        from engine.llm.chat_model import ModelHealth

        try:
            self._adopt(self._make(self._wanted))
        except Exception as error:  # noqa: BLE001 — without a model everything goes on; the reason is shown in the header and in health
            self._health = ModelHealth(ok=False, detail=f"{type(error).__name__}: {error}", fix="check [model] in the config")
        finally:
            self._ready.set()
            self._on_change()

    def _adopt(self, model: ChatModel | None) -> None:
        """Use a model from now on; the health check also learns its window, before anything is sent."""
        self._model = model
        if model is not None and self._closed:
            model.close()
            return
        self.host = "" if model is None else host_of(model.server)
        if model is not None:
            self._health = self._check(model)

    def _check(self, model: ChatModel) -> ModelHealth:
        from engine.llm.chat_model import ModelHealth

        if self.host and not self._consent.allows(self.host):
            return ModelHealth(
                ok=False,
                detail=f"{model.name} is on another machine ({self.host}) and is not contacted until you allow it",
                fix=f'allow it in the session with /model allow {self.host}, or set [model] allow_remote = ["{self.host}"]',
            )
        self._checked_at = time.monotonic()
        return model.health()

    def _make(self, wanted: ModelSection) -> ChatModel | None:
        if wanted.provider == "none":
            return None
        from engine.llm import ModelSettings, open_model

        known = {f.name for f in dataclasses.fields(ModelSettings)}
        values = {f.name: getattr(wanted, f.name) for f in dataclasses.fields(wanted) if f.name in known}
        return open_model(ModelSettings(**values), self._state_changed)

    # -- for questions ----------------------------------------------------------------------------------------------------

    def for_run(self, run: Run) -> ChatModel | None:
        """The model if it answers, waiting a moment for the first look; None otherwise."""
        for _ in range(100):
            if self._ready.wait(0.05):
                break
            run.token.check()
        if self.state == "absent" and time.monotonic() - self._checked_at > RECHECK_SECONDS:
            self.check()
        if self.state == "asks" and not self._refusal_reported and self._health is not None:
            self._refusal_reported = True
            run.emit(Notice(level="warning", text=f"No model is used: {self._health.detail}; {self._health.fix}."))
        if self._health is None or not self._health.ok:
            return None
        self._run = run
        return self._model

    def _state_changed(self, state: Activity) -> None:
        """Called on the model's thread: loading is a step of the question that waits for it."""
        before, self.activity = self.activity, state
        run = self._run
        if run is not None and state == "loading":
            self._loading_since = time.monotonic()
            run.emit(StepStarted(id=LOADING, title=f"loading {self.name}…", kind="model"))
        elif run is not None and before == "loading":
            outcome: Literal["done", "failed"] = "done" if state in ("reading", "writing") else "failed"
            run.emit(StepFinished(id=LOADING, seconds=time.monotonic() - self._loading_since, outcome=outcome))
        if "loading" in (before, state):
            self._on_change()

    # -- looking, switching, downloading ------------------------------------------------------------------------------------

    def check(self) -> ModelHealth:
        """A fresh look at the model's server; at most a few seconds."""
        from engine.llm.chat_model import ModelHealth

        if self._wanted.provider == "none":
            return ModelHealth(ok=False, detail="disabled; answers come from the analyzers", fix='set [model] provider = "ollama"')
        self._ready.wait(5)
        if self._model is None:
            return self._health or ModelHealth(ok=False, detail="no model could be opened", fix="check [model] in the config")
        before = self.state
        self._health = self._check(self._model)
        if self.state != before:
            self._on_change()
        return self._health

    def models(self) -> list[ModelInfo]:
        """What the server has; raises ModelError (also where nobody allowed its host yet)."""
        return self._allowed().models()

    def _allowed(self) -> ChatModel:
        from engine.llm.chat_model import ModelError

        self._ready.wait(5)
        if self._model is None:
            raise ModelError("No model is opened: [model] provider is none.", 'Set [model] provider = "ollama" or "openai".')
        if self.state == "asks":
            health = self._check(self._model)
            raise ModelError(f"{health.detail}.", f"{health.fix[:1].upper()}{health.fix[1:]}.")
        return self._model

    def use(self, name: str) -> SwitchResult:
        """Take another model of the same server from the next question on; blocks for a few seconds at most."""
        from engine.llm.chat_model import ModelError

        wanted = name.strip()
        try:
            names = [m.name for m in self.models()]
        except ModelError as error:
            return SwitchResult(self.name, False, f"{error} {error.remedy}".strip())
        found = next((n for n in (wanted, f"{wanted}:latest") if n in names), None)
        if found is None and names:
            pulls = self._wanted.provider == "ollama"
            near = _nearest(wanted, names)
            hint = f"; did you mean {near[0]}?" if near else f"; it has {', '.join(names[:6])}"
            pull = f" /model pull {wanted} downloads it." if pulls else ""
            return SwitchResult(self.name, False, f"{self._server()} has no model {wanted}{hint}{pull}", near, pulls)
        with self._lock:
            self._wanted = dataclasses.replace(self._wanted, name=found or wanted)
            if self._model is not None:
                self._retired.append(self._model)
            self._adopt(self._make(self._wanted))
        self._on_change()
        health = self._health
        return SwitchResult(self.name, bool(health and health.ok), health.detail if health else "")

    def pull(self, run: Run, name: str) -> str:
        """The work of a Run that downloads a model and then takes it; an outcome."""
        from engine.llm.chat_model import ModelError
        from engine.llm.servers.ollama import OllamaModel

        run.emit(QueryReceived(query=f"/model pull {name}", context="", namespace=""))
        started, last_progress = time.monotonic(), 0.0

        def on_progress(step: PullProgress) -> None:
            nonlocal last_progress
            now = time.monotonic()
            if now - last_progress >= _PROGRESS_SECONDS or step.status == "success":
                last_progress = now
                run.emit(StepProgress(id="pull", detail=step.status, done=step.completed, total=step.total))

        outcome: Literal["done", "failed", "cancelled"] = "cancelled"
        run.emit(StepStarted(id="pull", title=f"download {name}", kind="model"))
        try:
            model = self._make(dataclasses.replace(self._wanted, name=name)) if isinstance(self._allowed(), OllamaModel) else None
            if not isinstance(model, OllamaModel):
                raise ModelError("Only an Ollama server can download models.", "Load the model on the server itself.")
            try:
                model.pull(on_progress, run.token)
            finally:
                model.close()
            outcome = "done"
        except ModelError as error:
            outcome = "failed"
            raise FlowError("model", f"{error} {error.remedy}".strip()) from error
        finally:
            run.emit(StepFinished(id="pull", seconds=time.monotonic() - started, outcome=outcome))
        result = self.use(name)
        text = f"{name} was downloaded. " + (f"It is in use now: {result.note}" if result.ok else result.note)
        run.emit(AnswerFinished(answer=Answer(tier="informational", text=text)))
        return "answered"

    def allow(self, host: str) -> None:
        """Remember that a host may be used, and look at its server."""
        self._consent.allow(host)
        self.check()
        self._on_change()

    def close(self) -> None:
        """Let go of the models' connections, also where one is only being opened."""
        self._closed = True
        with self._lock:
            models = [*self._retired, *([self._model] if self._model is not None else [])]
        for model in models:
            model.close()
        self._threads.join(0.5)

    def _server(self) -> str:
        return self._model.server if self._model is not None else "the server"


def model_line(info: ModelInfo) -> str:
    """One model of a list: name, size, window, and what is known of its make."""
    size = f"{info.size_bytes / 1e9:.1f} GB" if info.size_bytes else ""
    window = f"context {info.context_length}" if info.context_length else ""
    make = " ".join(info.details[key] for key in ("parameter_size", "quantization_level") if info.details.get(key))
    return "  ".join(filter(None, (info.name, size, window, make)))


def _nearest(wanted: str, names: list[str]) -> tuple[str, ...]:
    low = wanted.lower()
    begins = [name for name in names if name.lower().startswith(low) or low in name.lower()]
    close = difflib.get_close_matches(low, [name.lower() for name in names], n=3, cutoff=0.5)
    return tuple(dict.fromkeys([*begins, *(name for name in names if name.lower() in close)]))[:3]

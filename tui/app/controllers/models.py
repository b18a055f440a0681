"""`Models`: which model answers — the list, another one, and the question whether a server on another machine may be used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content

from tui.app.controllers.questions import Questions
from tui.app.session import Session
from tui.style.text import one_line, plain

if TYPE_CHECKING:
    from engine.agent.model_connection import SwitchResult
    from engine.llm.chat_model import ModelInfo
    from tui.screens.dialogs.picker import Choice

STATE_WORDS = {
    "ok": "answers",
    "absent": "is not installed",
    "unknown": "has not been checked yet",
    "off": "is disabled",
    "asks": "runs on another machine and needs your permission",
}


def _choice(info: ModelInfo, current: str) -> Choice:
    from engine.agent.model_connection import model_line
    from tui.screens.dialogs.picker import Choice

    mine = info.name == current
    about = one_line(model_line(info)).removeprefix(one_line(info.name)).strip(" ,;:—-")
    return Choice(info.name, info.name, ("●", "$good") if mine else ("·", "$quiet"), f"{'now  ' if mine else ''}{about}")


class Models:
    """Picks, downloads and allows models."""

    def __init__(self, session: Session, questions: Questions) -> None:
        self._session = session
        self._questions = questions
        self._asked_hosts: frozenset[str] = frozenset()
        """Hosts that were asked about on this screen; each is asked about once."""

    def pick(self) -> None:
        """Pick one of the server's models; it answers from the next question on."""
        from tui.screens.dialogs.picker import Picker

        status = self._session.agent.status
        words = f"{one_line(status.model) or 'none'} {STATE_WORDS[status.model_state]}; /model pull NAME downloads another"
        picker = Picker("model", words)

        def picked(name: str | None) -> None:
            if name is not None and name != status.model:
                self.switch(name)

        self._session.open(picker, picked)
        self._session.background.run(
            "models",
            self._session.agent.models,
            lambda found: picker.show([_choice(info, status.model) for info in found]),
            lambda error: picker.fail(one_line(f"{error} {getattr(error, 'remedy', '')} Without a model the analyzers answer.")),
        )

    def token_report(self) -> None:
        """Say what is in the model's context window and what it cost."""
        from engine.session.token_report import context_lines
        from tui.screens.dialogs.base import Reader
        from tui.widgets.text.flow import Para

        lines = context_lines(self._session.agent.context_report())
        paras = [Para(Content(plain(lines[0])).stylize("$strong")), *(Para(Content(plain(line))) for line in lines[1:])]
        self._session.open(Reader(Content("context window").stylize("bold $strong"), paras))

    def pull(self, name: str) -> None:
        """Download a model."""
        self._questions.launch(f"/model pull {name}", lambda: self._session.agent.pull_model(name))

    def switch(self, words: str) -> None:
        """Answer with another model from the next question on; `pull NAME` downloads one, `allow HOST` allows a server elsewhere."""
        first, _, rest = words.partition(" ")
        name = rest.strip()
        if first == "allow" and name:
            self._allow_host(name)
            return
        if first == "pull" and name:
            self.pull(name)
            return

        def done(switched: SwitchResult) -> None:
            said = f"{switched.name} will answer from the next question on: {switched.note}" if switched.ok else switched.note
            self._session.notify(one_line(said), warning=not switched.ok, timeout=10)

        self._session.background.run("model", lambda: self._session.agent.use_model(words), done, self._session.show_error)

    def ask_about_host(self, name: str, host: str) -> None:
        """A server on another machine is used after a yes alone; enter and esc mean no."""
        from tui.screens.dialogs.base import Confirm

        if host in self._asked_hosts:
            return
        self._asked_hosts |= {host}
        question = (
            f"The model {plain(name)} is on another machine: {plain(host)}. Your questions, and parts of logs, events and manifests "
            "(with secrets removed), would be sent there. Allow this host permanently?"
        )

        def answered(yes: bool | None) -> None:
            if yes:
                self._allow_host(host)
            else:
                self._session.notify(f"not allowed; continuing without a model. /model allow {plain(host)} allows it later")

        self._session.open(Confirm(question, "allow", "do not allow", self._session.clock), answered)

    def _allow_host(self, host: str) -> None:
        self._session.background.run("allow", lambda: self._session.agent.allow_model_host(host), lambda _: None, self._session.show_error)

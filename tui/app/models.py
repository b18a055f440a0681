"""`ModelApp`: which model answers — the list, another one, and the question whether a server on another machine may be used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content

from tui.app.questions import AskingApp
from tui.style.text import one_line, plain

if TYPE_CHECKING:
    from engine.agent.model_connection import Switched
    from engine.llm.chat_model import ModelInfo
    from tui.screens.dialogs.picker import Choice

STATE_WORDS = {
    "ok": "answers",
    "absent": "is not there",
    "unknown": "has not been looked for yet",
    "off": "is switched off",
    "asks": "is on another machine and waits for your yes",
}


def _choice(info: ModelInfo, current: str) -> Choice:
    from engine.agent.model_connection import model_line
    from tui.screens.dialogs.picker import Choice

    mine = info.name == current
    about = one_line(model_line(info)).removeprefix(one_line(info.name)).strip(" ,;:—-")
    return Choice(info.name, info.name, ("●", "$good") if mine else ("·", "$quiet"), f"{'now  ' if mine else ''}{about}")


class ModelApp(AskingApp):
    """The actions that concern the model."""

    asked_hosts: frozenset[str] = frozenset()
    """Hosts that were asked about on this screen; each is asked about once."""

    def __init__(self) -> None:
        super().__init__()
        self.with_argument["model"] = self._model_word
        self.with_argument["context"] = self._context_word

    def action_model(self) -> None:
        """Pick one of the server's models; it answers from the next question on."""
        from tui.screens.dialogs.picker import Picker

        status = self.agent.status
        words = f"{one_line(status.model) or 'none'} {STATE_WORDS[status.model_state]}; /model pull NAME downloads one"
        picker = Picker("model", words)

        def picked(name: str | None) -> None:
            if name is not None and name != status.model:
                self._model_word(name)

        self.push_screen(picker, picked)
        self.background.run(
            "models",
            self.agent.models,
            lambda found: picker.show([_choice(info, status.model) for info in found]),
            lambda error: picker.fail(one_line(f"{error} {getattr(error, 'remedy', '')} Without a model the analyzers answer.")),
        )

    def action_tokens(self) -> None:
        """Say what stands in the model's window and what it cost."""
        from engine.session.token_report import context_lines
        from tui.screens.dialogs.base import Reader
        from tui.widgets.text.flow import Para

        lines = context_lines(self.agent.context_report())
        paras = [Para(Content(plain(lines[0])).stylize("$strong")), *(Para(Content(plain(line))) for line in lines[1:])]
        self.push_screen(Reader(Content("window and tokens").stylize("bold $strong"), paras))

    def _context_word(self, word: str) -> bool:
        if word != "window":
            return self._to_context(word)
        self.action_tokens()
        return True

    def _model_word(self, words: str) -> bool:
        first, _, rest = words.partition(" ")
        name = rest.strip()
        if first == "allow" and name:
            self._allow_host(name)
            return True
        if first == "pull" and name:
            self.launch(f"/model {words}", lambda: self.agent.pull_model(name))
            return True

        def done(switched: Switched) -> None:
            said = f"{switched.name} answers from the next question on: {switched.note}" if switched.ok else switched.note
            self.notify(one_line(said), severity="information" if switched.ok else "warning", timeout=10, markup=False)

        self.background.run("model", lambda: self.agent.use_model(words), done, self.tell_error)
        return True

    def ask_about_host(self, name: str, host: str) -> None:
        """A server on another machine is used after a yes alone; enter and esc mean no."""
        from tui.screens.dialogs.base import Confirm

        if host in self.asked_hosts:
            return
        self.asked_hosts |= {host}
        question = (
            f"The model {plain(name)} is on another machine: {plain(host)}. Your questions, and parts of logs, events and manifests "
            "(secrets taken out), would be sent there. Allow this host, now and later?"
        )

        def answered(yes: bool | None) -> None:
            if yes:
                self._allow_host(host)
            else:
                self.notify(f"no model is used; /model allow {plain(host)} allows it later", markup=False)

        self.push_screen(Confirm(question, "allow", "no"), answered)

    def _allow_host(self, host: str) -> None:
        self.background.run("allow", lambda: self.agent.allow_model_host(host), lambda _: None, self.tell_error)

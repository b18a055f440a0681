"""`AskingApp`: what is sent from the prompt — questions, `/words`, `:words` and `!commands` — and the Runs that come of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from tui.actions import CLUSTER_WORDS, SLASH
from tui.place_app import PlaceApp
from tui.text import plain, plain_lines

if TYPE_CHECKING:
    from engine.run import Run
    from tui.approvals import ApprovalQueue
    from tui.run_view import RunView
    from tui.widgets.prompt import Prompt
    from tui.workspace import Workspace


class AskingApp(PlaceApp):
    """Begins Runs and knows those under way."""

    approvals: ApprovalQueue
    workspace: Workspace
    prompt: Prompt

    def __init__(self) -> None:
        super().__init__()
        self.runs: dict[str, Run] = {}
        self.current: RunView | None = None
        self.with_argument["grants"] = self._grants
        self.with_argument["host"] = self._host

    def send(self, text: str) -> None:
        """A question, a `/word`, a `:word` or a `!command`."""
        if text.startswith("!"):
            command = text[1:].strip()
            if command:
                self.launch(text, lambda: self.agent.commands.run(command))
                if self.workspace.narrow:
                    self.workspace.show("output", focus=False)
        elif text.startswith(("/", ":")):
            self._word(text)
        else:
            if self.workspace.narrow and not self.workspace.maximised:
                self.workspace.show("chat", focus=False)
            self.launch(text, lambda: self.agent.ask(text))

    def launch(self, text: str, begin: Callable[[], Run]) -> None:
        """Begin a Run on a thread; the text of one that could not begin comes back into the prompt."""

        def begun(run: Run) -> None:
            self.runs[run.id] = run
            if run.finished:
                self.runs.pop(run.id)

        def failed(error: Exception) -> None:
            self.tell_error(error)
            if not self.prompt.text:
                self.prompt.put(text)

        self.background.run(f"launch {text}", begin, begun, failed)

    def _word(self, text: str) -> None:
        word, _, argument = text[1:].strip().partition(" ")
        argument = argument.strip()
        if text.startswith(":") and word in CLUSTER_WORDS:
            self.workspace.cluster.turn_to(CLUSTER_WORDS[word])
            self.workspace.show("cluster")
            return
        action = SLASH.get(word)
        if action is None:
            near = [name for name in SLASH if name.startswith(word[:1])] or ["help"]
            self.notify(f"there is no /{plain(word)}; did you mean /{near[0]}? /help lists all", severity="warning", markup=False)
            return
        taken = self.with_argument.get(action.id)
        if not (argument and taken is not None and taken(argument)):
            self.call_later(self.run_action, action.run)

    def action_undo(self) -> None:
        """Propose the way back of the latest change."""
        self.launch("/undo", self.agent.undo)

    def action_check_host(self) -> None:
        """Look at the machine that this session runs on."""
        self.launch("/host", self.agent.check_host)

    def _host(self, argument: str) -> bool:
        names = () if argument == "nodes" else tuple(argument.split())
        self.launch(f"/host {argument}", lambda: self.agent.check_host(*names, nodes=not names))
        return True

    def action_grants(self) -> None:
        """Say which exact commands run without asking, and how to take that back."""
        allowed = [f"{plain(context)}: {plain_lines(command)}" for context, command in self.agent.grants.list()]
        words = "\n".join(
            [*allowed, "/grants clear takes them back"] if allowed else ["nothing is allowed for this session: every change asks"]
        )
        self.notify(words, title="allowed for this session" if allowed else "", timeout=15, markup=False)

    def _grants(self, argument: str) -> bool:
        if argument != "clear":
            return False
        self.agent.grants.clear()
        self.notify("nothing is allowed for this session any more", markup=False)
        return True

"""The first-run page: what was found of cluster, kubectl, model and documents, and one key for each thing that can be done now."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.events import Resize
from textual.widget import Widget

from tui.screens.dialogs.base import Dialog
from tui.screens.health import health_paras
from tui.style.text import plain
from tui.widgets.bars.key_bar import KeyBar
from tui.widgets.text.flow import Flow, Para, blank

if TYPE_CHECKING:
    from engine.agent.self_check import Check

Wish = Literal["demo", "pull", "context", "again"]
HEAD = (
    Para(Content("K8sAgent finds out why a Kubernetes cluster misbehaves.").stylize("bold $strong")),
    Para(Content("It needs a cluster or a recording of one. kubectl and a local model are optional.").stylize("$quiet")),
    blank(),
)


class SetupScreen(Dialog[Wish | None]):
    """Hands back what the person wants done; esc begins as things are."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("d", "wish('demo')", show=False),
        Binding("p", "wish('pull')", show=False),
        Binding("k", "wish('context')", show=False),
        Binding("r", "wish('again')", show=False),
        Binding("q,enter", "leave", show=False),
    ]
    DEFAULT_CSS = """
    SetupScreen { & > .box { width: 92;
        & > VerticalScroll { height: auto; scrollbar-size-vertical: 1; background: $surface; }
        & > KeyBar { margin: 1 0 0 0; }
    } }
    """

    def __init__(self, model: str) -> None:
        super().__init__()
        self._model = model
        self._text = Flow([*HEAD, Para(Content("checking …").stylize("$quiet"))])
        self.offers: list[Wish] = ["demo", "again"]

    def compose(self) -> list[Widget]:
        keys = KeyBar([("d", "demo"), ("p", "download the model"), ("k", "contexts"), ("r", "check again"), ("esc", "begin")])
        return [Vertical(VerticalScroll(self._text, id="setup"), keys, classes="box")]

    def on_resize(self, event: Resize) -> None:
        """The keys below stay in sight."""
        self.query_one("#setup").styles.max_height = max(event.size.height * 92 // 100 - 6, 4)

    def show(self, checks: Sequence[Check]) -> None:
        """The checks are done."""
        bad = {check.name for check in checks if not check.ok}
        shown = [check for check in checks if check.name != "permissions" or "cluster" not in bad]
        ways = [("d", "open the demo, a recorded cluster with real faults; needs nothing else")]
        if "model" in bad and self._model:
            self.offers.append("pull")
            ways.append(("p", f"download the model {plain(self._model)} (several gigabytes; Ollama must run)"))
        if "cluster" in bad:
            self.offers.append("context")
            ways.append(("k", "pick a context from your kubeconfig"))
        ways.append(("r", "check again after a fix"))
        lines = [Para(Content(words), Content.assemble((f" {key}  ", "bold $place"))) for key, words in ways]
        self._text.set([*HEAD, *lines, blank(), *health_paras(shown)])

    def action_wish(self, what: Wish) -> None:
        if what in self.offers:
            self.dismiss(what)
        else:
            self.notify("not needed now")

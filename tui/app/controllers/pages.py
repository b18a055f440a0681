"""`Pages`: the pages that open over the session — help, health, documentation, evidence.

Dialogs are imported when they are first opened, since nobody sees them at the first paint.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from textual.content import Content

from tui.actions.action import Action
from tui.app.controllers.models import Models
from tui.app.controllers.places import Places
from tui.app.controllers.questions import Questions
from tui.app.controllers.terminal import Terminal
from tui.app.session import Session
from tui.style.text import one_line, plain

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from engine.cluster.source import ContextInfo
    from engine.core.types import Finding, ObjectRef
    from tui.panes.timeline import TimelinePane
    from tui.screens.docs import Trail
    from tui.widgets.text.flow import Para


class Pages:
    """Opens pages and does what is wanted on them."""

    def __init__(self, session: Session, questions: Questions, places: Places, models: Models, terminal: Terminal) -> None:
        self._session = session
        self._questions = questions
        self._places = places
        self._models = models
        self._terminal = terminal
        self._trail: Trail | None = None
        """Where the documentation was left."""
        self.wants_demo = False
        """Whether the session ends in order to begin again on the recorded cluster."""
        self._setup_offered = False

    def help(self, actions: Sequence[Action[Any]]) -> None:
        """Help, for the focused pane first."""
        from tui.screens.help import help_screen

        focused = self._session.workspace.pane_of(self._session.app.focused)
        self._session.open(help_screen(actions, focused or "prompt"))

    def quit(self) -> None:
        """Leave at once, or ask when something runs."""
        from tui.screens.dialogs.base import Confirm

        app = self._session.app
        if not self._session.running:
            app.exit()
        elif not isinstance(app.screen, Confirm):
            question = "A question or command is still running. Stop it and quit?"
            self._session.open(Confirm(question, "quit", "stay"), lambda yes: app.exit() if yes else None)

    def health(self) -> None:
        """Open the health page and fill it once the checks are done."""
        from tui.screens.health import health_paras, health_screen

        page = health_screen()
        self._session.open(page)
        self._session.background.run(
            "health", self._session.agent.health, lambda checks: page.show(health_paras(checks)), self._session.show_error
        )

    def setup(self) -> None:
        """Open the first-run page and fill it once the checks are done."""
        from tui.screens.setup import SetupScreen, Wish

        if self._session.app.screen.is_modal:
            return
        model = self._session.agent.status.model
        page = SetupScreen(model)

        def wished(what: Wish | None) -> None:
            match what:
                case "demo":
                    self.wants_demo = True
                    self._session.app.exit()
                case "pull":
                    self._models.pull(model)
                case "context":
                    self._session.app.call_later(self._places.context)
                case "again":
                    self._session.app.call_later(self.setup)

        self._session.open(page, wished)
        self._session.background.run("health", self._session.agent.health, page.show, self._session.show_error)

    def offer_setup(self) -> None:
        """Open the first-run page by itself when there is no context to go to: nothing else would help."""

        def known(contexts: Sequence[ContextInfo]) -> None:
            if not contexts and self._session.workspace.chat.empty and not self._session.prompt.text:
                self.setup()

        if not self._setup_offered:
            self._setup_offered = True
            self._session.background.run("contexts at first", self._session.agent.cluster.contexts, known, lambda _: known(()))

    def search_history(self) -> None:
        """Search what was asked before, in this session and earlier ones; enter brings it into the prompt."""
        from tui.screens.dialogs.picker import Choice, Picker

        entries = list(dict.fromkeys(reversed(self._session.prompt.past.entries)))
        choices = [Choice(str(number), one_line(entry)) for number, entry in enumerate(entries)]

        def picked(number: str | None) -> None:
            if number is not None:
                self._session.prompt.put(entries[int(number)])

        self._session.open(Picker("history", "newest first", choices), picked)

    def docs(self, question: str | None = None) -> None:
        """Open the documentation at a question, or where it was left."""
        from tui.screens.docs import DocsScreen, Trail, Wanted

        if self._session.app.screen.is_modal:
            return
        if self._trail is None:
            self._trail = Trail()

        def wanted(what: Wanted | None) -> None:
            if what is None:
                return
            if what.what == "run":
                self._questions.send(f"!{what.command}")
            else:
                self._session.prompt.put(f"!{what.command}")

        self._session.open(DocsScreen(self._session.agent.docs, self._session.background, self._trail, question), wanted)

    def cite(self, run: str, id: str) -> None:
        """Open the evidence or the passage behind a citation."""
        from textual.style import Style

        from tui.screens.dialogs.base import Reader
        from tui.widgets.text.flow import Para, blank
        from tui.widgets.text.markdown import prose

        view = self._session.views.get(run)
        passage = view.passages.get(id) if view is not None else None
        if passage is not None:
            title = Content.assemble(
                (f"{id}  ", "bold $place"),
                (plain(passage.path), "bold $strong"),
                (f"  lines {passage.lines[0]}–{passage.lines[1]}", "$quiet"),
            )
            path = Para(Content(" › ".join(one_line(part) for part in passage.heading)).stylize("$quiet"))
            self._session.open(Reader(title, [path, blank(), *prose(passage.text, lambda _: Style())]))
        elif view is not None and id in view.evidence:
            self.open_evidence(run, (id,), "")
        else:
            self._session.notify(f"{plain(id)} is no longer available", warning=True)

    def timeline_row(self, event: TimelinePane.Opened) -> None:
        """Enter on a row of the timeline: a command's output, a passage, or evidence."""
        if event.command:
            self._session.workspace.output.pick(f"{event.run}/{event.command}")
            self._session.workspace.show("output")
        elif event.passage:
            self.cite(event.run, event.passage)
        elif event.evidence:
            self.open_evidence(event.run, event.evidence, event.title)

    def open_evidence(self, run: str, ids: tuple[str, ...], title: str) -> None:
        """Show pieces of evidence, each with its source and its words."""
        from tui.screens.dialogs.base import Reader
        from tui.widgets.text.flow import Para, blank

        view = self._session.views.get(run)
        if view is None:
            return
        paras: list[Para] = []
        for id in ids:
            evidence = view.evidence.get(id)
            if evidence is None:
                continue
            about = f"  {evidence.object}" if evidence.object else ""
            paras.append(
                Para(
                    Content.assemble((plain(evidence.source), "$strong"), (plain(f"{about}  {evidence.at}").rstrip(), "$quiet")),
                    Content.assemble((f"{plain(id)}  ", "bold $place")),
                )
            )
            paras.extend(Para(Content(plain(line)), Content("  "), "on $code") for line in evidence.excerpt.splitlines())
            paras.append(blank())
        self._session.open(
            Reader(
                Content(title or "evidence").stylize("bold $strong"),
                paras[:-1] if paras else [Para(Content("no evidence yet").stylize("$quiet"))],
            )
        )

    def finding(self, finding: Finding) -> None:
        """A finding by itself: what is wrong, the evidence for it, what it leads to, and its fix."""
        from tui.screens.finding import finding_screen

        self._session.open(finding_screen(finding, self._session.workspace.cluster.effects_of(finding)))

    def details(self, what: str, ref: ObjectRef, question: str, pod: ObjectRef | None = None) -> None:
        """A key on an object of the cluster pane; `pod` is whose logs are meant."""
        from tui.screens.details import Details

        match what:
            case "describe" | "yaml":
                page = Details(ref, what, self._read_details, question, pod)
                self._session.open(page, lambda asked: self._questions.send(asked) if asked else None)
            case "logs" | "previous":
                if pod is None:
                    self._session.notify("this object has no pod to show logs of", warning=True)
                    return
                place = f" -n {pod.namespace}" if pod.namespace else ""
                self._questions.send(f"!kubectl logs {pod.name}{place} --tail=200" + (" --previous" if what == "previous" else ""))
                self._session.workspace.show("output", focus=False)
            case "investigate":
                self._questions.send(question)
            case "recent":
                self._places.recent_namespace(int(ref.name))
            case _:
                self._terminal.copy(ref.name)

    def _read_details(self, tab: str, ref: ObjectRef, then: Callable[[str], None], failed: Callable[[Exception], None]) -> None:
        cluster = self._session.agent.cluster
        reads: dict[str, Callable[[], str]] = {
            "describe": lambda: cluster.describe(ref),
            "yaml": lambda: cluster.yaml(ref),
            "logs": lambda: cluster.logs(ref),
            "previous": lambda: cluster.logs(ref, previous=True),
            "events": lambda: cluster.events_about(ref),
        }
        self._session.background.run(f"{tab} {ref}", reads[tab], then, failed)

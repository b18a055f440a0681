"""`PagesApp`: the pages that open over the session — help, health, documentation, evidence.

Dialogs are imported when they are first opened, since nobody sees them at the first paint.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content

from tui.app.models import ModelApp
from tui.style.text import one_line, plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.cluster.source import ContextInfo
    from tui.screens.docs import Trail
    from tui.widgets.text.flow import Para


class PagesApp(ModelApp):
    """The actions that open a page, and what they need of the session."""

    def __init__(self) -> None:
        super().__init__()
        self.docs_trail: Trail | None = None
        self.wants_demo = False
        """Whether the session ends in order to begin again on the recorded cluster."""
        self.setup_offered = False
        self.with_argument["docs"] = self._docs

    def action_help(self) -> None:
        """Help for the focused pane first."""
        from tui.screens.help import help_screen

        if not self.screen.is_modal:
            self.push_screen(help_screen(self.workspace.pane_of(self.focused) or "prompt"))

    def action_health(self) -> None:
        """Open the health page and fill it once the checks are done."""
        from tui.screens.health import health_paras, health_screen

        page = health_screen()
        self.push_screen(page)
        self.background.run("health", self.agent.health, lambda checks: page.show(health_paras(checks)), self.tell_error)

    def action_setup(self) -> None:
        """Open the first-run page and fill it once the checks are done."""
        from tui.screens.setup import SetupScreen, Wish

        if self.screen.is_modal:
            return
        model = self.agent.status.model
        page = SetupScreen(model)

        def wished(what: Wish | None) -> None:
            match what:
                case "demo":
                    self.wants_demo = True
                    self.exit()
                case "pull":
                    self.send(f"/model pull {model}")
                case "context":
                    self.call_later(self.run_action, "pick_context")
                case "again":
                    self.call_later(self.run_action, "setup")

        self.push_screen(page, wished)
        self.background.run("health", self.agent.health, page.show, self.tell_error)

    def offer_setup(self) -> None:
        """Open the first-run page by itself when there is no context to go to: nothing else would help."""

        def known(contexts: Sequence[ContextInfo]) -> None:
            if not contexts and self.workspace.chat.empty and not self.prompt.text:
                self.action_setup()

        if not self.setup_offered:
            self.setup_offered = True
            self.background.run("contexts at first", self.agent.cluster.contexts, known, lambda _: known(()))

    def action_search_history(self) -> None:
        """Search what was asked before, in this session and earlier ones; enter brings it into the prompt."""
        from tui.screens.dialogs.picker import Choice, Picker

        entries = list(dict.fromkeys(reversed(self.prompt.past.entries)))
        choices = [Choice(str(number), one_line(entry)) for number, entry in enumerate(entries)]

        def picked(number: str | None) -> None:
            if number is not None:
                self.prompt.put(entries[int(number)])

        self.push_screen(Picker("asked before", "the newest first", choices), picked)

    def action_docs(self) -> None:
        self.read_docs(None)

    def _docs(self, question: str) -> bool:
        self.read_docs(question)
        return True

    def read_docs(self, question: str | None) -> None:
        """Open the documentation at a question, or where it was left."""
        from tui.screens.docs import DocsScreen, Trail, Wanted

        if self.screen.is_modal:
            return
        if self.docs_trail is None:
            self.docs_trail = Trail()

        def wanted(what: Wanted | None) -> None:
            if what is None:
                return
            if what.what == "run":
                self.send(f"!{what.command}")
            else:
                self.prompt.put(f"!{what.command}")

        self.push_screen(DocsScreen(self.agent.docs, self.background, self.docs_trail, question), wanted)

    def action_runbook(self) -> None:
        """Draft a runbook from the last diagnosis; it is shown and approved like a change."""
        self.launch("/runbook", self.agent.draft_runbook)

    def action_cite(self, run: str, id: str) -> None:
        """Open the evidence or the passage behind a citation."""
        from textual.style import Style

        from tui.screens.dialogs.base import Reader
        from tui.widgets.text.flow import Para, blank
        from tui.widgets.text.markdown import prose

        view = self.views.get(run)
        passage = view.passages.get(id) if view is not None else None
        if passage is not None:
            title = Content.assemble(
                (f"{id}  ", "bold $place"),
                (plain(passage.path), "bold $strong"),
                (f"  lines {passage.lines[0]}–{passage.lines[1]}", "$quiet"),
            )
            path = Para(Content(" › ".join(one_line(part) for part in passage.heading)).stylize("$quiet"))
            self.push_screen(Reader(title, [path, blank(), *prose(passage.text, lambda _: Style())]))
        elif view is not None and id in view.evidence:
            self.open_evidence(run, (id,), "")
        else:
            self.notify(f"{plain(id)} is not known any more", severity="warning", markup=False)

    def open_evidence(self, run: str, ids: tuple[str, ...], title: str) -> None:
        """Show pieces of evidence, each with its source and its words."""
        from tui.screens.dialogs.base import Reader
        from tui.widgets.text.flow import Para, blank

        view = self.views.get(run)
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
        self.push_screen(
            Reader(
                Content(title or "evidence").stylize("bold $strong"),
                paras[:-1] if paras else [Para(Content("no evidence yet").stylize("$quiet"))],
            )
        )

"""`SessionApp`: what the keys, the palette and the words of the prompt do to the session.

Dialogs are imported when they are first opened, since nobody sees them at the first paint.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from textual.content import Content

from tui.actions import CLUSTER_WORDS, PANES, SLASH, Where
from tui.place_app import MODE_WORDS, PlaceApp
from tui.text import one_line, plain, plain_lines
from tui.theme import THEMES
from tui.widgets.header import Header

if TYPE_CHECKING:
    from engine.agent import Agent
    from engine.config import Settings
    from engine.events import Event
    from engine.facts import ObjectRef
    from engine.run import Run
    from tui.approvals import ApprovalQueue
    from tui.bridge import Bridge
    from tui.reading import ClusterReading
    from tui.run_view import RunView
    from tui.screens.docs import Trail
    from tui.widgets.flow import Para
    from tui.widgets.prompt import Prompt
    from tui.workspace import Workspace


class SessionApp(PlaceApp):
    """The actions of the table by their Textual names, and the state that they share."""

    bridge: Bridge
    approvals: ApprovalQueue
    workspace: Workspace
    prompt: Prompt
    reading: ClusterReading

    def __init__(
        self,
        agent: Agent | Callable[[], Agent],
        settings: Settings,
        clock: Callable[[], float],
        folder: Path | None,
        frame: float | None,
    ) -> None:
        super().__init__()
        self._agent_or_maker = agent
        self._frame = frame
        self.settings = settings
        self.clock = clock
        self.folder = folder
        self.ready = False
        """Whether panes, prompt and agent are there; before that only the frame stands."""
        self.header = Header()
        self.views: dict[str, RunView] = {}
        self.runs: dict[str, Run] = {}
        self.current: RunView | None = None
        self.recent: list[str] = []
        self.mouse_taken = settings.ui.mouse
        self.docs_trail: Trail | None = None

    def furnish(self, deliver: Callable[[list[Event]], int]) -> None:
        """Import and make what fills the frame; `deliver` takes events and says how many. Raises what making the agent raises."""
        from tui.approvals import ApprovalQueue
        from tui.background import Background
        from tui.bridge import FRAME, Bridge
        from tui.reading import ClusterReading
        from tui.recent import RecentPlaces
        from tui.widgets.prompt import History, Prompt
        from tui.workspace import Workspace

        given = self._agent_or_maker
        agent = self.agent = given() if callable(given) else given
        if self.folder is None and agent.sessions.folder is not None:
            self.folder = agent.sessions.folder.parent
        self.bridge = Bridge(deliver, self.dropped, frame=FRAME if self._frame is None else self._frame)
        self.background = Background(self.bridge)
        self.approvals = ApprovalQueue(self.clock)
        self.workspace = Workspace()
        self.workspace.output.folder = self.folder
        self.prompt = Prompt(History(self.folder / "history.jsonl" if self.folder else None), id="prompt")
        self.reading = ClusterReading(agent, self.background, self.workspace)
        self.places = RecentPlaces(self.folder / "namespaces.json" if self.folder else None)
        self.recent = self.places.of(agent.status.context)

    def dropped(self, command: str, lines: int) -> None:
        """Lines of a command never arrived, since the screen could not keep up."""
        self.workspace.output.dropped(command, lines)

    # sending

    def send(self, text: str) -> None:
        """A question, a `/word`, a `:word` or a `!command`."""
        if text.startswith("!"):
            command = text[1:].strip()
            if command:
                self._launch(text, lambda: self.agent.commands.run(command))
                if self.workspace.narrow:
                    self.workspace.show("output", focus=False)
        elif text.startswith(("/", ":")):
            self._word(text)
        else:
            if self.workspace.narrow and not self.workspace.maximised:
                self.workspace.show("chat", focus=False)
            self._launch(text, lambda: self.agent.ask(text))

    def _launch(self, text: str, begin: Callable[[], Run]) -> None:
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
        match action.id, argument:
            case "namespace", name if name:
                self.use_namespace("" if name in ("all", "*") else name)
            case "context", name if name:
                self.use_context(name)
            case "docs", question:
                self.read_docs(question or None)
            case "mode", name if name in MODE_WORDS:
                self.use_mode(MODE_WORDS[name])
            case "grants", "clear":
                self.agent.grants.clear()
                self.notify("nothing is allowed for this session any more", markup=False)
            case "theme", name if name in THEMES:
                self.theme = THEMES[name].name
            case _:
                self.call_later(self.run_action, action.run)

    # place

    def action_undo(self) -> None:
        """Propose the way back of the latest change."""
        self._launch("/undo", self.agent.undo)

    def action_grants(self) -> None:
        """Say which exact commands run without asking, and how to take that back."""
        allowed = [f"{plain(context)}: {plain_lines(command)}" for context, command in self.agent.grants.list()]
        words = "\n".join(
            [*allowed, "/grants clear takes them back"] if allowed else ["nothing is allowed for this session: every change asks"]
        )
        self.notify(words, title="allowed for this session" if allowed else "", timeout=15, markup=False)

    # panes

    def action_jump(self, step: int) -> None:
        """The next pane, the prompt among them."""
        order: list[Where] = [*PANES, "prompt"] if not self.workspace.alone else ["chat", "prompt"]
        here = self.workspace.pane_of(self.focused) or "prompt"
        target = order[(order.index(here) + step) % len(order)] if here in order else "prompt"
        if target == "prompt":
            self.prompt.focus()
        else:
            self.workspace.show(target)

    def action_maximise(self) -> None:
        """Give the focused pane the whole width, and back."""
        pane = self.workspace.pane_of(self.focused) or self.workspace.shown
        self.workspace.maximised = not self.workspace.maximised
        self.workspace.show(pane, focus=self.workspace.pane_of(self.focused) is not None)

    def action_toggle_panes(self) -> None:
        self.workspace.alone = not self.workspace.alone
        if self.workspace.alone and self.workspace.pane_of(self.focused) != "chat":
            self.prompt.focus()

    def action_command_bar(self) -> None:
        self.prompt.put(":")

    def action_next_theme(self) -> None:
        names = list(THEMES)
        now = next((name for name in names if THEMES[name].name == self.theme), names[0])
        self.theme = THEMES[names[(names.index(now) + 1) % len(names)]].name

    # pages

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

    def action_model(self) -> None:
        """Say which model answers."""
        from tui.screens.dialog import Reader
        from tui.widgets.flow import Para, blank

        status = self.agent.status
        words = {"ok": "answers", "absent": "is not there", "unknown": "has not been looked for yet", "off": "is switched off"}
        paras = [Para(Content(f"{plain(status.model) or 'the model'} {words[status.model_state]}"))]
        if status.model_note:
            paras.append(Para(Content(one_line(status.model_note)).stylize("$quiet")))
        paras.extend(
            [
                blank(),
                Para(
                    Content(
                        "Without a model the analyzers answer. [model] in k8sagent.toml names another one; /health says how to mend it."
                    ).stylize("$quiet")
                ),
            ]
        )
        self.push_screen(Reader(Content("model").stylize("bold $strong"), paras))

    def action_docs(self) -> None:
        self.read_docs(None)

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
        self._launch("/runbook", self.agent.draft_runbook)

    def action_cite(self, run: str, id: str) -> None:
        """Open the evidence or the passage behind a citation."""
        from textual.style import Style

        from tui.screens.dialog import Reader
        from tui.widgets.flow import Para, blank
        from tui.widgets.prose import prose

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
        from tui.screens.dialog import Reader
        from tui.widgets.flow import Para, blank

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

    def action_start(self, number: str) -> None:
        """A click on one of the welcome page's questions."""
        starts = self.workspace.chat.starts
        if number.isdigit() and 1 <= int(number) <= len(starts):
            self.send(starts[int(number) - 1])

    def about(self, what: str, ref: ObjectRef, question: str) -> None:
        """A key on an object of the cluster pane."""
        from tui.screens.details import Details

        place = f" -n {ref.namespace}" if ref.namespace else ""
        match what:
            case "describe" | "yaml":
                self.push_screen(Details(ref, what, self._read_details, question), lambda asked: self.send(asked) if asked else None)
            case "logs" | "previous":
                if ref.kind != "Pod":
                    self.notify("logs belong to a pod: move to one of the pods below", severity="warning")
                    return
                self.send(f"!kubectl logs {ref.name}{place} --tail=200" + (" --previous" if what == "previous" else ""))
                self.workspace.show("output", focus=False)
            case "investigate":
                self.send(question)
            case "recent":
                self._recent(int(ref.name))
            case _:
                self.copy(ref.name)

    def _recent(self, number: int) -> None:
        if number == 0:
            self.use_namespace("")
        elif number <= len(self.recent):
            self.use_namespace(self.recent[number - 1])
        else:
            self.notify(f"there is no recent namespace {number}; ^n picks one")

    def _read_details(self, tab: str, ref: ObjectRef, then: Callable[[str], None], failed: Callable[[Exception], None]) -> None:
        read = self.agent.cluster.describe if tab == "describe" else self.agent.cluster.yaml
        self.background.run(f"{tab} {ref}", lambda: read(ref), then, failed)

    # session

    def action_new_session(self) -> None:
        """Clear the screen and begin a new transcript."""
        if self.running:
            self.notify("something is still running; esc esc stops it", severity="warning")
            return
        self.agent.new_session()
        self.views.clear()
        self.current = None
        self.workspace.chat.clear()
        self.workspace.timeline.show(None, self.clock())
        self.workspace.output.clear()
        self.reading.welcome()

    def action_edit_last(self) -> None:
        """Bring the last question back."""
        entries = [entry for entry in self.prompt.past.entries if not entry.startswith(("/", ":"))]
        if entries:
            self.prompt.put(entries[-1])

    def action_ask_quit(self) -> None:
        """Leave at once, or ask when something runs."""
        from tui.screens.dialog import Confirm

        if not self.running:
            self.exit()
            return
        if isinstance(self.screen, Confirm):
            return
        self.push_screen(
            Confirm("A question or command is still running. Leave and stop it?", "leave", "stay"), lambda yes: self.exit() if yes else None
        )

    # copying and telling

    def copy(self, text: str) -> None:
        """Copy through the terminal (OSC 52), and to a file for terminals that cannot."""
        self.copy_to_clipboard(text)
        where = ""
        if self.folder is not None:
            try:
                self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                path = self.folder / "clipboard.txt"
                path.touch(mode=0o600)
                path.write_text(text, encoding="utf-8")
                where = f"; also in {path}"
            except OSError:  # the terminal's clipboard has it all the same
                where = ""
        lines = text.count("\n") + 1
        self.notify(f"copied {f'{lines} lines' if lines > 1 else plain(text[:40])}{where}", markup=False)

    def action_copy_answer(self) -> None:
        answer = self.workspace.chat.last_answer()
        if answer:
            self.copy(answer)
        else:
            self.notify("there is no answer yet")

    def action_copy_command(self) -> None:
        commands = [command for view in self.views.values() for command in view.commands.values()]
        if commands:
            self.copy(commands[-1].command)
        else:
            self.notify("no command ran yet")

    def attention(self, words: str) -> None:
        """Ring and say in the terminal's title what is waited for; a terminal that is looked away from is asked to notify."""
        self.bell()
        self.title_says(words)
        if not self.app_focus:
            self.tell_terminal(f"\x1b]9;K8sAgent: {words}\x07\x1b]777;notify;K8sAgent;{words}\x07")

    def run_ended(self, words: str) -> None:
        """A question ended: nothing for those who watch, a notification for those who look elsewhere."""
        if self.app_focus:
            self.title_says("")
        else:
            self.attention(words)

    def tell_terminal(self, sequence: str) -> None:
        """Write a control sequence of our own words, past the screen."""
        if self._driver is not None and not self._driver.is_headless:
            self._driver.write(sequence)

    def title_says(self, words: str) -> None:
        """The terminal's own title; for those who look elsewhere."""
        title = f"{words} · K8sAgent" if words else "K8sAgent"
        self.tell_terminal(f"\x1b]2;{title}\x07")

    def action_toggle_mouse(self) -> None:
        """Let the terminal have the mouse, or take it back."""
        self.mouse_taken = not self.mouse_taken
        self.tell_terminal("".join(f"\x1b[?{mode}{'h' if self.mouse_taken else 'l'}" for mode in (1000, 1003, 1015, 1006)))
        self.notify("the mouse is K8sAgent's" if self.mouse_taken else "the mouse is the terminal's: select as everywhere")

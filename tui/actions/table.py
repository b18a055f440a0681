"""Every action once: bindings, command palette, help, footer and slash commands are all made from this table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tui.actions import keys, panes
from tui.actions.action import Action

if TYPE_CHECKING:
    from tui.app.controls import Controls

Handler = Callable[["Controls", str], None]


def _context(c: Controls, word: str) -> None:
    """`/context window` is about the model's context window; any other word names a context."""
    if word == "window":
        c.models.token_report()
    else:
        c.places.context(word)


SESSION: tuple[Action[Controls], ...] = (
    Action(
        "namespace",
        "Pick a namespace",
        "Pick a namespace; shows pods and failing pods of each",
        keys="ctrl+n,f2",
        footer="namespace",
        slash=("namespace", "ns"),
        argument="[NAME|all]",
        handler=lambda c, name: c.places.namespace(name),
    ),
    Action(
        "stop",
        "Stop the question",
        "Esc closes what is open; twice within three seconds stops the running question",
        keys="escape",
        shown="esc esc",
        footer="stop",
        palette=False,
        handler=lambda c, _: c.layout.escape(),
    ),
    Action(
        "help",
        "Help",
        "Keys and commands, starting with the focused pane",
        keys="f1,question_mark",
        footer="help",
        slash=("help",),
        handler=lambda c, _: c.pages.help(ACTIONS),
    ),
    Action(
        "palette",
        "All commands",
        "Search all commands",
        keys="ctrl+p",
        footer="palette",
        palette=False,
        handler=lambda c, _: c.session.app.action_command_palette(),
    ),
    Action(
        "context",
        "Pick a context",
        "Switch to another context of the kubeconfig; stops the running question",
        keys="ctrl+k",
        footer="context",
        slash=("context", "ctx"),
        argument="[NAME|window]",
        handler=_context,
    ),
    Action(
        "jump",
        "Next pane",
        "Go to the next pane: chat, cluster, timeline, output, prompt",
        keys="ctrl+o",
        footer="jump",
        handler=lambda c, _: c.layout.next_pane(),
    ),
    Action(
        "copy",
        "Copy or stop",
        "Copy the selection; without one, stop the running command",
        keys="ctrl+c",
        in_dialogs=True,
        palette=False,
        handler=lambda c, _: c.questions.copy_or_stop(),
    ),
    Action(
        "quit",
        "Quit",
        "Quit; asks first while something is running",
        keys="ctrl+q",
        slash=("quit", "q"),
        in_dialogs=True,
        handler=lambda c, _: c.pages.quit(),
    ),
    Action("clear", "New session", "Clear the chat and start a new session", slash=("clear",), handler=lambda c, _: c.transcripts.new()),
    Action(
        "sessions",
        "Saved sessions",
        "Search saved sessions; resume, export or delete one",
        keys="f8",
        slash=("sessions",),
        argument="[ID]",
        handler=lambda c, id: c.transcripts.resume(id) if id else c.transcripts.browse(),
    ),
    Action(
        "export",
        "Export session",
        "Export this session as a Markdown post-mortem, JSON or text",
        slash=("export",),
        argument="[FILE.md|.json|.txt]",
        handler=lambda c, path: c.transcripts.export(path),
    ),
    Action(
        "setup",
        "Setup",
        "Check cluster, kubectl and model; download a model or open the demo",
        slash=("setup",),
        handler=lambda c, _: c.pages.setup(),
    ),
    Action(
        "health",
        "Health",
        "Check cluster, kubectl, model, index and permissions, with a fix for each problem",
        slash=("health",),
        handler=lambda c, _: c.pages.health(),
    ),
    Action(
        "findings",
        "All findings",
        "List every finding, critical first",
        slash=("findings",),
        argument="[FILTER]",
        handler=lambda c, needle: c.layout.cluster_tab("findings", needle),
    ),
    Action(
        "host",
        "Check a host",
        "Check this machine, a host listed in [hosts], or the nodes of the cluster",
        slash=("host",),
        argument="[NAME|nodes]",
        handler=lambda c, names: c.questions.check_host(names),
    ),
    Action(
        "docs",
        "Documentation",
        "Search and read runbooks, the guide and past incidents",
        keys="f6",
        slash=("docs",),
        argument="[WORDS]",
        handler=lambda c, words: c.pages.docs(words or None),
    ),
    Action(
        "runbook",
        "Draft a runbook",
        "Draft a runbook from the last diagnosis in your own folder; asks first",
        slash=("runbook",),
        handler=lambda c, _: c.questions.draft_runbook(),
    ),
    Action(
        "model",
        "Model",
        "List the models on the server; switch model, pull one, or allow a remote server",
        slash=("model",),
        argument="[NAME|pull NAME|allow HOST]",
        handler=lambda c, words: c.models.switch(words) if words else c.models.pick(),
    ),
    Action(
        "tokens",
        "Context window",
        "What is in the model's context window, and what each request cost in tokens and seconds",
        slash=("tokens", "window"),
        handler=lambda c, _: c.models.token_report(),
    ),
    Action(
        "mode",
        "Change mode",
        "Ask before changes, read-only, or suggest only",
        slash=("mode",),
        argument="[ask|read-only|suggest-only]",
        handler=lambda c, word: c.places.mode(word),
    ),
    Action("next-mode", "Next mode", "Switch to the next mode", keys="f5", handler=lambda c, _: c.places.next_mode()),
    Action(
        "undo",
        "Undo",
        "Undo the latest change; asks for approval like any other change",
        slash=("undo",),
        handler=lambda c, _: c.questions.undo(),
    ),
    Action(
        "grants",
        "Allowed commands",
        "List the exact commands allowed for this session; clear revokes them all",
        slash=("grants",),
        argument="[clear]",
        handler=lambda c, word: c.questions.grants(word),
    ),
    Action(
        "maximise",
        "Maximise pane",
        "Maximise or restore the focused pane",
        keys="f4",
        handler=lambda c, _: c.layout.maximise(),
    ),
    Action(
        "panes",
        "Hide panes",
        "Hide or show the right column",
        keys="f3",
        handler=lambda c, _: c.layout.toggle_panes(),
    ),
    Action(
        "hide",
        "Hide pane",
        "Hide the focused pane of the right column; f3 twice brings it back",
        keys="minus",
        shown="-",
        handler=lambda c, _: c.layout.toggle_pane(),
    ),
    Action("pane-cluster", "Hide or show cluster", "Hide or show the cluster pane", handler=lambda c, _: c.layout.toggle_pane("cluster")),
    Action("pane-timeline", "Hide or show timeline", "Hide or show the timeline", handler=lambda c, _: c.layout.toggle_pane("timeline")),
    Action("pane-output", "Hide or show output", "Hide or show the output pane", handler=lambda c, _: c.layout.toggle_pane("output")),
    Action("grow", "Enlarge pane", "Make the focused pane larger", keys="plus,ctrl+down", shown="+", handler=lambda c, _: c.layout.grow(1)),
    Action(
        "shrink",
        "Shrink pane",
        "Make the focused pane smaller",
        keys="underscore,ctrl+up",
        shown="_",
        handler=lambda c, _: c.layout.grow(-1),
    ),
    Action(
        "divider-right",
        "Widen the chat",
        "Move the divider between chat and right column (or drag it)",
        keys="ctrl+right",
        handler=lambda c, _: c.session.workspace.move_divider(1),
    ),
    Action(
        "divider-left",
        "Narrow the chat",
        "Move the divider between chat and right column (or drag it)",
        keys="ctrl+left",
        handler=lambda c, _: c.session.workspace.move_divider(-1),
    ),
    Action(
        "theme",
        "Next theme",
        "Switch to the next theme",
        slash=("theme",),
        argument="[dark|light|contrast|colorblind]",
        in_dialogs=True,
        handler=lambda c, name: c.layout.theme(name),
    ),
    Action(
        "mouse",
        "Mouse",
        "Release the mouse so that the terminal can select text, or capture it again",
        keys="f9",
        in_dialogs=True,
        handler=lambda c, _: c.terminal.toggle_mouse(),
    ),
    Action(
        "copy-answer",
        "Copy last answer",
        "Copy the last answer to the clipboard",
        in_dialogs=True,
        handler=lambda c, _: c.terminal.copy_last_answer(),
    ),
    Action(
        "copy-command",
        "Copy last command",
        "Copy the last command to the clipboard",
        in_dialogs=True,
        handler=lambda c, _: c.terminal.copy_last_command(),
    ),
    Action(
        "history-search",
        "Search past questions",
        "Search the prompt history, earlier sessions included",
        keys="ctrl+t",
        handler=lambda c, _: c.pages.search_history(),
    ),
    Action(
        "resend",
        "Edit last question",
        "Edit the last question and send it again",
        keys="ctrl+r",
        handler=lambda c, _: c.questions.edit_last(),
    ),
    Action(
        "bar",
        "Command bar",
        "Type a command such as :ns, :ctx, :nodes, :events, :q",
        keys="colon",
        shown=":",
        palette=False,
        handler=lambda c, _: c.session.prompt.put(":"),
    ),
)

STEERING: dict[str, Handler] = {
    "pin": lambda c, words: c.questions.steer_by_word("pin", words),
    "refute": lambda c, words: c.questions.steer_by_word("refute", words),
    "retry": lambda c, words: c.questions.steer_by_word("retry", words),
    "hypothesis": lambda c, words: c.questions.add_hypothesis(words),
    "evidence-add": lambda c, words: c.questions.add_evidence(words),
}
"""What the timeline's actions do when they are typed as words; as keys they belong to the pane."""

ACTIONS: tuple[Action[Any], ...] = (
    *panes.PROMPT,
    *SESSION,
    *panes.CHAT,
    *panes.CLUSTER,
    *(replace(action, handler=STEERING.get(action.id)) for action in panes.TIMELINE),
    *panes.BLOCK,
    *panes.OUTPUT,
    *panes.SESSIONS,
)
BY_ID = {action.id: action for action in ACTIONS}
SLASH = {word: action for action in ACTIONS for word in action.slash}
REMAPPABLE = tuple(
    action.id
    for action in ACTIONS
    if action.run or action.handler is not None or action.id in ("newline", "complete", "follow", "wrap", "stamps")
    if action.id != "stop"
)
"""Actions whose keys `[keys]` in the configuration may change; the others are handled by what is typed into."""


def use_keys(chosen: Mapping[str, str], origins: Mapping[str, str] | None = None) -> dict[str, str]:
    """Take a person's own keys for actions, for footer and help; returns Textual's key map. Raises ConfigError naming the nearest id."""
    for id in chosen:
        if id in REMAPPABLE:
            continue
        from difflib import get_close_matches

        from engine.core.config import ConfigError

        where = (origins or {}).get(f"keys.{id}", "[keys]")
        if id in BY_ID:
            raise ConfigError(f"{where}: the key of `{id}` cannot be changed; those that can: {', '.join(REMAPPABLE)}")
        near = get_close_matches(id, REMAPPABLE, n=1, cutoff=0.4)
        raise ConfigError(
            f"{where}: unknown action `{id}`" + (f"; did you mean `{near[0]}`?" if near else f"; known are {', '.join(REMAPPABLE)}")
        )
    return keys.choose_keys(chosen)

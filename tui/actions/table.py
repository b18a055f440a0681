"""Every action once, as data: bindings, command palette, help, footer and slash commands are all made from this table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from textual.binding import Binding

Where = Literal["everywhere", "prompt", "chat", "block", "cluster", "timeline", "output", "sessions", "details"]


PANES: tuple[Where, ...] = ("chat", "cluster", "timeline", "output")


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that a person can do.

    `run` is the Textual action ("" where a widget handles the key itself), `keys` are Textual's names and `shown` is how the footer and
    help write the first one. `footer` is its one word there ("" = not in the footer). `slash` are the words that run it from the prompt.
    """

    id: str
    title: str
    help: str
    run: str = ""
    keys: str = ""
    shown: str = ""
    where: Where = "everywhere"
    footer: str = ""
    slash: tuple[str, ...] = ()
    argument: str = ""
    danger: bool = False
    palette: bool = True


ACTIONS: tuple[Action, ...] = (
    Action("send", "Send", "Send the question, the /command or the !command", keys="enter", where="prompt", footer="send", palette=False),
    Action(
        "newline",
        "New line",
        "Start a new line in the prompt (shift+enter where the terminal tells it apart)",
        keys="ctrl+j",
        where="prompt",
        footer="newline",
        palette=False,
    ),
    Action("complete", "Complete", "Complete a /command or an @mention", keys="tab", where="prompt", palette=False),
    Action(
        "history",
        "History",
        "Earlier and later questions, from the first and the last line",
        keys="up",
        shown="up down",
        where="prompt",
        palette=False,
    ),
    Action(
        "namespace",
        "Pick a namespace",
        "Namespaces with their pods and failing pods; type to filter",
        "pick_namespace",
        "ctrl+n,f2",
        footer="namespace",
        slash=("namespace", "ns"),
        argument="[NAME|all]",
    ),
    Action(
        "stop",
        "Stop the question",
        "Esc closes what is open, then twice within three seconds stops the running question",
        keys="escape",
        shown="esc esc",
        footer="stop",
        palette=False,
    ),
    Action(
        "help", "Help", "Keys and commands, those of the focused pane first", "help", "f1,question_mark", footer="help", slash=("help",)
    ),
    Action("palette", "All commands", "Search everything that can be done", "command_palette", "ctrl+p", footer="palette", palette=False),
    Action(
        "context",
        "Pick a context",
        "Contexts of the kubeconfig; switching stops the running question",
        "pick_context",
        "ctrl+k",
        footer="context",
        slash=("context", "ctx"),
        argument="[NAME|window]",
    ),
    Action("jump", "Next pane", "Go to the next pane: chat, cluster, timeline, output, prompt", "jump(1)", "ctrl+o", footer="jump"),
    Action(
        "copy", "Copy or stop", "Copy the selected text; without one, stop the running command", "copy_or_stop", "ctrl+c", palette=False
    ),
    Action("quit", "Quit", "Leave; asks while something runs", "ask_quit", "ctrl+q", slash=("quit", "q")),
    Action("clear", "New session", "Clear the chat and begin a new session", "new_session", slash=("clear",)),
    Action(
        "sessions",
        "Saved sessions",
        "Search saved sessions; go on with one, export it, delete it",
        "sessions",
        "f8",
        slash=("sessions",),
        argument="[ID]",
    ),
    Action(
        "export",
        "Export session",
        "Write this session to a file: a Markdown post-mortem, JSON or text",
        "export",
        slash=("export",),
        argument="[FILE.md|.json|.txt]",
    ),
    Action(
        "setup", "First steps", "What was found of cluster, kubectl and model; download a model, open the demo", "setup", slash=("setup",)
    ),
    Action("health", "Health", "Cluster, kubectl, model, index and permissions, each with the way to mend it", "health", slash=("health",)),
    Action(
        "host",
        "Check a host",
        "What is wrong with this machine, with a host of [hosts], or with nodes of the cluster",
        "check_host",
        slash=("host",),
        argument="[NAME|nodes]",
    ),
    Action(
        "docs",
        "Documentation",
        "Search and read the runbooks, the guide and past incidents; run a command of a page",
        "docs",
        "f6",
        slash=("docs",),
        argument="[WORDS]",
    ),
    Action(
        "runbook",
        "Draft a runbook",
        "Write the last diagnosis as a runbook into your own folder; asks first",
        "runbook",
        slash=("runbook",),
    ),
    Action(
        "model",
        "Model",
        "Which models the server has; take another one, download one, allow a server elsewhere",
        "model",
        slash=("model",),
        argument="[NAME|pull NAME|allow HOST]",
    ),
    Action(
        "tokens",
        "Window and tokens",
        "What stands in the model's window, and what each request cost in tokens and seconds",
        "tokens",
        slash=("tokens", "window"),
    ),
    Action(
        "mode",
        "Change mode",
        "Asks before changes, read-only, or suggests only",
        "next_mode",
        "f5",
        slash=("mode",),
        argument="[ask|read-only|suggest-only]",
    ),
    Action("undo", "Take back", "Propose the way back of the latest change; asks like any other command", "undo", slash=("undo",)),
    Action(
        "grants",
        "Allowed commands",
        "The exact commands you allowed for this session; clear takes them all back",
        "grants",
        slash=("grants",),
        argument="[clear]",
    ),
    Action("maximise", "Maximise pane", "Give the whole width to the focused pane, and back", "maximise", "f4"),
    Action("panes", "Hide panes", "Hide the right column; shown again, all its panes are there", "toggle_panes", "f3"),
    Action(
        "hide",
        "Hide pane",
        "Hide the focused pane of the right column; f3 twice, or going to it, brings it back",
        "toggle_pane",
        "minus",
        "-",
    ),
    Action("pane-cluster", "Hide or show cluster", "Hide the cluster pane, and back", "toggle_pane('cluster')"),
    Action("pane-timeline", "Hide or show timeline", "Hide the timeline, and back", "toggle_pane('timeline')"),
    Action("pane-output", "Hide or show output", "Hide the output pane, and back", "toggle_pane('output')"),
    Action("grow", "Enlarge pane", "Give the focused pane more room", "grow(1)", "plus,ctrl+down", "+"),
    Action("shrink", "Shrink pane", "Give the focused pane less room", "grow(-1)", "underscore,ctrl+up", "_"),
    Action(
        "divider-right", "Widen the chat", "Move the line between chat and right column; the mouse drags it", "divider(1)", "ctrl+right"
    ),
    Action(
        "divider-left", "Narrow the chat", "Move the line between chat and right column; the mouse drags it", "divider(-1)", "ctrl+left"
    ),
    Action(
        "theme",
        "Next theme",
        "Dark, light, high contrast, colour-blind safe",
        "next_theme",
        slash=("theme",),
        argument="[dark|light|contrast|colorblind]",
    ),
    Action("mouse", "Mouse", "Let go of the mouse, so that the terminal itself selects text; and back", "toggle_mouse", "f9"),
    Action("copy-answer", "Copy last answer", "Copy the last answer as text", "copy_answer"),
    Action("copy-command", "Copy last command", "Copy the last command that ran", "copy_command"),
    Action(
        "history-search",
        "Search past questions",
        "What was asked before, in earlier sessions too; enter brings it into the prompt",
        "search_history",
        "ctrl+t",
    ),
    Action("resend", "Edit last question", "Bring the last question back into the prompt; enter sends it again", "edit_last", "ctrl+r"),
    Action("bar", "Command bar", "Type a command such as :ns, :ctx, :nodes, :events, :q", "command_bar", "colon", ":", palette=False),
    # panes
    Action(
        "links",
        "Next link",
        "Go to the next and the previous citation, command or code block",
        "stop(1)",
        "right_square_bracket",
        "] [",
        "chat",
        "links",
        palette=False,
    ),
    Action("open-link", "Open", "Open what the marked citation stands for", "open", "enter", "", "chat", "open", palette=False),
    Action("copy-turn", "Copy answer", "Copy the answer that is read, or the newest", "copy_turn", "c", "", "chat", "copy", palette=False),
    Action(
        "filter",
        "Filter",
        "Show the rows that hold a text (a|b either); !text those that do not; -l app=x by label; up brings the last one back",
        "filter",
        "slash",
        "/",
        "cluster",
        footer="filter",
        palette=False,
    ),
    Action(
        "details",
        "Details",
        "Describe, YAML, logs and events of the object",
        keys="enter",
        where="cluster",
        footer="details",
        palette=False,
    ),
    Action("describe", "Describe", "Describe the object", "details('describe')", "d", where="cluster", palette=False),
    Action("yaml", "YAML", "The object's YAML", "details('yaml')", "y", where="cluster", palette=False),
    Action("logs", "Logs", "The pod's last log lines", "logs(False)", "l", where="cluster", footer="logs", palette=False),
    Action("previous", "Previous logs", "The log of the pod's previous container", "logs(True)", "p", where="cluster", palette=False),
    Action(
        "investigate",
        "Investigate",
        "Ask why this object is in trouble",
        "investigate",
        "i",
        where="cluster",
        footer="investigate",
        palette=False,
    ),
    Action("copy-name", "Copy name", "Copy the object's name", "copy_name", "c", where="cluster", palette=False),
    Action("copy-namespace", "Copy namespace", "Copy the namespace of the object", "copy_namespace", "n", where="cluster", palette=False),
    Action("fold", "Fold", "Show or hide the pods of the workload", "fold", "space", "", "cluster", "fold", palette=False),
    Action("owner", "Owner", "Go to the workload that the object belongs to", "owner", "J,shift+j", "shift+j", "cluster", palette=False),
    Action("tab", "Next tab", "Workloads, nodes, events, findings", "tab(1)", "right_square_bracket,t", "] [", "cluster", palette=False),
    Action(
        "all-namespaces",
        "All namespaces",
        "0 shows all namespaces, 1 to 9 the recent ones",
        keys="0",
        shown="0-9",
        where="cluster",
        palette=False,
    ),
    Action(
        "evidence",
        "Evidence",
        "Open the evidence of the step or hypothesis, or the command's output",
        keys="enter",
        where="timeline",
        footer="evidence",
        palette=False,
    ),
    Action(
        "unfold",
        "Unfold",
        "Show the output or the evidence below the row, and hide it",
        "unfold",
        "space",
        "",
        "timeline",
        "unfold",
        palette=False,
    ),
    Action(
        "pin",
        "Pin",
        "Keep the hypothesis in sight and test it first; again lets it go",
        "steer('pin')",
        "p,P",
        "",
        "timeline",
        "pin",
        ("pin",),
        "[ID]",
        palette=False,
    ),
    Action(
        "refute",
        "Refute",
        "Say that the hypothesis is wrong, and why",
        "steer('refute')",
        "x",
        "",
        "timeline",
        "refute",
        ("refute",),
        "[ID REASON]",
        palette=False,
    ),
    Action(
        "retry",
        "Test again",
        "Test the hypothesis once more",
        "steer('retry')",
        "r",
        "",
        "timeline",
        "retry",
        ("retry",),
        "[ID]",
        palette=False,
    ),
    Action(
        "hypothesis",
        "Add a hypothesis",
        "Say a hypothesis of your own into the running investigation",
        "steer('hypothesis')",
        "h",
        "",
        "timeline",
        "",
        ("hypothesis",),
        "TEXT",
        palette=False,
    ),
    Action(
        "evidence-add",
        "Add evidence",
        "Give the running investigation a log or another text; a long paste is folded",
        "steer('evidence')",
        "e",
        "",
        "timeline",
        "",
        ("evidence",),
        "TEXT",
        palette=False,
    ),
    Action(
        "fix-run",
        "Run",
        "Run the command; what changes something asks first",
        "run",
        "enter",
        where="block",
        footer="run",
        palette=False,
    ),
    Action("fix-edit", "Edit", "Bring the command into the prompt", "edit", "e", where="block", footer="edit", palette=False),
    Action("fix-copy", "Copy", "Copy the command or the code", "copy", "c", where="block", footer="copy", palette=False),
    Action("search", "Search", "Find a text in the output", "search", "slash", "/", "output", footer="search", palette=False),
    Action("match", "Next match", "The next and the previous match", keys="n", shown="n N", where="output", footer="next", palette=False),
    Action(
        "follow",
        "Follow or pause",
        "Stay at the end, or stand still and count new lines",
        keys="s",
        where="output",
        footer="follow",
        palette=False,
    ),
    Action("wrap", "Wrap", "Fold long lines", keys="w", where="output", footer="wrap", palette=False),
    Action("stamps", "Times", "Show when each line came, and hide it", keys="t", where="output", palette=False),
    Action("only", "Matches only", "Show only the lines with a match, and all again", "only", "f", where="output", palette=False),
    Action(
        "ask-output",
        "Ask about it",
        "Ask about the selected lines, or the newest ones; evidence for an investigation under way",
        "ask",
        "a",
        where="output",
        footer="ask",
        palette=False,
    ),
    Action("save", "Save", "Write the lines to a file", "save", "ctrl+s", "^s", "output", footer="save", palette=False),
    Action(
        "session-resume",
        "Resume",
        "Go on with the session; it is shown again",
        keys="enter",
        where="sessions",
        footer="resume",
        palette=False,
    ),
    Action(
        "session-search",
        "Search",
        "Find sessions by question, cause or context",
        "search",
        "slash",
        "/",
        "sessions",
        "search",
        palette=False,
    ),
    Action("session-export", "Export", "Write the session to a file", "want('export')", "e", "", "sessions", "export", palette=False),
    Action(
        "session-delete",
        "Delete",
        "Delete the session for good; asks first",
        "want('delete')",
        "d",
        "",
        "sessions",
        "delete",
        palette=False,
    ),
    Action(
        "output-tab", "Next output", "The next and the previous command", "tab(1)", "right_square_bracket", "] [", "output", palette=False
    ),
    Action("copy-output", "Copy output", "Copy all lines", "copy_output", "c", where="output", palette=False),
)

BY_ID = {action.id: action for action in ACTIONS}
REMAPPABLE = tuple(
    action.id
    for action in ACTIONS
    if action.where != "details" and (action.run or action.id in ("newline", "complete", "follow", "wrap", "stamps"))
)
"""Actions whose keys `[keys]` in the configuration may change; the others are handled by what is typed into."""
SLASH = {word: action for action in ACTIONS for word in action.slash}
CLUSTER_WORDS = {
    "po": "workloads",
    "pod": "workloads",
    "pods": "workloads",
    "deploy": "workloads",
    "deployments": "workloads",
    "sts": "workloads",
    "ds": "workloads",
    "workloads": "workloads",
    "no": "nodes",
    "node": "nodes",
    "nodes": "nodes",
    "ev": "events",
    "events": "events",
    "findings": "findings",
}
"""Words of the command bar that turn to a tab of the cluster pane, as k9s users type them."""


_chosen: dict[str, str] = {}


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
    _chosen.clear()
    _chosen.update({id: ",".join(key.strip() for key in keys.split(",")) for id, keys in chosen.items()})
    return dict(_chosen)


def keys_of(action: Action) -> list[str]:
    """The keys that run an action now, by Textual's names."""
    return [key for key in _chosen.get(action.id, action.keys).split(",") if key]


def key_text(action: Action) -> str:
    """The action's first key as people write it: ^n, f1, enter."""
    return (action.shown if action.id not in _chosen else "") or key_name(next(iter(keys_of(action)), ""))


def key_name(key: str) -> str:
    """Textual's name of a key as people write it."""
    return {"question_mark": "?", "slash": "/", "colon": ":", "plus": "+", "minus": "-", "underscore": "_"}.get(
        key, key.replace("ctrl+", "^")
    )


ARROWS = frozenset({"ctrl+left", "ctrl+right", "ctrl+up", "ctrl+down"})
"""Keys that move in the prompt while it has the focus."""


def bindings(where: Where, *, priority: bool = False) -> list[Binding]:
    """Textual bindings of the actions that belong to a place and have an action to run; a key that types a character never has priority."""
    return [
        Binding(
            key,
            action.run,
            action.title,
            show=False,
            priority=priority and key.startswith(("ctrl+", "f")) and key not in ARROWS,
            id=action.id,
        )
        for action in ACTIONS
        for key in action.keys.split(",")
        if action.where == where and action.keys and action.run
    ]


def footer(*places: Where) -> list[tuple[str, str]]:
    """(key, word) of the actions that the footer of these places shows, in the table's order."""
    return [(key_text(action), action.footer) for action in ACTIONS if action.where in places and action.footer]

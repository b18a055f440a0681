"""The actions of the prompt, the panes and the list of sessions: keys that the widget with the focus handles itself."""

from __future__ import annotations

from typing import Never

from tui.actions.action import Action

PaneAction = Action[Never]

PROMPT: tuple[PaneAction, ...] = (
    Action("send", "Send", "Send the question, the /command or the !command", keys="enter", where="prompt", footer="send"),
    Action(
        "newline",
        "New line",
        "Start a new line in the prompt (shift+enter where the terminal tells it apart)",
        keys="ctrl+j",
        where="prompt",
        footer="newline",
    ),
    Action("complete", "Complete", "Complete a /command or an @mention", keys="tab", where="prompt"),
    Action(
        "history", "History", "Previous and next question, from the first and the last line", keys="up", shown="up down", where="prompt"
    ),
)

CHAT: tuple[PaneAction, ...] = (
    Action(
        "links",
        "Next link",
        "Go to the next or previous citation, command or code block",
        run="stop(1)",
        keys="right_square_bracket",
        shown="] [",
        where="chat",
        footer="links",
    ),
    Action("open-link", "Open", "Open the selected citation", run="open", keys="enter", where="chat", footer="open"),
    Action(
        "copy-turn", "Copy answer", "Copy the answer you are in, or the newest one", run="copy_turn", keys="c", where="chat", footer="copy"
    ),
)

BLOCK: tuple[PaneAction, ...] = (
    Action("fix-run", "Run", "Run the command; changes ask for approval first", run="run", keys="enter", where="block", footer="run"),
    Action("fix-edit", "Edit", "Edit the command in the prompt", run="edit", keys="e", where="block", footer="edit"),
    Action("fix-copy", "Copy", "Copy the command or the code", run="copy", keys="c", where="block", footer="copy"),
)

CLUSTER: tuple[PaneAction, ...] = (
    Action(
        "filter",
        "Filter",
        "Filter rows: text, a|b for either, !text to exclude, -l app=x by label; up recalls the last filter",
        run="filter",
        keys="slash",
        shown="/",
        where="cluster",
        footer="filter",
    ),
    Action("details", "Details", "Describe, YAML, logs and events of the object", keys="enter", where="cluster", footer="details"),
    Action("describe", "Describe", "Describe the object", run="details('describe')", keys="d", where="cluster"),
    Action("yaml", "YAML", "The object's YAML", run="details('yaml')", keys="y", where="cluster"),
    Action("logs", "Logs", "The pod's last log lines", run="logs(False)", keys="l", where="cluster", footer="logs"),
    Action("previous", "Previous logs", "Logs of the previous container instance", run="logs(True)", keys="p", where="cluster"),
    Action(
        "investigate",
        "Investigate",
        "Ask what is wrong with this object",
        run="investigate",
        keys="i",
        where="cluster",
        footer="investigate",
    ),
    Action("copy-name", "Copy name", "Copy the object's name", run="copy_name", keys="c", where="cluster"),
    Action("copy-namespace", "Copy namespace", "Copy the namespace of the object", run="copy_namespace", keys="n", where="cluster"),
    Action("fold", "Fold", "Show or hide the pods of the workload", run="fold", keys="space", where="cluster", footer="fold"),
    Action("owner", "Owner", "Go to the workload that owns the object", run="owner", keys="J,shift+j", shown="shift+j", where="cluster"),
    Action(
        "tab", "Next tab", "Workloads, nodes, events, findings", run="tab(1)", keys="right_square_bracket,t", shown="] [", where="cluster"
    ),
    Action("all-namespaces", "All namespaces", "0 for all namespaces, 1 to 9 for recent ones", keys="0", shown="0-9", where="cluster"),
)

TIMELINE: tuple[PaneAction, ...] = (
    Action(
        "evidence",
        "Evidence",
        "Open the evidence of the step or hypothesis, or the command's output",
        keys="enter",
        where="timeline",
        footer="evidence",
    ),
    Action(
        "unfold",
        "Unfold",
        "Expand or collapse the output or evidence below the row",
        run="unfold",
        keys="space",
        where="timeline",
        footer="unfold",
    ),
    Action(
        "pin",
        "Pin",
        "Pin the hypothesis so that it is tested first; again to unpin",
        run="steer('pin')",
        keys="p,P",
        where="timeline",
        footer="pin",
        slash=("pin",),
        argument="[ID]",
    ),
    Action(
        "refute",
        "Refute",
        "Rule the hypothesis out, with a reason",
        run="steer('refute')",
        keys="x",
        where="timeline",
        footer="refute",
        slash=("refute",),
        argument="[ID REASON]",
    ),
    Action(
        "retry",
        "Test again",
        "Test the hypothesis again",
        run="steer('retry')",
        keys="r",
        where="timeline",
        footer="retry",
        slash=("retry",),
        argument="[ID]",
    ),
    Action(
        "hypothesis",
        "Add a hypothesis",
        "Add a hypothesis of your own to the investigation",
        run="steer('hypothesis')",
        keys="h",
        where="timeline",
        slash=("hypothesis",),
        argument="TEXT",
    ),
    Action(
        "evidence-add",
        "Add evidence",
        "Add a log or any other text to the investigation as evidence",
        run="steer('evidence')",
        keys="e",
        where="timeline",
        slash=("evidence",),
        argument="TEXT",
    ),
)

OUTPUT: tuple[PaneAction, ...] = (
    Action("search", "Search", "Search the output", run="search", keys="slash", shown="/", where="output", footer="search"),
    Action("match", "Next match", "Next or previous match", keys="n", shown="n N", where="output", footer="next"),
    Action(
        "follow", "Follow or pause", "Follow the end of the output, or pause and count new lines", keys="s", where="output", footer="follow"
    ),
    Action("wrap", "Wrap", "Wrap long lines", keys="w", where="output", footer="wrap"),
    Action("stamps", "Times", "Show or hide the time each line arrived", keys="t", where="output"),
    Action("only", "Matches only", "Show only matching lines, or all lines", run="only", keys="f", where="output"),
    Action(
        "ask-output",
        "Ask about it",
        "Ask about the selected lines, or the newest ones; during an investigation they become evidence",
        run="ask",
        keys="a",
        where="output",
        footer="ask",
    ),
    Action("save", "Save", "Save the lines to a file", run="save", keys="ctrl+s", shown="^s", where="output", footer="save"),
    Action(
        "output-tab",
        "Next output",
        "Output of the next or previous command",
        run="tab(1)",
        keys="right_square_bracket",
        shown="] [",
        where="output",
    ),
    Action("copy-output", "Copy output", "Copy all lines", run="copy_output", keys="c", where="output"),
)

SESSIONS: tuple[PaneAction, ...] = (
    Action("session-resume", "Resume", "Resume the session", keys="enter", where="sessions", footer="resume"),
    Action(
        "session-search",
        "Search",
        "Find sessions by question, cause or context",
        run="search",
        keys="slash",
        shown="/",
        where="sessions",
        footer="search",
    ),
    Action("session-export", "Export", "Export the session to a file", run="want('export')", keys="e", where="sessions", footer="export"),
    Action(
        "session-delete",
        "Delete",
        "Delete the session permanently; asks first",
        run="want('delete')",
        keys="d",
        where="sessions",
        footer="delete",
    ),
)

"""Words of the prompt: `/word` runs an action, `:word` an action or a list of the cluster with k9s' arguments."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

from tui.actions.table import SLASH
from tui.style.text import plain

if TYPE_CHECKING:
    from tui.app.controls import Controls

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


@dataclass(frozen=True, slots=True)
class Jump:
    """A list of the cluster to turn to: what to filter it by ("" = all of it), and where (None: stay)."""

    tab: str
    needle: str = ""
    namespace: str | None = None
    context: str = ""


def jump_of(text: str) -> Jump | None:
    """`:pod`, `:pod shop`, `:pod /filter`, `:pod app=x`, `:pod @context` in any order; None where the word is no list of the cluster."""
    word, _, rest = text.removeprefix(":").strip().partition(" ")
    tab = CLUSTER_WORDS.get(word.lower())
    if tab is None:
        return None
    rest, slash, needle = f" {rest}".partition(" /")
    namespace, context, labels = None, "", []
    for part in rest.split():
        if part.startswith("@"):
            context = part[1:]
        elif "=" in part:
            labels.append(part)
        else:
            namespace = "" if part in ("all", "*") else part
    if labels and not slash:
        needle = f"-l {','.join(labels)}"
    return Jump(tab, needle.strip(), namespace, context)


def nearest(word: str, *, bar: bool) -> str:
    """The word of the prompt (of the `:` bar, the lists too) that was most likely meant."""
    words: Iterable[str] = (*SLASH, *CLUSTER_WORDS) if bar else SLASH
    close = get_close_matches(word.lower(), list(words), n=1, cutoff=0.5)
    return close[0] if close else next((name for name in words if name.startswith(word[:1])), "help")


def completions(sign: str) -> list[tuple[str, str]]:
    """Every word that may follow `/` or `:`, in order, each with what it does."""
    about = {word: f"{action.argument}  {action.help}".strip() for word, action in SLASH.items()}
    if sign == ":":
        about = {word: f"the {tab} of the cluster pane" for word, tab in CLUSTER_WORDS.items()} | about
    return sorted(about.items())


def place_kind(word: str) -> str:
    """`namespace` or `context` for a word whose argument is one; "" for any other."""
    action = SLASH.get(word)
    return action.id if action is not None and action.id in ("namespace", "context") else ""


def run_word(controls: Controls, text: str) -> None:
    """Run what `/word argument` or `:word argument` stands for, or name the nearest word that exists."""
    if text.startswith(":") and (jump := jump_of(text)) is not None:
        _jump(controls, jump)
        return
    word, argument = (*text[1:].strip().split(maxsplit=1), "", "")[:2]
    action = SLASH.get(word)
    if action is None:
        sign, near = text[0], nearest(word, bar=text.startswith(":"))
        controls.session.app.notify(
            f"unknown command {sign}{plain(word)}; did you mean {sign}{near}? /help lists all", severity="warning", markup=False
        )
    elif action.handler is not None:
        action.handler(controls, argument.strip())


def _jump(controls: Controls, jump: Jump) -> None:
    session = controls.session
    if jump.context and jump.context != session.agent.status.context:
        controls.places.use_context(jump.context)
    if jump.namespace is not None and jump.namespace != session.agent.status.namespace:
        controls.places.use_namespace(jump.namespace)
    controls.layout.cluster_tab(jump.tab, jump.needle)

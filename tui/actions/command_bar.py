"""The `:` bar: words that turn to a list of the cluster, with k9s' arguments, and the nearest word to one that does not exist."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

from tui.actions.table import CLUSTER_WORDS, SLASH


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

"""`RowFilter`: what `/` keeps of a list — words, `!` for the rows without them, `-l` for labels, as k9s users type them."""

from __future__ import annotations

from collections.abc import Mapping

NO_LABELS: Mapping[str, str] = {}


class RowFilter:
    """Made of what was typed: all words have to be there, `a|b` is either.

    `!words` keeps the rows without them; `-l app=x,tier!=y` looks at labels.
    """

    def __init__(self, text: str = "") -> None:
        self.text = text.strip()
        self.by_label = self.text.startswith("-l")
        self.inverse = self.text.startswith("!")
        body = self.text[2:] if self.by_label else self.text[1:] if self.inverse else self.text
        self._words = [] if self.by_label else [word.split("|") for word in body.lower().split()]
        self._terms = [term for part in body.split(",") if (term := part.strip())] if self.by_label else []

    def __bool__(self) -> bool:
        return bool(self._words or self._terms)

    def keeps(self, text: str, labels: Mapping[str, str] = NO_LABELS) -> bool:
        """Whether a row with this text and these labels stays."""
        if self.by_label:
            return all(_holds(term, labels) for term in self._terms)
        if not self._words:
            return True
        hay = text.lower()
        return all(any(word in hay for word in either) for either in self._words) != self.inverse


def _holds(term: str, labels: Mapping[str, str]) -> bool:
    key, sign, value = term.partition("!=")
    if sign:
        return labels.get(key.strip()) != value.strip()
    key, sign, value = term.partition("=")
    if sign:
        return labels.get(key.strip()) == value.lstrip("=").strip()
    return term[1:] not in labels if term.startswith("!") else term in labels

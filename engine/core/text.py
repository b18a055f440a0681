"""Quantities and times as people and kubectl write them."""

from __future__ import annotations


def age(seconds: float) -> str:
    """Seconds as a person says them: `90s`, `8m`, `3d`."""
    whole = max(0, int(seconds))
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if whole >= size * 2:
            return f"{whole // size}{unit}"
    return f"{whole}s"


def cut_words(text: str, most: int) -> str:
    """A text on one line, cut at a word and marked with an ellipsis where it is longer than `most` characters."""
    line = " ".join(text.split())
    if len(line) <= most:
        return line
    return line[: most - 1].rsplit(" ", 1)[0].rstrip(",;: ") + "…"

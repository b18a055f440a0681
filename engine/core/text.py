"""Quantities and times as people and kubectl write them."""

from __future__ import annotations

import re

_HALF_PAIR = re.compile(
    rb"(?<!\\)((?:\\\\)*)(?:\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F][0-9a-fA-F]{2})|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F][0-9a-fA-F]{2})"
)


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


def repaired_json(data: bytes) -> bytes:
    """JSON whose halves of surrogate pairs and bytes that are no UTF-8 became U+FFFD, so that one odd value costs no more than itself."""
    return _HALF_PAIR.sub(rb"\1\\ufffd", data.decode("utf-8", "replace").encode())

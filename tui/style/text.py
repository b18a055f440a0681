"""Text from outside made safe to show, and the few short forms (ages, sizes, bars, cuts) that every pane shares.

Names, logs and answers come from clusters and models. They are shown literally: nothing in them may move the cursor, turn the
writing direction or make a row wider than it counts.
"""

from __future__ import annotations

import re
import unicodedata

from rich.cells import cell_len

ELLIPSIS = "…"
_TAB = "        "
_INVISIBLE = re.compile(
    "[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\ufff9-\ufffb\ud800-\udfff"
    "\U000e0000-\U000e01ef]"
)


def _visible(match: re.Match[str]) -> str:
    code = ord(match.group())
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "\u2421"
    if 0xFE00 <= code <= 0xFE0F:
        return ""
    return f"‹{code:04x}›"


def plain(text: str) -> str:
    """One line of outside text, literal: control, zero-width and direction characters become visible signs, tabs become spaces."""
    if text.isascii() and text.isprintable():
        return text
    if "\t" in text:
        text = text.expandtabs(8)
    text = _INVISIBLE.sub(_visible, text)
    return _without_stacks(text) if not text.isascii() else text


def plain_lines(text: str) -> str:
    """The same for text of several lines; line ends stay."""
    return "\n".join(plain(line) for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n"))


def one_line(text: str) -> str:
    """Text of any number of lines as one literal line; runs of blanks become one."""
    return plain(" ".join(text.split()))


def _without_stacks(text: str) -> str:
    """At most two combining marks on a letter, so that no text grows over its neighbours' rows."""
    if not any(unicodedata.combining(char) for char in text):
        return text
    kept: list[str] = []
    run = 0
    for char in text:
        run = run + 1 if unicodedata.combining(char) else 0
        if run <= 2:
            kept.append(char)
    return "".join(kept)


def take(text: str, cells: int) -> str:
    """The longest beginning that fits into so many cells."""
    if cells <= 0:
        return ""
    if text.isascii():
        return text[:cells]
    text = text[: cells * 4]
    while text and cell_len(text) > cells:
        text = text[: max(len(text) - max((cell_len(text) - cells) // 2, 1), 0)]
    return text


def _take_end(text: str, cells: int) -> str:
    return take(text[::-1], cells)[::-1] if not text.isascii() else (text[-cells:] if cells > 0 else "")


def cut(text: str, cells: int) -> str:
    """Text cut at its end with an ellipsis where it is too long."""
    if len(text) <= cells and (text.isascii() or cell_len(text) <= cells):
        return text
    return take(text, cells - 1) + ELLIPSIS if cells > 0 else ""


def cut_middle(text: str, cells: int) -> str:
    """A name cut in its middle, since both of its ends tell; a pod's own last part stays whole where there is room for it."""
    if len(text) <= cells and (text.isascii() or cell_len(text) <= cells):
        return text
    if cells <= 1:
        return ELLIPSIS if cells == 1 else ""
    end = (cells - 1) * 2 // 5
    own = len(text) - text.rfind("-")
    if text.isascii() and 3 < own <= cells // 2:
        end = own
    return take(text, cells - 1 - end) + ELLIPSIS + _take_end(text, end)


def age(seconds: float) -> str:
    """An age as kubectl shows it in short: 45s, 8m, 3h, 12d."""
    whole = max(int(seconds), 0)
    if whole < 120:
        return f"{whole}s"
    if whole < 3600 * 2:
        return f"{whole // 60}m"
    if whole < 86400 * 2:
        return f"{whole // 3600}h"
    if whole < 86400 * 730:
        return f"{whole // 86400}d"
    return f"{whole // (86400 * 365)}y"


def seconds(value: float) -> str:
    """A duration of a step: 0.3, 12, 2m05."""
    if value < 9.95:
        return f"{value:.1f}"
    if value < 120:
        return f"{value:.0f}"
    return f"{int(value) // 60}m{int(value) % 60:02d}"


def size(count: int) -> str:
    """Bytes in decimal units: 512 B, 1.9 kB, 3.2 MB."""
    if count < 1000:
        return f"{count} B"
    for unit in ("kB", "MB", "GB"):
        count_in = count / 1000
        if count_in < 999.5 or unit == "GB":
            return f"{count_in:.1f} {unit}"
        count = int(count_in)
    return ""


def cores(value: float) -> str:
    """CPU as kubectl says it: 12m, 250m, 1.5."""
    return f"{value * 1000:.0f}m" if value < 0.9995 else f"{value:.1f}"


def memory(value: float) -> str:
    """Bytes of memory as kubectl says them: 48Mi, 1.2Gi."""
    mebibytes = value / 2**20
    return f"{mebibytes:.0f}Mi" if mebibytes < 1000 else f"{mebibytes / 1024:.1f}Gi"


def bar(fraction: float, width: int = 8) -> tuple[str, str]:
    """A small bar: the filled part and the rest."""
    filled = int(min(max(fraction, 0.0), 1.0) * width + 0.01)
    return "▇" * filled, "▁" * (width - filled)


def count(number: int, noun: str) -> str:
    """`1 pod`, `3 pods`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"

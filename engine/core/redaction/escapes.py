"""Takes terminal control out of outside text, so that it can be shown, stored and matched as plain text."""

from __future__ import annotations

import re

# Strings (OSC, DCS, SOS, PM, APC) end with BEL, ST or, when cut off, with the line; then CSI; then every other escape.
_ESCAPES = re.compile(
    r"(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c|(?=\x1b)|(?=\n)|$)"
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"
    r"|\x1b[ -/]*[0-~]?"
)
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
# Marks that reorder or hide text, and characters without a glyph: directional and zero-width ones, fillers, variation selectors, tags.
_INVISIBLE = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164\ufe00-\ufe0f"
    "\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e0fff"
)
_HIDDEN = re.compile(f"[{_INVISIBLE}]")
_SEPARATORS = re.compile("[\u2028\u2029]")
_SURROGATES = re.compile("[\ud800-\udfff]")
_SUSPECT = re.compile(f"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff{_INVISIBLE}]")


def strip_escapes(text: str) -> str:
    """Plain text: no CSI, OSC, DCS or other escape, no C0 or C1 control but newline and tab, no hidden or reordering mark,
    no half of a surrogate pair.

    A carriage return in the middle of a line becomes a new line, since a terminal would overwrite what stood before it.
    """
    if not _SUSPECT.search(text):
        return text
    text = _ESCAPES.sub("", text)
    text = text.replace("\r\n", "\n").rstrip("\r").replace("\r", "\n")
    text = _SURROGATES.sub("\ufffd", _SEPARATORS.sub("\n", text))
    return _HIDDEN.sub("", _CONTROLS.sub("", text))


def visible(text: str, *, ascii_only: bool = False) -> str:
    """The text on one line with every odd character spelled out (`\\x1b`, `\\u202e`), for a person to judge; with `ascii_only` every
    letter beyond ASCII too.
    """
    return "".join(c if c.isprintable() and (c.isascii() or not ascii_only) else c.encode("unicode_escape").decode("ascii") for c in text)

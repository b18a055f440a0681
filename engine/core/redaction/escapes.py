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
# Marks that reorder or hide text: bidirectional overrides and isolates, zero-width characters, line separators.
_HIDDEN = re.compile("[\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb]")
_SEPARATORS = re.compile("[\u2028\u2029]")
_SUSPECT = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]")


def strip_escapes(text: str) -> str:
    """Plain text: no CSI, OSC, DCS or other escape, no C0 or C1 control but newline and tab, no hidden or reordering mark.

    A carriage return in the middle of a line becomes a new line, since a terminal would overwrite what stood before it.
    """
    if not _SUSPECT.search(text):
        return text
    text = _ESCAPES.sub("", text)
    text = text.replace("\r\n", "\n").rstrip("\r").replace("\r", "\n")
    text = _SEPARATORS.sub("\n", text)
    return _HIDDEN.sub("", _CONTROLS.sub("", text))


def visible(text: str) -> str:
    """The text on one line with every odd character spelled out (`\\x1b`, `\\u202e`), for a person to judge."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)

"""What the terminal can do, as one line of `health`."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping

from engine.agent.self_check import Check

SMALLEST = (80, 24)


def terminal_check(environment: Mapping[str, str] | None = None, *, size: tuple[int, int] | None = None, encoding: str = "") -> Check:
    """Colours, size, encoding and clipboard of the terminal on standard output; fine where there is none, since scripts need none."""
    env = os.environ if environment is None else environment
    if size is None and not sys.stdout.isatty():
        return Check("terminal", True, "none (the output goes elsewhere)", needed=False)
    columns, rows = size or tuple(shutil.get_terminal_size())
    name = env.get("TERM", "")
    unicode = (encoding or sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    detail = f"{name or 'TERM is not set'}, {columns}x{rows}, {_colours(env)}, {'UTF-8' if unicode else 'no UTF-8'}; {_clipboard(env)}"
    if name in ("", "dumb"):
        return Check("terminal", False, detail, "use the line mode: k8sagent interactive --plain", needed=False)
    if not unicode:
        return Check("terminal", False, detail, "set LANG to a UTF-8 locale, as in LANG=C.UTF-8", needed=False)
    if columns < SMALLEST[0] or rows < SMALLEST[1]:
        return Check("terminal", False, detail, "make the window at least 80x24, or use the line mode: --plain", needed=False)
    return Check("terminal", True, detail, needed=False)


def _colours(env: Mapping[str, str]) -> str:
    if env.get("NO_COLOR"):
        return "no colour (NO_COLOR)"
    if env.get("COLORTERM", "") in ("truecolor", "24bit"):
        return "16 million colours"
    return "256 colours" if "256color" in env.get("TERM", "") else "16 colours"


def few_colours(env: Mapping[str, str] | None = None) -> bool:
    """Whether the terminal has 256 colours or fewer, as Textual will find."""
    return _colours(os.environ if env is None else env) != "16 million colours"


def _clipboard(env: Mapping[str, str]) -> str:
    """Copying goes through the terminal (OSC 52), which some refuse until configured."""
    if env.get("TMUX"):
        return "copying needs `set -g set-clipboard on` in tmux"
    if env.get("STY"):
        return "copying does not pass through screen"
    if env.get("TERM_PROGRAM") == "Apple_Terminal":
        return "Terminal.app does not take copied text (OSC 52); select with the mouse"
    if "VTE_VERSION" in env:
        return "this terminal may not take copied text (OSC 52); select with shift and the mouse"
    return "copying by OSC 52"

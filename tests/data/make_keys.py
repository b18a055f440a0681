"""Writes docs/guide/keys.md from the action table: `python tests/data/make_keys.py`. A test holds the page to what this makes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))

from tui.actions.action import Action, Where  # noqa: E402
from tui.actions.keys import key_name, key_text, keys_of  # noqa: E402
from tui.actions.table import ACTIONS, REMAPPABLE  # noqa: E402

HEAD = """# Keys and words

F1 shows the keys of the focused pane first. The ids are what `[keys]` of the configuration changes; keys are named as Textual names them
(`ctrl+t`, `f7`, `slash`, `right_square_bracket`), comma between several:

```toml
[keys]
namespace = "f7,ctrl+n"
investigate = "w"
```

An unknown id is an error that names the nearest one; footer and help show the keys in force.
"""
PLACES: dict[Where, str] = {
    "everywhere": "Everywhere",
    "prompt": "While typing",
    "chat": "In the chat",
    "block": "On a command or a code block",
    "cluster": "Cluster pane",
    "timeline": "Timeline",
    "output": "Output",
    "sessions": "Saved sessions",
}


def _keys(action: Action[Any]) -> str:
    if not action.keys:
        return "palette" if action.palette else "words"
    first = key_text(action)
    names = [first, *(key_name(key) for key in keys_of(action)[1:] if not action.shown)]
    return " ".join(f"`{name}`" for name in names)


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    for where, title in PLACES.items():
        rows = [
            f"| {_keys(action)} | {action.help} | {action.id if action.id in REMAPPABLE else ''} |"
            for action in ACTIONS
            if action.where == where and (action.keys or action.palette)
        ]
        if rows:
            parts.append("\n".join([f"\n## {title}\n", "| keys | what | id |", "| --- | --- | --- |", *rows, ""]))
    words = [
        f"| `{' '.join(f'/{word}' for word in action.slash)}{f' {action.argument}' if action.argument else ''}` | {action.help} |"
        for action in ACTIONS
        if action.slash
    ]
    rest = ["| `!kubectl …` | Run a command yourself; changes ask first |", "| `@name` | Mention an object; tab completes |"]
    parts.append("\n".join(["\n## Words in the prompt\n", "| word | what |", "| --- | --- |", *map(_escaped, words), *rest, ""]))
    return "".join(parts)


def _escaped(row: str) -> str:
    """A table row whose bars inside code are escaped."""
    pieces = row.split("`")
    return "`".join(piece.replace("|", "\\|") if n % 2 else piece for n, piece in enumerate(pieces))


if __name__ == "__main__":
    (ROOT / "docs/guide/keys.md").write_text(page(), encoding="utf-8")

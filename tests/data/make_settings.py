"""Writes the tables of docs/guide/configuration.md from k8sagent.toml: `python tests/data/make_settings.py`. A test holds the page."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/guide/configuration.md"
HEADING = "## Every setting\n"
LINE = re.compile(r'(?P<key>\w+) = (?P<default>"[^"]*"|\[[^\]]*\]|[^#\s]+)(?:\s+# (?P<words>.*))?')


def tables() -> str:
    """A table for each section: setting, default, what it does in the words of the shipped file."""
    parts = [HEADING, '\n`[keys]` takes your own keys: `action = "keys"`; [keys](keys.md) has the ids.\n']
    for line in (ROOT / "k8sagent.toml").read_text(encoding="utf-8").splitlines():
        if section := re.match(r"\[(\w+)\]", line):
            if section[1] != "keys":
                parts.append(f"\n### [{section[1]}]\n\n| setting | default | what it is |\n| --- | --- | --- |\n")
        elif setting := LINE.match(line):
            words = (setting["words"] or "as the line above").replace("|", "\\|")
            parts.append(f"| `{setting['key']}` | `{setting['default']}` | {words} |\n")
    return "".join(parts)


def page() -> str:
    """The whole page: what stands above the tables stays."""
    return PAGE.read_text(encoding="utf-8").split(HEADING)[0].rstrip() + "\n\n" + tables()


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")

"""A first, cheap look: text without any of these words cannot hold a secret that the other modules know.

It stands apart so that a command without secrets is judged before the large patterns are compiled.
"""

from __future__ import annotations

import re

PATTERNS = re.compile(
    r"pass|pwd|secret|token|key|auth|bearer|cred|cookie|sig=|-----|://|@tcp\(|eyj|akia|asia|aiza|ya29|gocspx|sha256~|gh[pousr]_|github_|gl[a-z]*-|glsa_|"
    r"sk-|sk_|rk_|whsec|hf_|npm_|pypi-|dckr_|xox|xapp|slack|sg\.|dop_|hvs\.|hvb\.|dapi|shp|sq0|atatt|lin_api|nvapi|gsk_|r8_|ls0tls1crudj|[a-z0-9]{6}\.[a-z0-9]{16}|"
    r"login|sshpass|mysql|curl|8q~|discord|bot",
    re.IGNORECASE,
)

STRUCTURE = re.compile(r"kind|[dD]ata|-----|name|auths?\b|\bget +secret|^[ \t]*[A-Za-z0-9+/]{40,}={0,2}$", re.MULTILINE)


def may_hold_secret(text: str) -> bool:
    """False when no line of the text can hold a secret."""
    return bool(STRUCTURE.search(text) or PATTERNS.search(text))

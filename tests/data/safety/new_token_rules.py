"""Which rules of a newer gitleaks.toml find tokens that the redactor lets pass: run it by hand when tokens.json is brought up to date.

usage: python tests/data/safety/new_token_rules.py gitleaks.toml

For every rule whose tokens tell themselves by their shape, a token is made of the rule's own pattern and put into a log line.
"""

from __future__ import annotations

import random
import re
import sys
import tomllib
from pathlib import Path
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[3]))

from engine.core.redaction.redactor import Redactor

CHANCE = random.Random(4)
ALPHABET = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


def made(nodes: Any) -> str:
    """A text that a parsed pattern matches."""
    return "".join(one(str(kind), value) for kind, value in nodes)


def one(kind: str, value: Any) -> str:
    match kind:
        case "LITERAL":
            return chr(value)
        case "MAX_REPEAT" | "MIN_REPEAT":
            least, most, inner = value
            return "".join(made(inner) for _ in range(CHANCE.randint(least, min(int(most), least + 4))))
        case "SUBPATTERN":
            return made(value[-1])
        case "BRANCH":
            return made(CHANCE.choice(value[1]))
        case "IN":
            found = [choice for item in value for choice in members(str(item[0]), item[1])]
            return CHANCE.choice(found or list(ALPHABET))
        case "ANY" | "CATEGORY" | "NOT_LITERAL":
            return CHANCE.choice(ALPHABET)
        case _:
            return ""


def members(kind: str, value: Any) -> list[str]:
    if kind == "LITERAL":
        return [chr(value)]
    if kind == "RANGE":
        return [chr(code) for code in range(value[0], value[1] + 1)]
    return list("0123456789") if "DIGIT" in str(value) else list(ALPHABET) if "WORD" in str(value) else []


def main() -> None:
    """Print the rules whose tokens pass."""
    rules = tomllib.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))["rules"]
    passed: list[str] = []
    tried = 0
    for rule in rules:
        pattern = rule.get("regex", "")
        if not pattern or "{0,50}?" in pattern or "BEGIN" in pattern or rule["id"].startswith(("curl-", "kubernetes-")):
            continue  # found by the name of a key beside it, which the redactor knows in general
        plain = re.sub(r"\\b|\(\?i\)|\(\?:\[\\x60.*$", "", pattern.replace("[[:alnum:]]", "[a-z0-9]").replace("(?-i:", "(?:")).replace(
            "\\z", "$"
        )
        try:
            tree = parser.parse(plain)
        except re.error:
            continue
        tokens = [made(tree).strip("\"' \t;`") for _ in range(3)]
        tried += 1
        if any(token in Redactor().text(f"ERROR upstream refused {token} twice") for token in tokens):
            passed.append(f"{rule['id']}: {tokens[0]}")
    print(f"{tried} rules tried, {len(passed)} pass:", *passed, sep="\n  ")


if __name__ == "__main__":
    main()

"""A first, cheap look: text without any of these words cannot hold a secret that the other modules know.

It stands apart so that a command without secrets is judged before the large patterns are compiled, and it works with plain
substrings, since these cost a tenth of one large pattern.
"""

from __future__ import annotations

import functools
import json
import re
from pathlib import Path

KEY_WORDS = (
    "pass",
    "pwd",
    "secret",
    "token",
    "key",
    "cred",
    "auth",
    "sig",
    "sas",
    "pw",
    "webhook",
    "dockerc",
    "client-cert",
    *(
        "kennwort",
        "contrase",
        "wachtwoord",
        "senha",
        "lösenord",
        "hasło",
        "heslo",
        "parola",
        "salasana",
        "jelszó",
        "şifre",
        "пароль",
        "パスワード",
    ),
    *("密码", "密碼", "mot de passe", "jwt", '"kty'),
)
"""Parts of the names of keys that hold secrets."""


@functools.cache
def token_prefixes() -> dict[str, dict[str, str]]:
    """By kind of placeholder: what vendors' tokens begin with, and a pattern of what follows (tokens.json)."""
    found: dict[str, dict[str, str]] = json.loads(Path(__file__).with_name("tokens.json").read_text(encoding="utf-8"))
    return found


_WORDS = (
    *KEY_WORDS,
    *(
        "bearer",
        "cookie",
        "-----",
        "eyj",
        "ls0tls1crudj",
        "login",
        "identified",
        "mysql",
        "mariadb",
        "redis-cli",
        "hooks.slack",
    ),
    *(
        "--creds",
        "incomingwebhook",
        "azdo",
        "access-sandbox",
        "access-prod",
        "access-dev",
        "airtable",
        "pat.",
        "sat.",
        ".acc-",
        ".acc_",
        "==",
        "atlasv1",
        "_mmk",
        "ldap",
        "oracle",
        "sqlplus",
        "md5",
        "scram-sha",
        "basic ",
        "community",
        "stats auth",
        "sessid",
        "sessionid",
        "connect.sid",
        "otp",
        "_salt",
        "bearer",
        "mnemonic",
        "securestring",
        " -p ",
    ),
)
_PIN = re.compile(r"(?<![a-z])(?:pin|psk)(?![a-z])")


def key_words(low: str) -> bool:
    """Whether a text in small letters holds a part of the name of a key that holds a secret."""
    for word in KEY_WORDS:
        if word in low:
            return True
    return _PIN.search(low) is not None


_BY_HEAD: dict[str, list[str]] = {}
for _prefix in (prefix.lower() for prefixes in token_prefixes().values() for prefix in prefixes):
    _BY_HEAD.setdefault(_prefix[:3], []).append(_prefix)
_STARTS = re.compile(r"(?<![a-z0-9_])(?=([a-z0-9_]..))")
_SHAPES = re.compile(
    r"\.[a-z0-9]{16}(?![\w.-])|\$[0-9a-z-]{1,10}\$|:[a-z0-9_-]{35}(?![\w-])|@(?:tcp|unix)\(|"
    r"://[^\s/]*@| -u ?[^\s:]+:| --user[ =][^\s:]+:|\bsk[0-9a-f]{32}|[0-9a-f]-us\d|"
    r"\bpat[a-z0-9]{14}\.|\dq~|(?<![a-z0-9])s\.[a-z0-9]{24}(?![\w.])|(?<![a-z])(?:pin|psk)(?![a-z])|"
    r"^[\w.*-]+:(?:\d{1,5}|\*):[^:\s]+:[^:\s]+:\S+$|\buser \S+ [^\n]*>\S{4}|\.[\w-]{6,7}\.[\w-]{27}",
    re.MULTILINE,
)
_STRUCTURE = ("kind", "data", "auths", "- -", "private-lines")
_ENV_VALUE = re.compile(r"^[+-]?\s*(?:- )?[\"']?(?:value|val|Value)[\"']?\s*:\s*\S")
_KEY_BODY = re.compile(r"^[ \t|>]*[A-Za-z0-9+/]{40,}={0,2}[ \t]*$", re.MULTILINE)


def pattern_words(low: str) -> bool:
    """Whether a text in small letters holds a word or shape that a pattern needs."""
    for word in _WORDS:
        if word in low:
            return True
    return may_hold_token(low) or _SHAPES.search(low) is not None


def may_hold_token(low: str) -> bool:
    """Whether a word of a text in small letters begins as a vendor's token does."""
    heads = _BY_HEAD.keys() & set(_STARTS.findall(low))
    return any(prefix in low for head in heads for prefix in _BY_HEAD[head])


def may_be_env_value(line: str) -> bool:
    """Whether a line may be the value of a variable whose telling name follows on the next one."""
    return bool(_ENV_VALUE.match(line)) if "val" in line or "Val" in line else False


def may_hold_secret(text: str) -> bool:
    """False when no line of the text can hold a secret, nor tell where one begins."""
    low = text.lower()
    for word in _STRUCTURE:
        if word in low:
            return True
    return pattern_words(low) or bool(_KEY_BODY.search(text))

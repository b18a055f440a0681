"""A first, cheap look: text without any of these words cannot hold a secret that the other modules know.

It stands apart so that a command without secrets is judged before the large patterns are compiled, and it works with plain
substrings, since these cost a tenth of one large pattern.
"""

from __future__ import annotations

import re

KEY_WORDS = ("pass", "pwd", "secret", "token", "key", "cred", "auth", "sig", "sas", "pw", "webhook", "dockerc", "client-cert")
"""Parts of the names of keys that hold secrets."""

_WORDS = (
    *KEY_WORDS,
    *("bearer", "cookie", "-----", "eyj", "akia", "asia", "abia", "acca", "aiza", "ya29", "gocspx", "sha256~", "ghp_", "gho_", "ghu_"),
    *("ghs_", "ghr_", "github_", "glpat-", "gldt-", "glrt-", "glptt-", "glft-", "glsoat-", "glcbt-", "glimt-", "glagent-", "gloas-"),
    *("glffct-", "glsa_", "sk-", "sk_", "rk_", "whsec", "sg.", "hf_", "npm_", "pypi-", "dckr_", "rubygems_", "xox", "xapp-", "xai-"),
    *("pplx-", "dop_", "hvs.", "hvb.", "hvr.", "dapi", "shpat_", "shpss_", "shpca_", "shppa_", "sq0", "atatt", "lin_api", "nvapi-"),
    *("gsk_", "r8_", "ls0tls1crudj", "login", "identified", "mysql", "mariadb", "redis-cli", "hooks.slack", "7q~", "8q~", "--creds"),
)
_SHAPES = re.compile(
    r"\.[a-z0-9]{16}(?![\w.-])|\$[0-9a-z-]{1,10}\$|:[a-z0-9_-]{35}(?![\w-])|@(?:tcp|unix)\(|"
    r"://[^\s/]*@| -u ?[^\s:]+:| --user[ =][^\s:]+:|\bsk[0-9a-f]{32}|\bcio[a-z0-9]{32}"
)
_STRUCTURE = ("kind", "data", "auths")
_ENV_VALUE = re.compile(r"^[+-]?\s*(?:- )?[\"']?value[\"']?\s*:\s*\S")
_KEY_BODY = re.compile(r"^[ \t|>]*[A-Za-z0-9+/]{40,}={0,2}[ \t]*$", re.MULTILINE)


def pattern_words(low: str) -> bool:
    """Whether a text in small letters holds a word or shape that a pattern needs."""
    for word in _WORDS:
        if word in low:
            return True
    return bool(_SHAPES.search(low))


def may_be_env_value(line: str) -> bool:
    """Whether a line may be the value of a variable whose telling name follows on the next one."""
    return bool(_ENV_VALUE.match(line)) if "value" in line else False


def may_hold_secret(text: str) -> bool:
    """False when no line of the text can hold a secret, nor tell where one begins."""
    low = text.lower()
    for word in _STRUCTURE:
        if word in low:
            return True
    return pattern_words(low) or bool(_KEY_BODY.search(text))

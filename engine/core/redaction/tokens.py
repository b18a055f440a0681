"""Tokens that tell themselves by their shape: vendors' prefixes by the table tokens.json, and shapes that begin with no fixed word."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from engine.core.redaction.triggers import may_hold_token, token_prefixes


def _vendor_tokens() -> Iterator[tuple[str, re.Pattern[str]]]:
    for kind, prefixes in token_prefixes().items():
        either = "|".join(re.escape(prefix) + body for prefix, body in prefixes.items())
        yield kind, re.compile(rf"(?<![A-Za-z0-9_])(?:{either})")


def _tokens() -> Iterator[tuple[str, tuple[str, ...], re.Pattern[str]]]:
    """Kind, words that must be there, and pattern of tokens that begin with no fixed word."""
    for kind, words, pattern in (
        ("token", ("eyj",), r"(?<![A-Za-z0-9_])eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*){0,3}"),
        ("chat-token", ("hooks.slack", "webhooks/"), r"(?<=hooks\.slack\.com/)[A-Za-z0-9/_-]{16,}|(?<=/api/webhooks/)\d{10,}/[\w-]{30,}"),
        ("chat-token", ("incomingwebhook/",), r"(?<=/IncomingWebhook/)[0-9a-z]{20,}/[0-9a-f-]{30,}(?:/[\w-]+)?"),
        ("chat-token", (":",), r"(?:(?<=bot)|(?<![\w:]))\d{8,10}:[A-Za-z0-9_-]{35}(?![\w-])"),
        ("chat-token", (".",), r"(?<![\w.-])[MNO][\w-]{23,27}\.[\w-]{6,7}\.[\w-]{27,}(?![\w.-])"),
        ("azure-secret", ("q~",), r"(?<![A-Za-z0-9_])[A-Za-z0-9_~.-]{3}\dQ~[A-Za-z0-9_~.-]{31,34}(?![\w~-])"),
        ("cloud-token", ("azdo",), r"(?<![A-Za-z0-9])[A-Za-z0-9]{52}JQQJ99[A-Za-z0-9]{10,30}AZDO\w{4}"),
        ("cloud-token", ("atlasv1",), r"(?<![A-Za-z0-9])[A-Za-z0-9]{14}\.atlasv1\.[\w=-]{40,}"),
        ("cloud-token", ("_mmk",), r"(?<![A-Za-z0-9])[A-Za-z0-9]{6}_[A-Za-z0-9]{29}_mmk(?![A-Za-z0-9])"),
        (
            "cloud-token",
            (".acc",),
            r"(?<![A-Za-z0-9])(?:sc|ext|scauth|authress)_[A-Za-z0-9]{5,30}\.[A-Za-z0-9]{4,6}\.acc[_-][\w-]{10,32}\.[\w+/=-]{30,120}",
        ),
        ("cloud-token", ("pat.", "sat."), r"(?<![\w.])(?:pat|sat)\.[\w-]{22}\.[A-Za-z0-9]{24}\.[A-Za-z0-9]{20}(?![\w.])"),
        ("cloud-token", ("airtable", "pat"), r"(?<![A-Za-z0-9])pat[A-Za-z0-9]{14}\.[a-f0-9]{64}"),
        ("api-key", ("sk",), r"(?<![A-Za-z0-9])SK[0-9a-fA-F]{32}(?![A-Za-z0-9])"),
        ("api-key", ("-us",), r"(?<![A-Za-z0-9])[0-9a-f]{32}-us\d{1,2}(?![A-Za-z0-9])"),
        ("api-key", ("access-",), r"(?<![\w-])access-(?:sandbox|development|production)-[0-9a-f-]{30,}"),
        ("cloud-token", ("s.",), r"(?<=[\s=:\"'])s\.(?=[A-Za-z0-9]*\d)[A-Za-z0-9]{24}(?![\w.])"),
        ("private-key", ("aq",), r"(?<![A-Za-z0-9+/])AQ[A-Za-z0-9+/]{34,38}==(?![A-Za-z0-9+/=])"),
        (
            "bootstrap-token",
            (".",),
            r"(?<![\w.:/-])(?=[a-z0-9.]*\d)[a-z0-9]{6}\.(?=[a-z0-9]*\d)(?=[a-z0-9]*[g-z])[a-z0-9]{16}(?![\w.-])",
        ),
    ):
        yield kind, words, re.compile(pattern)


_VENDOR_TOKENS = tuple(_vendor_tokens())
_TOKENS = tuple(_tokens())


def redact_tokens(line: str, low: str, mark: Callable[[str, str], str]) -> str:
    """A line, also given in small letters, with every token marked."""
    if may_hold_token(low):
        for kind, pattern in _VENDOR_TOKENS:
            line = pattern.sub(lambda m, kind=kind: mark(kind, m[0]), line)  # type: ignore[misc]
    for kind, words, pattern in _TOKENS:
        if any(word in low for word in words):
            line = pattern.sub(lambda m, kind=kind: mark(kind, m[0]), line)  # type: ignore[misc]
    return line

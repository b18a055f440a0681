"""Secrets recognised by their own shape, or by the name of the key that they stand behind."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable

from engine.redaction.triggers import PATTERNS as TRIGGER

Mark = Callable[[str, str], str]
"""`mark(kind, secret)` gives the placeholder for a secret."""

_B = r"(?<![A-Za-z0-9_])"
_TOKENS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("token", re.compile(_B + r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*){0,3}")),
    ("token", re.compile(_B + r"sha256~[A-Za-z0-9_-]{20,}")),
    ("aws-key-id", re.compile(_B + r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Za-z0-9])")),
    ("google-key", re.compile(_B + r"(?:AIza[\w-]{30,}|GOCSPX-[\w-]{20,}|ya29\.[\w-]{20,})")),
    (
        "forge-token",
        re.compile(
            _B + r"(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|gl(?:pat|dt|rt|ptt|ft|soat|cbt|imt|agent|oas|ffct)-[\w.-]{16,})"
        ),
    ),
    (
        "api-key",
        re.compile(
            _B + r"(?:sk-ant-[\w-]{16,}|sk-(?:proj|svcacct|admin|or)-[\w-]{16,}|sk-[A-Za-z0-9]{20,}|hf_[A-Za-z0-9]{20,}"
            r"|gsk_\w{20,}|nvapi-[\w-]{20,}|r8_\w{20,}|xai-\w{20,}|pplx-\w{20,})"
        ),
    ),
    (
        "api-key",
        re.compile(
            _B + r"(?:[sr]k_(?:live|test)_[A-Za-z0-9]{10,}|whsec_[A-Za-z0-9+/=]{16,}|SG\.[\w-]{16,}\.[\w-]{16,}"
            r"|key-[0-9a-f]{32}|SK[0-9a-f]{32})(?![A-Za-z0-9])"
        ),
    ),
    (
        "registry-token",
        re.compile(_B + r"(?:npm_[A-Za-z0-9]{20,}|pypi-[\w-]{20,}|dckr_[po]at_[\w-]{16,}|rubygems_[0-9a-f]{20,}|cio[A-Za-z0-9]{32})"),
    ),
    ("chat-token", re.compile(_B + r"(?:xox[a-z]-[\w-]{10,}|xapp-[\w-]{10,}|xoxe\.[\w.-]{10,})")),
    ("chat-token", re.compile(r"(?<=hooks\.slack\.com/services/)[A-Za-z0-9/_-]{16,}|(?<=/api/webhooks/)\d{10,}/[\w-]{30,}")),
    ("chat-token", re.compile(r"(?<![\w:])\d{8,10}:[A-Za-z0-9_-]{35}(?![\w-])")),
    (
        "cloud-token",
        re.compile(
            _B + r"(?:dop_v1_[0-9a-f]{32,}|hv[sbr]\.[\w-]{20,}|dapi[0-9a-f]{32}|shp(?:at|ss|ca|pa)_[0-9a-fA-F]{32}"
            r"|sq0(?:atp|csp)-[\w-]{20,}|ATATT3x[\w=-]{20,}|lin_api_\w{20,}|glsa_\w{20,}|AGE-SECRET-KEY-1[0-9A-Z]{20,})"
        ),
    ),
    ("azure-secret", re.compile(_B + r"[A-Za-z0-9_~.-]{3}[78]Q~[A-Za-z0-9_~.-]{31,34}(?![\w~-])")),
    ("bootstrap-token", re.compile(r"(?<![\w.:/-])(?=[a-z0-9.]*\d)[a-z0-9]{6}\.(?=[a-z0-9]*\d)(?=[a-z0-9]*[a-z])[a-z0-9]{16}(?![\w.-])")),
)

_PEM_INLINE = re.compile(
    r"(-----BEGIN (?:[A-Z0-9 ]+ )?PRIVATE KEY(?: BLOCK)?-----)(.*?)(-----END (?:[A-Z0-9 ]+ )?PRIVATE KEY(?: BLOCK)?-----|[\"']|$)"
)
_PEM_BASE64 = re.compile(r"LS0tLS1CRUdJT[A-Za-z0-9+/]{12,}={0,2}")

_URL_PASSWORD = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://[^\s:/@\"'<>]*):((?!\d{1,5}/)[^\s\"'<>@]*(?:@[^\s\"'<>@/]*)*)@(?=[\w\[%.-])")
_URL_TOKEN = re.compile(r"(https?://)([A-Za-z0-9_-]{20,})@(?=[\w.-])")
_DSN_TCP = re.compile(r"(\b[\w.-]+):([^\s\"'@]+)@(?=(?:tcp|unix)\()")

_HEADER = re.compile(
    r"((?:proxy-)?authorization\\*[\"']?\s*[:=]\s*\\*[\"']?(?:\[?)(?:bearer|basic|token|digest|negotiate|apikey|"
    r"aws4-hmac-sha256)\s+)([^\s\"'\\,\]]+)",
    re.IGNORECASE,
)
_RAW_HEADER = re.compile(
    r"((?<![\w-])(?:(?:proxy-)?authorization|x-api-key|x-auth-token|x-vault-token|private-token|"
    r"x-amz-security-token|api-key)\\*[\"']?\s*[:=]\s*\\*[\"']?\[?)"
    r"(?!(?:bearer|basic|token|digest|negotiate|apikey|aws4-hmac-sha256)\b|\\*[\"'<])([^\s\"'\\,\]]{6,})",
    re.IGNORECASE,
)
_BEARER = re.compile(r"(\b(?:bearer|token)\s+)((?=[^\s\"']*\d)(?=[^\s\"']*[A-Za-z])[A-Za-z0-9_.~+/-]{20,}=*)", re.IGNORECASE)
_COOKIE = re.compile(r"((?:set-)?cookie\\*[\"']?\s*:\s*)([^\r\n\"']+)", re.IGNORECASE)
_COOKIE_PAIR = re.compile(r"([\w.-]+=)([^;\s]{6,})")

_OPTION = re.compile(
    r"((?<![\w-])--?(?:[\w-]*(?:password|passwd|passphrase|secret|token|api-?key|secret-key|access-key|"
    r"requirepass))[ =]+[\"']?)((?![-<$\[/{])[^\s\"']+)",
    re.IGNORECASE,
)
_LOGIN = re.compile(
    r"(\b(?:docker|podman|nerdctl|helm|buildah|skopeo|crane|oc|az|sshpass|ctr|oras)\b[^|;\n]*?\s(?:-p|"
    r"--password)[ =]?)(?![-<$\[])([^\s\"']+)"
)
_USER_PASS = re.compile(r"(\b(?:curl|wget|http|skopeo|crictl|ctr)\b[^|;\n]*?\s(?:-u|--user|--creds)[ =]?[\"']?[^\s:\"'/]+:)([^\s\"']+)")
_MYSQL = re.compile(r"(\b(?:mysql|mysqldump|mysqladmin|mariadb|mariadb-dump)\b[^|;\n]*?\s-p)([^\s\"']+)")
_REDIS = re.compile(r"(\bredis-cli\b[^|;\n]*?\s(?:-a|--pass)[ =]?)([^\s\"']+)")

_KEY_NAME = (
    r"(?:[\w.-]*(?:password|passwd|passphrase|secret[_-]?key(?:[_-]?base)?|secret[_-]?access[_-]?key|"
    r"client[_-]?secret|api[_-]?key|apikey|access[_-]?key|private[_-]?key|"
    r"account[_-]?key|shared[_-]?access[_-]?key|signing[_-]?key|encryption[_-]?key|master[_-]?key|auth[_-]?key|"
    r"license[_-]?key|jwt[_-]?key|app[_-]?key|client-key-data|client-certificate-data|"
    r"token|secret|credentials?|htpasswd|dockerconfigjson|dockercfg|_auth|authtoken|shared[_-]?key|webhook[_-]?url|secret[_-]?id|sas)|"
    r"(?:[\w.-]*[_.-])?(?:pass|pwd|pw)|[a-z]+(?:Pass|Pwd)|sig|requirepass|masterauth|pgpassword)"
)
_ASSIGN = re.compile(
    r"(?P<head>(?<![A-Za-z0-9_.-])(?P<open>\\*[\"']?)(?P<key>" + _KEY_NAME + r")(?P=open)"
    r"(?P<sep>\s*(?::=|=>|=|:)\s*))(?P<value>(?P<q>\\*[\"'])(?P<quoted>.*?)(?<!\\)(?P=q)|(?P<plain>[^\s\"'][^\s]*))",
    re.IGNORECASE,
)
_ENV_LINE = re.compile(r"^(\s*(?:export\s+|[-+]\s+)?[\"']?)(" + _KEY_NAME + r")=(?![\"'])(.+?)([\"']?)$", re.IGNORECASE)
_SENSITIVE_NAME = re.compile("^" + _KEY_NAME + "$", re.IGNORECASE)
_NO_SECRET = re.compile(
    r"^(?:|true|false|null|none|nil|~|yes|no|string|opaque|undefined|\*+|x{3,}|<.*|\[redacted:.*|\[?redacted\]?.*|"
    r"data\+omitted|omitted|masked|\(.*\)|\$.*|%\(?\w+.*s|\{\{.*|\{|\[|\[\]|\{\}|\||>|\|-|>-|&\w+|!.*|"
    r"\d+ bytes.*|(?:/[\w.{}$-]+)+/?|[\w.-]+(?:keyRef|Ref)|https?://[^:@\s]*)[,;]?$",
    re.IGNORECASE,
)
_WORD = re.compile(r"^[a-z][a-z]*[.,;:!?)]*$", re.IGNORECASE)
_REFERENCE = re.compile(r"^[a-z][a-z0-9]*(?:[-./][a-z0-9]+)+$")
_NAME_LIKE = re.compile(r"^[a-z][a-z._-]*$")
_NUMBER = re.compile(r"^[\d.,:%]+(?:ms|s|m|h|d)?[,;)]?$")
_PLAIN_END = re.compile(r"[&;,)\]}\"'<>\\]")


def sensitive_name(name: str) -> bool:
    """Whether a key or variable of this name holds a secret."""
    return bool(_SENSITIVE_NAME.match(name))


def no_secret(value: str) -> bool:
    """Whether the value says itself that it is none: empty, masked, a reference, a path, a placeholder."""
    return bool(_NO_SECRET.match(value.strip()))


def redact_line(line: str, mark: Mark) -> str:
    """One line without the secrets that can be told by shape or by key."""
    if not TRIGGER.search(line):
        return line
    if "-----BEGIN" in line:
        line = _PEM_INLINE.sub(lambda m: m[1] + (mark("private-key", m[2]) if m[2].strip() else "") + m[3], line)
    line = _PEM_BASE64.sub(lambda m: _pem_base64(m[0], mark), line)
    if "://" in line or "@tcp(" in line or "@unix(" in line:
        line = _URL_PASSWORD.sub(lambda m: m[0] if not m[2] or no_secret(m[2]) else f"{m[1]}:{mark('password', m[2])}@", line)
        line = _URL_TOKEN.sub(lambda m: f"{m[1]}{mark('token', m[2])}@", line)
        line = _DSN_TCP.sub(lambda m: m[0] if no_secret(m[2]) else f"{m[1]}:{mark('password', m[2])}@", line)
    for kind, pattern in _TOKENS:
        line = pattern.sub(lambda m, kind=kind: mark(kind, m[0]), line)  # type: ignore[misc]
    line = _HEADER.sub(lambda m: m[0] if no_secret(m[2]) else m[1] + mark("credential", m[2]), line)
    line = _RAW_HEADER.sub(lambda m: m[0] if no_secret(m[2]) else m[1] + mark("credential", m[2]), line)
    line = _BEARER.sub(lambda m: m[1] + mark("token", m[2]), line)
    line = _COOKIE.sub(lambda m: m[1] + _COOKIE_PAIR.sub(lambda p: p[0] if no_secret(p[2]) else p[1] + mark("cookie", p[2]), m[2]), line)
    for pattern in (_OPTION, _LOGIN, _USER_PASS, _MYSQL, _REDIS):
        line = pattern.sub(lambda m: m[0] if no_secret(m[2]) else m[1] + mark("password", m[2]), line)
    whole = _ENV_LINE.match(line)
    if whole and "&" not in whole[3] and not re.search(r"\s\w+=", whole[3]):
        return line if _keeps(whole[2], whole[3], "=", alone=True) else whole[1] + whole[2] + "=" + mark("password", whole[3]) + whole[4]
    return _ASSIGN.sub(lambda m: _assignment(m, line, mark), line)


def _assignment(match: re.Match[str], line: str, mark: Mark) -> str:
    key, separator = match["key"], match["sep"].strip()
    if match["quoted"] is not None:
        if _keeps(key, match["quoted"], separator, quoted=True):
            return match[0]
        return match["head"] + match["q"] + mark("password", match["quoted"]) + match["q"]
    alone = not line[: match.start()].strip(" \t-") and separator == ":"
    value = match["plain"]
    if alone:
        # A YAML or describe line: the value goes to the end of the line, but for a trailing comment.
        rest = line[match.start("plain") :]
        if _keeps(key, rest, separator, alone=True):
            return match[0]
        return match["head"] + mark("password", value.rstrip(",")) + ("," if value.endswith(",") else "")
    end = _PLAIN_END.search(value)
    cut = end.start() if end and end.start() > 0 else len(value)
    if _keeps(key, value[:cut], separator):
        return match[0]
    return match["head"] + mark("password", value[:cut]) + value[cut:]


def _keeps(key: str, value: str, separator: str, *, quoted: bool = False, alone: bool = False) -> bool:
    """Whether a value behind a telling key is still no secret."""
    value = value.strip()
    lower = key.lower().replace("_", "").replace("-", "")
    if no_secret(value) or (_NUMBER.match(value) and "pass" not in lower and "pwd" not in lower):
        return True
    if lower in ("secret", "credentials", "credential", "secrets") and (_REFERENCE.match(value) or " " in value):
        return True
    if lower.endswith("secretkey") and _NAME_LIKE.match(value):
        return True
    if alone and " " in value and separator == ":" and not quoted:
        return True
    # In prose ("invalid token: expired") a plain word is no secret; behind "=" or in quotes it may well be one.
    return separator == ":" and not alone and not quoted and bool(_WORD.match(value))


def _pem_base64(text: str, mark: Mark) -> str:
    head = text[:80]
    try:
        plain = base64.b64decode(head[: len(head) // 4 * 4])
    except (binascii.Error, ValueError):
        return text
    return mark("private-key", text) if b"PRIVATE KEY" in plain else text

"""Secrets recognised by their own shape, or by the name of the key that they stand behind."""

from __future__ import annotations

import base64
import binascii
import functools
import re
from collections.abc import Callable

from engine.core.redaction.triggers import KEY_WORDS, pattern_words

Mark = Callable[[str, str], str]
"""`mark(kind, secret)` gives the placeholder for a secret."""

_B = r"(?<![A-Za-z0-9_])"
_TOKENS: tuple[tuple[str, tuple[str, ...], re.Pattern[str]], ...] = (
    ("token", ("eyj",), re.compile(_B + r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*){0,3}")),
    ("token", ("sha256~",), re.compile(_B + r"sha256~[A-Za-z0-9_-]{20,}")),
    ("aws-key-id", ("akia", "asia", "abia", "acca"), re.compile(_B + r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Za-z0-9])")),
    ("google-key", ("aiza", "gocspx", "ya29"), re.compile(_B + r"(?:AIza[\w-]{30,}|GOCSPX-[\w-]{20,}|ya29\.[\w-]{20,})")),
    (
        "forge-token",
        (
            "ghp_",
            "gho_",
            "ghu_",
            "ghs_",
            "ghr_",
            "github_",
            "glpat-",
            "gldt-",
            "glrt-",
            "glptt-",
            "glft-",
            "glsoat-",
            "glcbt-",
            "glimt-",
            "glagent-",
            "gloas-",
            "glffct-",
        ),
        re.compile(
            _B + r"(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|gl(?:pat|dt|rt|ptt|ft|soat|cbt|imt|agent|oas|ffct)-[\w.-]{16,})"
        ),
    ),
    (
        "api-key",
        ("sk-", "hf_", "gsk_", "nvapi-", "r8_", "xai-", "pplx-"),
        re.compile(
            _B + r"(?:sk-ant-[\w-]{16,}|sk-(?:proj|svcacct|admin|or)-[\w-]{16,}|sk-[A-Za-z0-9]{20,}|hf_[A-Za-z0-9]{20,}"
            r"|gsk_\w{20,}|nvapi-[\w-]{20,}|r8_\w{20,}|xai-\w{20,}|pplx-\w{20,})"
        ),
    ),
    (
        "api-key",
        ("sk_", "rk_", "whsec_", "sg.", "key-", "sk"),
        re.compile(
            _B + r"(?:[sr]k_(?:live|test)_[A-Za-z0-9]{10,}|whsec_[A-Za-z0-9+/=]{16,}|SG\.[\w-]{16,}\.[\w-]{16,}"
            r"|key-[0-9a-f]{32}|SK[0-9a-f]{32})(?![A-Za-z0-9])"
        ),
    ),
    (
        "registry-token",
        ("npm_", "pypi-", "dckr_", "rubygems_", "cio"),
        re.compile(_B + r"(?:npm_[A-Za-z0-9]{20,}|pypi-[\w-]{20,}|dckr_[po]at_[\w-]{16,}|rubygems_[0-9a-f]{20,}|cio[A-Za-z0-9]{32})"),
    ),
    ("chat-token", ("xox", "xapp-"), re.compile(_B + r"(?:xox[a-z]-[\w-]{10,}|xapp-[\w-]{10,}|xoxe\.[\w.-]{10,})")),
    (
        "chat-token",
        ("hooks.slack", "webhooks/"),
        re.compile(r"(?<=hooks\.slack\.com/services/)[A-Za-z0-9/_-]{16,}|(?<=/api/webhooks/)\d{10,}/[\w-]{30,}"),
    ),
    ("chat-token", (":",), re.compile(r"(?:(?<=bot)|(?<![\w:]))\d{8,10}:[A-Za-z0-9_-]{35}(?![\w-])")),
    (
        "cloud-token",
        ("dop_", "hvs.", "hvb.", "hvr.", "dapi", "shpat_", "shpss_", "shpca_", "shppa_", "sq0", "atatt", "lin_api", "glsa_", "age-secret"),
        re.compile(
            _B + r"(?:dop_v1_[0-9a-f]{32,}|hv[sbr]\.[\w-]{20,}|dapi[0-9a-f]{32}|shp(?:at|ss|ca|pa)_[0-9a-fA-F]{32}"
            r"|sq0(?:atp|csp)-[\w-]{20,}|ATATT3x[\w=-]{20,}|lin_api_\w{20,}|glsa_\w{20,}|AGE-SECRET-KEY-1[0-9A-Z]{20,})"
        ),
    ),
    ("azure-secret", ("7q~", "8q~"), re.compile(_B + r"[A-Za-z0-9_~.-]{3}[78]Q~[A-Za-z0-9_~.-]{31,34}(?![\w~-])")),
    (
        "bootstrap-token",
        (".",),
        re.compile(r"(?<![\w.:/-])(?=[a-z0-9.]*\d)[a-z0-9]{6}\.(?=[a-z0-9]*\d)(?=[a-z0-9]*[g-z])[a-z0-9]{16}(?![\w.-])"),
    ),
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
_LOGIN = re.compile(r"(\b(?:login\b[^|;\n]*?|sshpass)\s(?:-p|--password)[ =]?)(?![-<$\[])([^\s\"']+)")
_USER_PASS = re.compile(r"(\b(?:curl|wget|skopeo|crictl|ctr)\b[^|;\n]*?\s(?:-u|--user|--creds)[ =]?[\"']?[^\s:\"'/]+:)([^\s\"']+)")
_SQL = re.compile(r"(\b(?:password|identified\s+(?:with\s+\S+\s+)?by)\s+['\"])([^'\"]+)", re.IGNORECASE)
_NETRC = re.compile(r"(\blogin\s+\S+\s+password\s+)(\S+)", re.IGNORECASE)
_XML = re.compile(
    r"(<([\w.:-]*(?:password|passwd|passphrase|secret|token|apikey|api-key|api_key|accesskey|secretkey))>)([^<]+)(?=</)", re.IGNORECASE
)
_CRYPT = re.compile(r"\$(?:apr1|1|2[abxy]?|5|6|y|argon2id?|pbkdf2[\w-]*|scrypt)\$[A-Za-z0-9./+$=,]{12,}")
_MYSQL = re.compile(r"(\b(?:mysql|mysqldump|mysqladmin|mariadb|mariadb-dump)\b[^|;\n]*?\s-p)([^\s\"']+)")
_REDIS = re.compile(r"(\bredis-cli\b[^|;\n]*?\s(?:-a|--pass)[ =]?)([^\s\"']+)")

_COMMANDS: tuple[tuple[tuple[str, ...], re.Pattern[str]], ...] = (
    (("pass", "secret", "token", "key"), _OPTION),
    (("login", "sshpass"), _LOGIN),
    ((" -u", "--user", "--creds"), _USER_PASS),
    (("mysql", "mariadb"), _MYSQL),
    (("redis-cli",), _REDIS),
    (("password", "identified"), _SQL),
    (("login",), _NETRC),
)

_KEY_NAME = (
    r"(?:[\w.-]*(?:password|passwd|passphrase|secret[_-]?key(?:[_-]?base)?|secret[_-]?access[_-]?key|"
    r"client[_-]?secret|api[_-]?key|apikey|access[_-]?key|private[_-]?key|"
    r"account[_-]?key|shared[_-]?access[_-]?key|signing[_-]?key|encryption[_-]?key|master[_-]?key|auth[_-]?key|"
    r"license[_-]?key|jwt[_-]?key|app[_-]?key|client-key-data|client-certificate-data|"
    r"token|secret|credentials?|htpasswd|dockerconfigjson|dockercfg|_auth|authtoken|shared[_-]?key|webhook[_-]?url|secret[_-]?id|sas)|"
    r"(?:[\w.-]*[_.-])?(?:pass|pwd|pw)|[a-z]+(?:Pass|Pwd)|sig|x-amz-signature|requirepass|masterauth|pgpassword)"
)
_HEAD = re.compile(r"(?<![\w.-])-*+(?P<open>\\*[\"']?)(?P<key>[A-Za-z_.][\w.-]*+)(?P=open)(?P<sep>\s*+(?::=|=>|=|:)\s*+)")
_QUOTED = re.compile(r"(?P<q>\\*[\"'])(?P<quoted>.*?)(?<!\\)(?P=q)")
_TO_FILL_IN = re.compile(r"<[A-Za-z][^<>\"'\n]{0,40}>")
_PLAIN = re.compile(r"[^\s\"'][^\s]*+")
_ENV_LINE = re.compile(r"^(\s*(?:export\s+|[-+]\s+)?[\"']?)(" + _KEY_NAME + r")=(?![\"'])(.+?)([\"']?)$", re.IGNORECASE)
_SENSITIVE_NAME = re.compile("^" + _KEY_NAME + "$", re.IGNORECASE)
_NO_SECRET = re.compile(
    r"^(?:|true|false|null|none|nil|~|yes|no|string|opaque|undefined|\*+|x{3,}|<[^>]*>.*|\[redacted:.*|\[?redacted\]?.*|"
    r"data\+omitted|omitted|masked|\([^)]*\)|\$\{.*\}|\$\{[A-Za-z_]\w*|\$\([\w.-]+\)|\$[A-Z_][A-Z0-9_]*|%(?:\(\w+\))?[sdvq]|\{\{.*|\{|\[|\[\]|\{\}|\||>|[|>][-+]|"
    r"(?:new[-_]?)?value|placeholder|to[-_]?do|tbd|fix[-_]?me|replace[-_]?(?:me|this|with[-_a-z]*)|(?:your|insert|enter|put)[-_][a-z_-]{2,40}|"
    r"\.{3,}|…|"
    r"!\w+(?: .*)?|\d+ bytes.*|(?-i:(?:/[a-z0-9_.{}$-]+)+)/?|https?://[^:@\s]*)[,;]?$",
    re.IGNORECASE,
)
_SAYS_NO = frozenset(
    (
        "failed failure incorrect invalid required expired wrong missing authentication error is not must mismatch rejected denied changed "
        "reset rotated"
    ).split()
)
_WORD = re.compile(r"^[a-z][a-z]*[.,;:!?)]*$", re.IGNORECASE)
_REFERENCE = re.compile(r"^[a-z][a-z0-9]*(?:[-./][a-z0-9]+)+$")
_NAME_LIKE = re.compile(r"^[a-z][a-z._-]*$")
_NUMBER = re.compile(r"^[\d.,:%]{1,9}(?:ms|s|m|h|d)?[,;)]?$")
_PLAIN_END = re.compile(r"[&;,)\]}\"'<>\\]")


@functools.lru_cache(maxsize=4096)
def sensitive_name(name: str) -> bool:
    """Whether a key or variable of this name holds a secret."""
    return bool(_SENSITIVE_NAME.match(name))


def no_secret(value: str) -> bool:
    """Whether the value says itself that it is none: empty, masked, a reference, a path, a placeholder."""
    return bool(_NO_SECRET.match(value.strip()))


def redact_line(line: str, mark: Mark) -> str:
    """One line without the secrets that can be told by shape or by key.

    Each pattern is tried only where a word that it needs is on the line, since most lines hold none.
    """
    low = line.lower()
    if not pattern_words(low):
        return line
    if "-----begin" in low:
        line = _PEM_INLINE.sub(lambda m: m[1] + (mark("private-key", m[2]) if m[2].strip() else "") + m[3], line)
    if "ls0tls1crudj" in low:
        line = _PEM_BASE64.sub(lambda m: _pem_base64(m[0], mark), line)
    if "@" in low:
        line = _urls(line, mark)
    for kind, words, pattern in _TOKENS:
        if any(word in low for word in words):
            line = pattern.sub(lambda m, kind=kind: mark(kind, m[0]), line)  # type: ignore[misc]
    line = _headers(line, low, mark)
    if "$" in low:
        line = _CRYPT.sub(lambda m: mark("password-hash", m[0]), line)
    for words, pattern in _COMMANDS:
        if any(word in low for word in words):
            line = pattern.sub(lambda m: m[0] if no_secret(m[2]) else m[1] + mark("password", m[2]), line)
    if not any(word in low for word in KEY_WORDS):
        return line
    whole = _ENV_LINE.match(line)
    if whole and "&" not in whole[3] and not re.search(r"\s\w+=", whole[3]):
        return line if _keeps(whole[2], whole[3], "=", alone=True) else whole[1] + whole[2] + "=" + mark("password", whole[3]) + whole[4]
    return _assignments(line, mark)


def _urls(line: str, mark: Mark) -> str:
    if "://" in line:
        line = _URL_PASSWORD.sub(lambda m: m[0] if not m[2] or no_secret(m[2]) else f"{m[1]}:{mark('password', m[2])}@", line)
        line = _URL_TOKEN.sub(lambda m: f"{m[1]}{mark('token', m[2])}@", line)
    return _DSN_TCP.sub(lambda m: m[0] if no_secret(m[2]) else f"{m[1]}:{mark('password', m[2])}@", line)


def _headers(line: str, low: str, mark: Mark) -> str:
    if "authorization" in low:
        line = _HEADER.sub(lambda m: m[0] if no_secret(m[2]) else m[1] + mark("credential", m[2]), line)
    if "authorization" in low or "-key" in low or "-token" in low:
        line = _RAW_HEADER.sub(lambda m: m[0] if no_secret(m[2]) else m[1] + mark("credential", m[2]), line)
    if "bearer" in low or "token" in low:
        line = _BEARER.sub(lambda m: m[1] + mark("token", m[2]), line)
    if "cookie" in low:
        line = _COOKIE.sub(
            lambda m: m[1] + _COOKIE_PAIR.sub(lambda p: p[0] if no_secret(p[2]) else p[1] + mark("cookie", p[2]), m[2]), line
        )
    if "</" in low:
        line = _XML.sub(lambda m: m[0] if no_secret(m[3]) else m[1] + mark("password", m[3]), line)
    return line


def _assignments(line: str, mark: Mark) -> str:
    """Every `key=value` and `key: value` of the line whose key is telling, with the value marked."""
    out: list[str] = []
    done = at = 0
    while head := _HEAD.search(line, at):
        at = head.end()
        if not sensitive_name(head["key"]):
            # The value may hold assignments of its own, so the search goes on right behind the separator.
            continue
        value, end = _value(line, head, mark)
        if value is not None:
            out += [line[done:at], value]
            done = end
        at = end
    out.append(line[done:])
    return "".join(out)


def _value(line: str, head: re.Match[str], mark: Mark) -> tuple[str | None, int]:
    """What stands for the value behind a telling key (None: it stays), and where it ends."""
    key, separator, at = head["key"], head["sep"].strip(), head.end()
    if quoted := _QUOTED.match(line, at):
        if _keeps(key, quoted["quoted"], separator, quoted=True):
            return None, quoted.end()
        return quoted["q"] + mark("password", quoted["quoted"]) + quoted["q"], quoted.end()
    if blank := _TO_FILL_IN.match(line, at):
        return None, blank.end()
    plain = _PLAIN.match(line, at)
    if plain is None:
        return None, at
    value = plain[0]
    if separator == ":" and not line[: head.start()].strip(" \t-"):
        # A YAML or describe line: what follows the value decides whether it is prose.
        if _keeps(key, line[at:], separator, alone=True):
            return None, plain.end()
        tail = "," if value.endswith(",") else ""
        return mark("password", line[at:].rstrip(" ,")) + tail, len(line.rstrip())
    end = _PLAIN_END.search(value)
    cut = end.start() if end and end.start() > 0 else len(value)
    if _keeps(key, value[:cut], separator):
        return None, at + cut
    return mark("password", value[:cut]), at + cut


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
    if quoted or separator != ":":
        return False
    words = value.lower().split()
    if "pass" in lower or "pwd" in lower:
        return words[0].strip(".,;!") in _SAYS_NO
    # In prose ("invalid token: expired") plain words are no secret; behind "=" or in quotes they may well be one.
    return (not alone or len(words) > 1) and all(_WORD.match(word) for word in words)


def _pem_base64(text: str, mark: Mark) -> str:
    head = text[:80]
    try:
        plain = base64.b64decode(head[: len(head) // 4 * 4])
    except (binascii.Error, ValueError):
        return text
    return mark("private-key", text) if b"PRIVATE KEY" in plain else text

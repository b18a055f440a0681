"""Secrets recognised by their own shape, or by the name of the key that they stand behind."""

from __future__ import annotations

import base64
import binascii
import functools
import re
from collections.abc import Callable

from engine.core.redaction.tokens import redact_tokens
from engine.core.redaction.triggers import key_words, pattern_words

Mark = Callable[[str, str], str]
"""`mark(kind, secret)` gives the placeholder for a secret."""


_PEM_INLINE = re.compile(
    r"(-----BEGIN (?:[A-Z0-9 ]+ )?PRIVATE KEY(?: BLOCK)?-----)(.*?)(-----END (?:[A-Z0-9 ]+ )?PRIVATE KEY(?: BLOCK)?-----|[\"']|$)"
)
_PEM_BASE64 = re.compile(r"LS0tLS1CRUdJT[A-Za-z0-9+/]{12,}={0,2}")

_URL_PASSWORD = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://[^\s:/@\"'<>]*):((?!\d{1,5}/)[^\s\"'<>@]*(?:@[^\s\"'<>@/]*)*)@(?=[\w\[%.-])")
_URL_TOKEN = re.compile(r"(https?://)([A-Za-z0-9_-]{20,})@(?=[\w.-])")
_DSN_TCP = re.compile(r"(\b[\w.-]+):([^\s\"'@]+)@(?=(?:tcp|unix)\()")

_HEADER = re.compile(
    r"((?:proxy-)?authorization\\*[\"']?\s*[:=]\s*\\*[\"']?(?:\[?)(?:(?:bearer|basic|token|negotiate|apikey)|"
    r"(?!(?:digest|aws4-hmac-sha256)\b)[A-Za-z][\w-]*(?=\s+\S*\d))\s+)([^\s\"'\\,\]]+)",
    re.IGNORECASE,
)
_HEADER_PART = re.compile(r"(\b(?:response|cnonce|signature|credential)=\\*\"?)([^\s\"\\,]+)", re.IGNORECASE)
_RAW_HEADER = re.compile(
    r"((?<![\w-])(?:(?:proxy-)?authorization|x-api-key|x-auth-token|x-vault-token|private-token|"
    r"x-amz-security-token|api-key)\\*[\"']?\s*[:=]\s*\\*[\"']?\[?)"
    r"(?![A-Za-z][\w-]*\s+\S|\\*[\"'<])([^\s\"'\\,\]]{6,})",
    re.IGNORECASE,
)
_BEARER = re.compile(
    r"(\b(?:bearer|token|apikey|basic|splunk)\s+)((?=[^\s\"']*\d)(?=[^\s\"']*[A-Za-z])[A-Za-z0-9_.~+/-]{20,}=*)", re.IGNORECASE
)
_COOKIE = re.compile(r"((?:set-)?cookie\\*[\"']?\s*:\s*)([^\r\n\"']+)", re.IGNORECASE)
_COOKIE_PAIR = re.compile(r"([\w.-]+=)([^;\s]{6,})")

_OPTION_WORD = (
    r"(?:password|passwd|passphrase|passwort|pass|pwd|pin|secret|token|api-?key|requirepass|storepass|keypass|psk|"
    r"(?:secret|access|certificate|signing|encryption|private|master|account|shared|license)-key)"
)
_OPTION = re.compile(
    rf"((?<![\w-])--?(?:[\w.-]*{_OPTION_WORD})(?:[ =]+[\"']?|\\*[\"']?\s*,\s*\\*[\"']?))"
    r"((?![-<$\[/{])[^\s\"'\\]+?)(?=[\s\"'\\]|,?\]|,\s|$)",
    re.IGNORECASE,
)
OPTION_ALONE = re.compile(rf"^[\s\"'-]*?(?P<dash>--?)(?P<word>[\w.-]*{_OPTION_WORD}|a|p|w|u)[\"']?,?\s*$", re.IGNORECASE)
_LOGIN = re.compile(r"(\b(?:login\b[^|;\n]*?|sshpass)\s(?:-p|--password)[ =]?)(?![-<$\[])([^\s\"']+)")
_USER_PASS = re.compile(r"(\b(?:curl|wget|skopeo|crictl|ctr)\b[^|;\n]*?\s(?:-u|--user|--creds)[ =]?[\"']?[^\s:\"'/]+:)([^\s\"']+)")
_LDAP = re.compile(r"(\bldap\w+\b[^|;\n]*?\s-w\s?)([^\s\"']+)")
_DIRECTIVE = re.compile(
    r"^(\s*(?:password|passwd|requirepass|masterauth|insecure-password|auth-pass|auth_pass|bindpw|rootpw|keyfile_password|secret)\s+[\"']?)([^\s\"':=]{6,})[\"']?\s*$"
    r"|(\b(?:insecure-password|requirepass|masterauth)\s+[\"']?)([^\s\"':=]{4,})",
    re.IGNORECASE,
)
_ACL = re.compile(r"(\buser\s+\S+\s[^\n]*?>)([^\s\"']{4,})")
_DOCKERFILE = re.compile(r"^(\s*(?:ENV|ARG|setenv|set)\s+([A-Za-z_][\w.-]*)\s+[\"']?)([^\s\"'=]+)")
_TABLE = re.compile(r"^(\s*([A-Z][A-Z0-9_]*)(?:\s{2,}|\t))(\S+)(?=\s|$)")
_ORACLE = re.compile(r"((?:jdbc:oracle:\w+:|\bsqlplus\s+(?:-\w+\s+)*)[\w$#]+/)([^@\s\"']+)(?=@)", re.IGNORECASE)
_PGPASS = re.compile(r"^([\w.*-]+:(?:\d{1,5}|\*):[^:\s]+:[^:\s]+:)(\S+)$")
_SAID_WORD = (
    r"(?:password|passwort|kennwort|passphrase|passcode|pwd|mot de passe|contraseña|contrasena|wachtwoord|senha|lösenord|hasło|heslo|"
    r"parola|"
    r"salasana|jelszó|şifre|пароль|パスワード|密码|密碼|secret|api key|access key|token|pin|creds|credentials)"
)
_TOLD = re.compile(
    rf"((?:(?<!\w){_SAID_WORD}(?: for \S+| of \S+)?\s*(?:(?:is now|is|was|ist|lautet|est|es|è|é|set to|changed to|to)\s|:\s|：\s?|"
    rf"\s(?=[\"'`]))"
    r"|\b(?:using|with|new|old|default|initial|temporary)\s(?:password|passphrase|token|secret|key)\s)\s*[\"'`]?)([^\s\"'`<\[]+)",
    re.IGNORECASE,
)
_LISTED = re.compile(r"([\"'])([\w.-]+)\1(\s*\]?\s*(?:,|=>|=|:)\s*)([\"'])((?:(?!\4).)+)\4")
_TUPLE = re.compile(r"(\{\s*([\w.-]+)\s*,\s*(?:<<)?[\"'])([^\"'\n]+)")
_PROTOCOL = re.compile(
    r"(\bAUTH\s+(?:PLAIN|LOGIN|XOAUTH2)\s+|^\s*(?:[<>*]\s*)?(?:PASS|AUTH(?:\s+\w+)?)\s+|\"(?i:auth)\"\s+\"(?:[^\"\s]+\"\s+\")?|"
    r"\busername\s+\S+\s+(?:password|secret)\s+(?:\d\s+)?|\bConvertTo-SecureString\s+(?:-String\s+)?[\"']?|\bset\s+[\w.]*(?:secret|password|token)[\w.]*\s+|"
    r"\b(?:http|https|ab)\s[^|\n]*?-[aA]\s+[^\s:]+:|\blftp\b[^|\n]*?-u\s+[^\s,]+,)([^\s\"'=:]+)"
)
_CELL = re.compile(r"(\|\s*`?([\w.-]+)`?\s*\|\s*`?)([^\s|`]+)")
_JWK = re.compile(r"(\\*\"(?:d|p|q|dp|dq|qi|k)\\*\"\s*:\s*\\*\")([\w-]{16,})")
_ARGUMENT = re.compile(
    r"(\bhtpasswd\s[^|;\n]*?-\w*b\w*\s+\S+\s+\S+\s+|-pass(?:in|out)?\s+pass:|\bsmbclient\b[^|;\n]*?-U\s*[^\s%]+%|\b(?:zip|unzip)\s[^|;\n]*?-P\s*|"
    r"\b(?:mongo|mongosh|mongodump|az login|cqlsh|influx|clickhouse-client)\b[^|;\n]*?\s-p\s+|\bstats\s+auth\s+[^\s:]+:|"
    r"\bvault login\s+(?=\S*\d)|\b(?:rocommunity|rwcommunity|community)\s+|"
    r"\becho\s+[\"']?(?=[^|]*\|\s*(?:sudo\s+-S|docker login|helm registry login|passwd|kinit)))([^\s\"'|]+)"
)
_ATTRIBUTE = re.compile(r"(\b(?:key|name)=\\*\"([\w.:-]+)\\*\"\s+value=\\*\")([^\"\\]+)", re.IGNORECASE)
_ESCAPED = re.compile(r"\\u00([2-7][0-9a-fA-F])")
_SQL = re.compile(r"(\b(?:password|identified\s+(?:with\s+\S+\s+)?by)\s+['\"])([^'\"]+)", re.IGNORECASE)
_NETRC = re.compile(r"(\blogin\s+\S+\s+password\s+)(\S+)", re.IGNORECASE)
_XML = re.compile(
    r"(<([\w.:-]*(?:password|passwd|passphrase|secret|token|apikey|api-key|api_key|accesskey|secretkey))>)([^<]+)(?=</)", re.IGNORECASE
)
_CRYPT = re.compile(
    r"(?<=[\"'\s])md5[0-9a-f]{32}(?![0-9a-f])|SCRAM-SHA-256\$\d+:[\w+/=:$]+|\$(?:apr1|1|2[abxy]?|5|6|y|argon2id?|pbkdf2[\w-]*|scrypt)\$[A-Za-z0-9./+$=,]{12,}"
)
_MYSQL = re.compile(r"(\b(?:mysql|mysqldump|mysqladmin|mariadb|mariadb-dump)\b[^|;\n]*?\s-p)([^\s\"']+)")
_REDIS = re.compile(r"(\bredis-cli\b[^|;\n]*?\s(?:-a|--pass)[ =]?)([^\s\"']+)")

_COMMANDS: tuple[tuple[tuple[str, ...], re.Pattern[str]], ...] = (
    (("pass", "secret", "token", "key", "pwd", "pin", "psk"), _OPTION),
    (("login", "sshpass"), _LOGIN),
    ((" -u", "--user", "--creds"), _USER_PASS),
    (("mysql", "mariadb"), _MYSQL),
    (("redis-cli",), _REDIS),
    (("auth", "pass", "username", "securestring", "set ", "http", "lftp"), _PROTOCOL),
    (("htpasswd", "pass:", "smbclient", "zip", " -p ", "stats", "vault", "echo", "community"), _ARGUMENT),
    (("ldap",), _LDAP),
    (("user",), _ACL),
    (("oracle", "sqlplus"), _ORACLE),
    (("password", "identified"), _SQL),
    (("login",), _NETRC),
)

_KEY_NAME = (
    r"(?:[\w.-]*(?:password|passwd|passphrase|passwort|kennwort|secret[._-]?key(?:[._-]?base)?|secret[._-]?access[._-]?key|"
    r"client[._-]?secret|api[._-]?key|apikey|access[._-]?key|private[._-]?key|"
    r"account[._-]?key|shared[._-]?access[._-]?key|signing[._-]?key|encryption[._-]?key|master[._-]?key|auth[._-]?key|"
    r"license[._-]?key|jwt[._-]?key|app[._-]?key|(?:subscription|consumer|function|storage|deploy|admin|service|session|hmac|aes|security|write)[._-]?key|client-key-data|client-certificate-data|"
    r"token|secret|credentials?|htpasswd|dockerconfigjson|dockercfg|_auth|authtoken|shared[._-]?key|webhook[._-]?url|secret[._-]?id|sas|passcode|pre[._-]?shared[._-]?key|rootpw|bindpw|creds?|authkey|passkey|[_.-]pat|[_.-]salt|mnemonic|j?sessionid|phpsessid|connect\.sid|(?<![A-Za-z])jwt)|"
    r"(?:[\w.-]*[_.-])?(?:pass|pwd|pw|pin|psk)|(?:db|my|user|admin|root|smtp|mail|redis|app|login|ldap|bind|sa)pass|(?-i:[a-z]+(?:Pass|Pwd|Psk|Pin))|"
    r"sig|x-(?:amz|goog)-signature|requirepass|masterauth|pgpassword)"
)
_HEAD = re.compile(r"(?<![\w.-])-*+(?P<open>\\*[\"']?)(?P<key>[A-Za-z_.][\w.-]*+)(?P=open)(?P<sep>\s*+(?::=|=>|=|::?)\s*+)")
_QUOTED = re.compile(r"(?P<q>\"\"\"|'''|\\*[\"'])(?P<quoted>.*?)(?<!\\)(?P=q)")
_KEYLIKE = re.compile(r"^(?!.*pub(?:lic)?[._-]?key).*(?:key|auth|code)s?$", re.IGNORECASE)
_STRONG = re.compile(r"\\*[\"']?(?=[^\s\"'\\]*[a-z])(?=[^\s\"'\\]*[A-Z])(?=[^\s\"'\\]*\d)[A-Za-z0-9_+/=-]{24,}(?=[\s\"'\\,;&]|$)")
"""A value that no person made up: long, with small and capital letters and digits."""
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


_HEADERS = frozenset("authorization proxy-authorization cookie set-cookie x-api-key x-auth-token x-vault-token private-token".split())


@functools.lru_cache(maxsize=4096)
def sensitive_header(name: str) -> bool:
    """Whether a pair of this name and a value holds a secret: a telling key, or a header that carries credentials."""
    return sensitive_name(name) or name.lower() in _HEADERS


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
    if "\\u00" in line:
        line = _ESCAPED.sub(lambda m: plain if (plain := chr(int(m[1], 16))).isalnum() else m[0], line)
    low = line.lower()
    if not pattern_words(low):
        return line
    if "-----begin" in low:
        line = _PEM_INLINE.sub(lambda m: m[1] + (mark("private-key", m[2]) if m[2].strip() else "") + m[3], line)
    if "ls0tls1crudj" in low:
        line = _PEM_BASE64.sub(lambda m: _pem_base64(m[0], mark), line)
    if "@" in low:
        line = _urls(line, mark)
    line = redact_tokens(line, low, mark)
    line = _headers(line, low, mark)
    if "$" in low or "md5" in low:
        line = _CRYPT.sub(lambda m: mark("password-hash", m[0]), line)
    for words, pattern in _COMMANDS:
        if any(word in low for word in words):
            line = pattern.sub(lambda m: m[0] if no_secret(m[2]) else m[1] + mark("password", m[2]), line)
    if _PGPASS.match(line) and line.count(":") == 4:
        return _PGPASS.sub(lambda m: m[1] + mark("password", m[2]), line)
    if not key_words(low):
        return line
    line = _spoken(line, low, mark)
    whole = _ENV_LINE.match(line)
    if whole and "&" not in whole[3] and not re.search(r"\s\w+=", whole[3]):
        return line if _keeps(whole[2], whole[3], "=", alone=True) else whole[1] + whole[2] + "=" + mark("password", whole[3]) + whole[4]
    return _assignments(line, mark)


def _spoken(line: str, low: str, mark: Mark) -> str:
    """Secrets behind a telling word without `=` or `:`: directives, Dockerfiles, tables, attributes, sentences."""

    def told(match: re.Match[str]) -> str:
        bare = match[2].rstrip(".,;)")
        return match[1] + mark("password", bare) + match[2][len(bare) :] if random_word(bare) else match[0]

    def directive(match: re.Match[str]) -> str:
        value = match[2] or match[4]
        return match[0].replace(value, mark("password", value)) if random_word(value) else match[0]

    def named(match: re.Match[str]) -> str:
        keeps = not sensitive_name(match[2]) or _keeps(match[2], match[3], "=", alone=True)
        return match[0] if keeps else match[1] + mark("password", match[3])

    def listed(match: re.Match[str]) -> str:
        keeps = not sensitive_name(match[2]) or _keeps(match[2], match[5], "=", quoted=True)
        return match[0] if keeps else match[0].replace(match[5], mark("password", match[5]))

    start = low.lstrip()[:4]
    if start in _DIRECTIVES or "insecure-pass" in low or "requirepass" in low or "masterauth" in low:
        line = _DIRECTIVE.sub(directive, line)
    if start in ("env ", "arg ", "sete", "set "):
        line = _DOCKERFILE.sub(named, line)
    if line.lstrip()[:1].isupper():
        line = _TABLE.sub(named, line)
    if "value=" in low:
        line = _ATTRIBUTE.sub(named, line)
    if "|" in line:
        line = _CELL.sub(named, line)
    if "{" in line and "," in line:
        line = _TUPLE.sub(named, line)
    if '"' in line or "'" in line:
        line = _LISTED.sub(listed, line)
        if '"kty' in low:
            line = _JWK.sub(lambda m: m[1] + mark("private-key", m[2]), line)
    if any(word in low for word in _SAID_HINTS) or not low.isascii():
        line = _TOLD.sub(told, line)
    return line


_DIRECTIVES = frozenset(["pass", "requ", "mast", "inse", "auth", "bind", "root", "keyf", "secr"])
_SAID_HINTS = ("pass", "secret", "token", "pin", "cred", "pwd", "key ", "kennw", "contrase", "wachtw", "senha", "heslo", "parola", "salas")


def random_word(value: str) -> bool:
    """Whether a word of a sentence looks made up: letters with digits or signs, no name, number, path or placeholder."""
    if (
        len(value) < 6
        or no_secret(value)
        or _NUMBER.match(value)
        or "[redacted:" in value
        or value.startswith(("/", "http", "<", "{", "$"))
    ):
        return False
    kinds = sum(any(test(c) for c in value) for test in (str.islower, str.isupper, str.isdigit, lambda c: c in "!#%&*+?@^~$=_"))
    return (
        kinds >= 2
        and not _REFERENCE.match(value)
        and not re.fullmatch(r"[A-Z]?[a-z]+|[A-Z][A-Z_]+|[A-Za-z]+(?:_[A-Za-z]+)+|v?\d[\d.]*", value)
    )


def _urls(line: str, mark: Mark) -> str:
    if "://" in line:
        line = _URL_PASSWORD.sub(lambda m: m[0] if not m[2] or no_secret(m[2]) else f"{m[1]}:{mark('password', m[2])}@", line)
        line = _URL_TOKEN.sub(lambda m: f"{m[1]}{mark('token', m[2])}@", line)
    return _DSN_TCP.sub(lambda m: m[0] if no_secret(m[2]) else f"{m[1]}:{mark('password', m[2])}@", line)


def _headers(line: str, low: str, mark: Mark) -> str:
    if "authorization" in low:
        line = _HEADER.sub(lambda m: m[0] if no_secret(m[2]) else m[1] + mark("credential", m[2]), line)
        line = _HEADER_PART.sub(lambda m: m[0] if no_secret(m[2]) else m[1] + mark("credential", m[2]), line)
    if "authorization" in low or "-key" in low or "-token" in low:
        line = _RAW_HEADER.sub(lambda m: m[0] if no_secret(m[2]) else m[1] + mark("credential", m[2]), line)
    if "bearer" in low or "token" in low or "apikey" in low or "basic" in low:
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
        if not sensitive_name(head["key"]) and not (_KEYLIKE.search(head["key"]) and _STRONG.match(line, at)):
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
    if value[0] in "{[" and not value.startswith("{{"):
        return None, at + 1  # a mapping or a list, whose own keys are looked at
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
    if not words:
        return True
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

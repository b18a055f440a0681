"""Judges programs that look at (or change) the host itself, by tables/host.json: exact flags, exact subcommands, checked operands."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from engine.commands.parsing.flags import Flag, Parsed, read_getopt, read_pflag, read_words
from engine.commands.parsing.verdicts import at_least, refusal, row_flags, short_flags, table
from engine.commands.policy import ps
from engine.core.types import Risk, Verdict

_WORD = re.compile(r"^[A-Za-z0-9_.:,/@%+=*()!<>&|\[\]{}\" -]*$")
_IP_OBJECTS = frozenset(
    "a addr address r route l link n neigh neighbor neighbour rule maddr maddress tunnel ntable netns nexthop vrf mroute token".split()
)
"""Objects of ip, in the words that people type and no prefix of them."""
_IP_NOUNS = frozenset(["dev", "default", "table", "to", "up", "type", "master", "scope", "via", "proto", "from", "vrf"])


def known(program: str) -> bool:
    """Whether the program is in the host tools' table."""
    return program in table("host")


def listed_file(path: str) -> bool:
    """Whether a file may be read: a full match with the list, without `..` and links that the text could name."""
    return ".." not in path.split("/") and any(re.fullmatch(pattern, path) for pattern in table("files")["readable"])


def judge(argv: Sequence[str]) -> Verdict:
    """The verdict on a host tool's argv; raises `Refused` for what never runs."""
    program = argv[0]
    rows = table("host")
    row: Mapping[str, Any] = rows[program]
    if "same" in row:
        row = rows[row["same"]]
    style = row.get("style", "getopt")
    if style in _STYLES:
        return _STYLES[style](program, argv[1:], row)
    if row.get("commands", {}).get(argv[1] if len(argv) > 1 else "", {}).get("style") == "raw":
        return _verdict(program, argv[1], *ps.of_container(program, argv[2:]))
    parsed = _read(program, argv[1:], row, style)
    risk: Risk = row.get("risk", "read")
    why = str(row.get("why", ""))
    words = ""
    operands = list(parsed.operands)
    rule: Mapping[str, Any] = row
    if "commands" in row:
        words, rule, operands = _command(program, operands, row)
        risk, why = rule["risk"], str(rule.get("why", ""))
    _check_required(program, parsed, row)
    for flag, value in parsed.flags:
        raised: Risk = {**row.get("flag_risk", {}), **rule.get("flag_risk", {})}.get(flag, "read")
        if raised != "read":
            risk, why = at_least(risk, raised), why or f"{flag} changes something"
        _check_value(program, flag, value, {**row, "only": {**row.get("only", {}), **rule.get("only", {})}})
    _check_operands(program, words, operands, rule)
    own, reason = _OWN.get(str(rule.get("operands", "")), _nothing)(program, operands)
    return _verdict(program, words, at_least(risk, own), why or reason)


def _verdict(program: str, words: str, risk: Risk, why: str) -> Verdict:
    rule = f"host.{program}" + (f".{words.replace(' ', '-')}" if words else "")
    name = f"{program} {words}".strip()
    if risk == "read":
        return Verdict("read", rule, f"`{name}` only reads.")
    how = "in a way that is hard to take back" if risk == "destructive" else "in a way that a normal command undoes"
    return Verdict(risk, rule, f"`{name}` changes this host {how}{': ' + why if why else ''}.")


def _read(program: str, words: Sequence[str], row: Mapping[str, Any], style: str) -> Parsed:
    named: Mapping[str, Any] = row.get("commands", {})
    own: Mapping[str, Any] = next((named[name] for name in (" ".join(words[:2]), " ".join(words[:1])) if name in named), {})
    flags: dict[str, Flag] = {
        **row_flags(dict(row)),
        **short_flags(row.get("risky_bool", ""), "bool"),
        **short_flags(row.get("risky_value", ""), "value"),
    }
    flags.update(short_flags(row.get("late_bool", ""), "bool"))
    flags.update(row_flags(dict(own)))
    if style == "words":
        return read_words(words, flags, program)
    if style == "pflag":
        parsed = read_pflag(words, flags, program)
        if parsed.tail:
            raise refusal("host.operand", f"{program} is not run with -- here.")
        return parsed
    return read_getopt(words, flags, program, digits=bool(row.get("digits")))


def _command(program: str, operands: list[str], row: Mapping[str, Any]) -> tuple[str, Mapping[str, Any], list[str]]:
    commands: Mapping[str, Mapping[str, Any]] = row["commands"]
    for count in (3, 2, 1, 0):
        words = " ".join(operands[:count])
        if len(operands) >= count and words in commands and (count or not operands):
            return words, commands[words], operands[count:]
    shown = operands[0] if operands else ""
    raise refusal("host.command", f"`{program} {shown}` is in no table, so it is not run.".replace(" `", "`"))


def _check_required(program: str, parsed: Parsed, row: Mapping[str, Any]) -> None:
    required = row.get("require")
    if required and not parsed.has(*required):
        raise refusal("host.flag", f"{program} is run only with one of {' '.join(required)}.")


_CREDENTIAL_FIELD = re.compile(r"\{\{[^}]*\.(?:auth|password|passwd|secret|token|identitytoken|registrytoken)\b", re.IGNORECASE)


def _check_value(program: str, flag: str, value: str | None, row: Mapping[str, Any]) -> None:
    text = value or ""
    if _CREDENTIAL_FIELD.search(text):
        raise refusal("host.flag", f"{flag} of {program} names a field that holds a credential, whose value is never shown.")
    if flag in row.get("no_expansion", "").split() and "%(" in text:
        raise refusal("host.flag", f"{flag} must not hold a macro that starts a program.")
    if (
        flag in row.get("socket", "").split()
        and program == "crictl"
        and "/" in text
        and not re.fullmatch(table("files")["runtime_socket"], text)
    ):
        raise refusal("host.flag", f"{flag} takes the socket of the local container runtime only.")
    if flag == row.get("cert") and (not re.fullmatch(table("files")["certificate"], text) or ".." in text.split("/")):
        raise refusal("host.file", f"{text!r} is not a certificate file; only .crt, .cer and .pem are read.")
    if flag in row.get("written", "").split() and not re.fullmatch(table("files")["write_out"], text):
        raise refusal("host.flag", f"{flag} of {program} takes plain words and %{{names}} only; it could read or write a file otherwise.")
    allowed = row.get("only", {}).get(flag)
    if allowed and not set(text.split(",")) <= set(allowed.split()):
        raise refusal("host.flag", f"{flag} of {program} takes only {allowed.replace(' ', ', ')} here.")
    limits = row.get("limits", {}).get(flag)
    if limits:
        try:
            number = float(text)
        except ValueError:
            number = -1.0
        if not limits[0] <= number <= limits[1]:
            raise refusal("host.flag", f"{flag} of {program} takes a number from {limits[0]} to {limits[1]}.")


def _check_operands(program: str, words: str, operands: Sequence[str], rule: Mapping[str, Any]) -> None:
    form = str(rule.get("operands", "none"))
    most = rule.get("max", 0 if form == "none" else 64)
    if len(operands) > most:
        raise refusal("host.operand", f"`{program} {words}".strip() + f"` takes no operand {operands[0]!r} here.")
    check = _OPERANDS.get(form)
    for operand in operands:
        if check is not None and not check(operand):
            raise refusal("host.operand", f"{program} is not run with {operand!r}: only {_MEANING.get(form, 'plain words')} are accepted.")


def _is_host(word: str) -> bool:
    return bool(re.fullmatch(table("files")["host_name"], word)) or _address(word) is not None


def _address(word: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(word)
    except ValueError:
        return None


def _near(word: str) -> bool:
    """Whether asking for this name or address stays within the host, the cluster and its private network."""
    address = _address(word)
    if address is not None:
        return address.is_private or address.is_loopback or address.is_link_local
    return bool(re.fullmatch(table("files")["cluster_name"], word))


_OPERANDS: dict[str, Callable[[str], bool]] = {
    "units": lambda word: bool(re.fullmatch(r"[A-Za-z0-9@_.:*?\\\[\]-]+", word)),
    "changed units": lambda word: bool(re.fullmatch(r"[A-Za-z0-9@_.:*?\\\[\]-]+", word)),
    "paths": lambda word: not word.startswith("-") and ".." not in word.split("/"),
    "matches": lambda word: bool(re.fullmatch(r"[A-Z_][A-Z0-9_]*=.*|\+|[+-]?\d+|[0-9a-f]{32}|/[A-Za-z0-9/_.-]+", word)),
    "numbers": lambda word: bool(re.fullmatch(r"[a-z]*\d+|\d+|ALL|[a-z]{2,4}[0-9a-z]*", word)),
    "words": lambda word: bool(_WORD.match(word)),
    "chain": lambda word: bool(re.fullmatch(r"[A-Za-z0-9_.:-]+", word)),
    "hosts": _is_host,
    "names": _is_host,
    "targets": _is_host,
    "sysctl": lambda word: bool(re.fullmatch(r"[A-Za-z0-9_./*-]+(?:=.*)?", word)),
    "flags": lambda word: word in ("-v", "-a"),
    "loopback": lambda word: bool(re.fullmatch(table("files")["loopback_url"], word)) and "//" not in word.partition("://")[2],
    "lsof": lambda word: bool(re.fullmatch(r"\+[LDd]\d?|/.*|\S+", word)),
    "charts": lambda word: "://" not in word,
    "packages": lambda word: "://" not in word and "/" not in word,
}
_MEANING = {
    "units": "names of units",
    "changed units": "names of units",
    "paths": "plain paths",
    "matches": "journal fields such as _PID=1",
    "hosts": "names and addresses of hosts",
    "targets": "names and addresses of hosts",
    "loopback": "health and metrics addresses of this host",
    "charts": "charts that are already here",
    "packages": "packages of the configured repositories",
}


def _nothing(program: str, operands: Sequence[str]) -> tuple[Risk, str]:
    return "read", ""


def _sysctl(program: str, operands: Sequence[str]) -> tuple[Risk, str]:
    if any(
        re.search(r"core_pattern|modprobe|hotplug|usermodehelper|poweroff_cmd|core_pipe|binfmt", word) for word in operands if "=" in word
    ):
        raise refusal("host.sysctl", "This value names a program that the kernel would start.")
    if any("drop_caches" in word or "sysrq" in word for word in operands if "=" in word):
        return "destructive", "it drops caches or opens the emergency keys"
    return ("mutate", "it sets a kernel value") if any("=" in word for word in operands) else ("read", "")


def _date(program: str, operands: Sequence[str]) -> tuple[Risk, str]:
    return ("destructive", "it sets the clock") if any(not word.startswith("+") for word in operands) else ("read", "")


def _hostname(program: str, operands: Sequence[str]) -> tuple[Risk, str]:
    return ("mutate", "it renames the host") if operands else ("read", "")


def _targets(program: str, operands: Sequence[str]) -> tuple[Risk, str]:
    far = [word for word in operands if not _near(word)]
    return ("mutate", f"it sends packets to {far[0]}, beyond the cluster") if far else ("read", "")


def _dns(program: str, operands: Sequence[str]) -> tuple[Risk, str]:
    risk: Risk = "read"
    reason = ""
    for position, word in enumerate(operands):
        server = word.startswith("@") or (program != "dig" and position == 1)
        bare = word.removeprefix("@")
        if word.startswith("+") or bare.upper() in ("A", "AAAA", "ANY", "CNAME", "MX", "NS", "PTR", "SOA", "SRV", "TXT", "CAA"):
            continue
        if not _is_host(bare) or len(bare) > 128:
            raise refusal("host.operand", f"{program} is not run with {word!r}: only names and addresses are asked for.")
        if server and not _near(bare):
            raise refusal("host.dns", f"{bare} is not a server of this cluster or network, and questions would leave it.")
        if not _near(bare):
            risk, reason = "mutate", f"the question for {bare} leaves the cluster"
    return risk, reason


def _ps_style(program: str, words: Sequence[str], row: Mapping[str, Any]) -> Verdict:
    return _verdict(program, "", *ps.judge(words))


def _units(program: str, operands: Sequence[str]) -> tuple[Risk, str]:
    """What starting or reloading units comes to, beyond one named service."""
    for word in operands:
        if re.fullmatch(
            r"(?:systemd-)?(?:reboot|poweroff|halt|kexec|shutdown|rescue|emergency|exit|suspend|hibernate|sleep|final|umount|ctrl-alt-del)"
            r"[a-z-]*\.(?:target|service)",
            word,
        ):
            return "destructive", f"{word} takes the machine down"
        if word.removesuffix(".service") == "debug-shell":
            raise refusal("host.systemctl", "debug-shell opens a root shell on a console.")
    if len(operands) > 1 or any(c in word for word in operands for c in "*?["):
        return "destructive", "it reaches several units at once"
    return "read", ""


def _ip(program: str, operands: Sequence[str]) -> tuple[Risk, str]:
    if not operands:
        return "read", ""
    thing, action, rest = operands[0], operands[1] if len(operands) > 1 else "show", list(operands[2:])
    if thing == "monitor" and all(word in ("all", "link", "address", "route", "neigh", "rule", "label") for word in operands[1:]):
        return "read", ""
    if thing not in _IP_OBJECTS or not all(_WORD.match(word) for word in operands):
        raise refusal("host.ip", f"`ip {thing}` is in no table, so it is not run.")
    if thing == "netns":
        if action in ("list", "show", "identify", "pids"):
            return "read", ""
        raise refusal("host.ip", "Commands in other network namespaces are not run.")
    if action in ("show", "list", "ls", "get"):
        return "read", ""
    if any(word.startswith("xdp") or word in ("object", "obj", "bpf", "pinned", "encap") for word in rest):
        raise refusal("host.ip", "Programs are not loaded into the kernel.")
    if action in ("add", "append", "prepend"):
        return "mutate", "it adds to the network's settings"
    if action in ("replace", "change", "chg"):
        return "destructive", "the former setting is lost"
    if action == "set":
        return ("destructive", "it takes the link down") if "down" in rest or "netns" in rest else ("mutate", "it sets up the link")
    if action in ("del", "delete", "flush"):
        return "destructive", "it can cut the host off"
    if thing in ("r", "route", "n", "neigh", "a", "addr", "address", "l", "link") and action in _IP_NOUNS:
        return "read", ""
    raise refusal("host.ip", f"`ip {thing} {action}` is in no table, so it is not run; write the words out.")


def _tc(program: str, operands: Sequence[str]) -> tuple[Risk, str]:
    if not operands or operands[0] not in ("qdisc", "class", "filter") or not all(_WORD.match(word) for word in operands):
        raise refusal("host.tc", "Only qdisc, class and filter are shown.")
    action = operands[1] if len(operands) > 1 else "show"
    if action in ("show", "list", "ls"):
        return "read", ""
    if any(word.startswith("bpf") or word in ("obj", "object", "object-file", "object-pinned", "exp", "exec") for word in operands):
        raise refusal("host.tc", "Programs are not loaded into the kernel or started.")
    return (
        ("mutate", "it shapes the network's traffic")
        if action == "add"
        else ("destructive", "it changes how the network's traffic is shaped")
    )


_OWN: dict[str, Callable[[str, Sequence[str]], tuple[Risk, str]]] = {
    "sysctl": _sysctl,
    "date": _date,
    "hostname": _hostname,
    "targets": _targets,
    "names": _targets,
    "dns": _dns,
    "changed units": _units,
    "ip": _ip,
    "tc": _tc,
}


_DIG_OPTION = re.compile(
    r"\+(?:no)?(?:short|all|answer|stats|comments|question|authority|additional|tcp|vc|search|defname|recurse|multiline|dnssec|cmd|identify"
    r"|ttlid|ttlunits|fail|ignore)|\+(?:time|timeout|tries|retry|ndots|bufsize)=\d{1,4}"
)
"""What changes how an answer is asked for or shown; +trace and +nssearch ask servers outside of the cluster."""


def _dig(program: str, words: Sequence[str], row: Mapping[str, Any]) -> Verdict:
    operands: list[str] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word in ("-x", "-t", "-p", "-q", "-c") and rest:
            value = rest.pop(0)
            if word in ("-x", "-q"):
                operands.append(value)
            elif not re.fullmatch(r"[A-Za-z0-9]+", value):
                raise refusal("host.flag", f"dig is not run with {word} {value!r}.")
        elif word in ("-4", "-6"):
            continue
        elif word.startswith("+") and _DIG_OPTION.fullmatch(word):
            continue
        elif word.startswith("-") or not re.fullmatch(r"[A-Za-z0-9_.:@=/-]+", word):
            raise refusal("host.flag", f"dig is not run with {word!r}: it is not among the flags that are known to be safe.")
        else:
            operands.append(word)
    risk, why = _dns("dig", operands)
    return _verdict("dig", "", risk, why)


_FIND_ALONE = frozenset(
    (
        "-print -ls -empty -xdev -mount -not -o -a -or -and ! ( ) -daystart -nouser -nogroup -prune -print0 "
        "-depth -readable -writable -executable -L -P -H"
    ).split()
)
_FIND_VALUE = frozenset(
    (
        "-name -iname -path -ipath -type -size -mtime -mmin -atime -amin -ctime -cmin -maxdepth -mindepth "
        "-newer -newermt -perm -user -group -uid -gid -links -inum -regex -iregex -fstype -printf -lname"
    ).split()
)


def _find(program: str, words: Sequence[str], row: Mapping[str, Any]) -> Verdict:
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word in _FIND_VALUE and rest:
            rest.pop(0)
        elif word == "-delete":
            return _verdict("find", "", "destructive", "it deletes files")
        elif word not in _FIND_ALONE and (word.startswith("-") or ".." in word.split("/")):
            raise refusal("host.find", f"find is not run with {word}: it would start a program or write a file.")
    return _verdict("find", "", "read", "")


def _kill(program: str, words: Sequence[str], row: Mapping[str, Any]) -> Verdict:
    rest = list(words)
    signal = "TERM"
    if rest[:1] == ["-l"]:
        return _verdict("kill", "", "read", "")
    if rest and rest[0].startswith("-"):
        first = rest.pop(0)
        signal = (rest.pop(0) if first == "-s" and rest else first[1:]).upper().removeprefix("SIG")
    if not rest or not all(re.fullmatch(r"[1-9]\d*", word) for word in rest):
        raise refusal("host.kill", "kill takes the numbers of processes.")
    if len(rest) > 1 or rest == ["1"] or signal in ("KILL", "9", "STOP", "19"):
        return _verdict("kill", "", "destructive", "it ends processes the hard way, or several of them")
    return _verdict("kill", "", "mutate", "it sends a signal to a process")


_STYLES: dict[str, Callable[[str, Sequence[str], Mapping[str, Any]], Verdict]] = {
    "dig": _dig,
    "find": _find,
    "kill": _kill,
    "ps": _ps_style,
}

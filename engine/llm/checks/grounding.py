"""`ground`: every object, number, image, command, quotation and citation of an answer is looked up; what nobody saw is marked or struck."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from engine.core.redaction.escapes import visible
from engine.core.types import Evidence, ObjectRef

ClaimKind = Literal["object", "number", "image", "command", "quotation", "citation"]
CLAIMS: tuple[ClaimKind, ...] = ("object", "number", "image", "command", "quotation", "citation")
MARK = "(not in the evidence)"
STRUCK = "(an unchecked command was removed)"

_KINDS = (
    r"pod|po|deployment|deploy|replicaset|rs|statefulset|sts|daemonset|ds|job|cronjob|cj|service|svc|endpoints|ingress|ing|configmap|cm|secret|"
    r"persistentvolumeclaim|pvc|persistentvolume|pv|storageclass|sc|node|namespace|ns|serviceaccount|sa|role|rolebinding|clusterrole|"
    r"clusterrolebinding|networkpolicy|netpol|horizontalpodautoscaler|hpa|poddisruptionbudget|pdb|resourcequota|quota|container|volume|image"
)
_NAME = r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?"
_MIXED = re.compile(r"\b(?=\w*[A-Za-z])(?=\w*[\u0370-\u03ff\u0400-\u052f\u0530-\u058f\u13a0-\u13ff])\w+")
"""A word of Latin letters and letters that look like them: what it names is not what it shows."""
_BLOCK = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`([^`\n]+)`")
_QUOTE = re.compile(r"\"([^\"\n]{3,400})\"|“([^”\n]{3,400})”")
_CITATION = re.compile(r"\[([ED]\d+)\]")
_PROGRAMS = (
    "kubectl helm oc systemctl journalctl curl wget docker podman nerdctl crictl ctr rm dd mkfs fdisk nc ncat netcat socat bash sh "
    "zsh sudo su chmod chown chattr iptables ip6tables nft firewall-cmd ssh scp rsync etcdctl kubeadm kubelet kustomize istioctl "
    "argocd flux python python3 perl ruby node php eval exec xargs tee truncate shred wipefs parted mount umount modprobe sysctl "
    "setenforce swapoff reboot poweroff shutdown halt init kill pkill killall crontab useradd usermod passwd chpasswd dnf yum apt "
    "apt-get rpm dpkg pip npm git openssl gpg base64 nsenter unshare chroot ansible terraform vault aws gcloud az psql mysql "
    "mongosh redis-cli"
).split()
COMMAND = re.compile(rf"(?<![\w/.-])(?:sudo +)?(?:/(?:[\w.-]+/)*)?(?:{'|'.join(map(re.escape, _PROGRAMS))})(?:\.\w+)?[ \t]+(?=\S)[^\n`]+")
"""A command line of an answer: a program's name and what follows it."""
_PROSE = frozenset(
    (
        "sh init node exec kill mount ip git vault az halt reboot shutdown passwd kubelet docker python su tee eval truncate parted flux"
    ).split()
)
"""Programs whose names are plain words too: in a sentence they are commands only with something that a shell would read."""
_SHELL = re.compile(r"\s--?\w|[|$`\\]|&&|\s(?:\./|/)\S|://")
_SHELL_BLOCK = frozenset(["bash", "sh", "shell", "console", "zsh", "terminal", "shell-session", "powershell"])
_IMAGE = re.compile(
    r"(?<![\w./-])(?:(?:[a-z0-9-]+\.)+[a-z]+(?::\d+)?/[\w./-]*\w(?::[\w.-]*\w|@sha256:[0-9a-f]+)?"
    r"|(?:[\w-]+/)+[\w.-]*\w:[\w.-]*\w|[a-z][a-z0-9-]*:(?:v?\d[\w.-]*\w|v?\d|latest))"
)
_PORT = re.compile(r"([a-z0-9.-]+):(\d{2,5})")
_EFFECT = re.compile(r":(?:NoSchedule|NoExecute|PreferNoSchedule)$")
_SLASHED = re.compile(rf"(?i:(?<![\w/.-])(?:{_KINDS})s?)/({_NAME})")
_SPOKEN = re.compile(rf"(?i:\b(?:{_KINDS}))s?\s+[`\"']?({_NAME})")
_SPACE = re.compile(rf"\bnamespaces?:?\s+[`\"']?({_NAME})|\bin the ({_NAME}) namespace\b")
_HASHED = re.compile(r"(?<![\w./-])[a-z][a-z0-9]*(?:-[a-z0-9]+)+(?![\w-])")
_CONSTANT = re.compile(r"(?<![\w-])[A-Z][A-Z0-9]*_[A-Z0-9_]*[A-Z0-9](?!\w)")
_NUMBER = re.compile(r"(?<![\w.,/-])\d+(?:[.,:]\d+)*(?:\s?%|[A-Za-z]{1,3}\b)?(?![\w-])")
_ORDINAL = re.compile(r"^\s*(?:[-*]\s+)?\d+[.)]\s", re.MULTILINE)
_DIGITS = re.compile(r"\d+(?:\.\d+)*")
_PATH = re.compile(r"(?:/[\w.-]+){1,}/?")
_PLAIN_WORDS = frozenset(
    "is in of the a an and or that this with without to for from by on at it its which has have had was were are be been can cannot "
    "does do did not will would should could where when because so as but if then than itself selector quota also named called".split()
)
_STAND_IN = re.compile(r"(?:my|your|example|some)-[a-z-]+$")
_TERMS = frozenset({"utf-8", "x86-64", "sha-256", "arm-64", "base-64", "http-2", "tls-1", "ipv-4", "ipv-6", "layer-4", "layer-7"})
_NAMESPACE_FLAGS = ("-n", "--namespace", "--context")
_GOING_ON = frozenset("and to then which so or because again after until for shows if".split())
_ALIASES = {
    "po": "pod",
    "deploy": "deployment",
    "svc": "service",
    "cm": "configmap",
    "sts": "statefulset",
    "ds": "daemonset",
    "ns": "namespace",
}


@dataclass(frozen=True, slots=True)
class Flag:
    """One claim that was not found, as the answer words it."""

    kind: ClaimKind
    text: str


@dataclass(frozen=True, slots=True)
class Grounded:
    """The answer with a mark behind what was not found, commands left out in place of marked, and those claims."""

    text: str
    flagged: tuple[Flag, ...] = ()

    @property
    def changed(self) -> str:
        """What was corrected, as a sentence; "" where nothing was."""
        marked = [f.text for f in self.flagged if f.kind != "command"]
        struck = sum(f.kind == "command" for f in self.flagged)
        parts = [f"marked as not in the evidence: {', '.join(marked[:6])}"] if marked else []
        parts += [f"{struck} command{'' if struck == 1 else 's'} unchecked removed"] if struck else []
        return f"Corrected after generation: {'; '.join(parts)}." if parts else ""


@dataclass(frozen=True, slots=True)
class _Claim:
    kind: ClaimKind
    text: str
    start: int
    end: int
    in_block: bool = False


def ground(
    text: str,
    evidence: Sequence[Evidence],
    known_objects: Iterable[ObjectRef] = (),
    commands: Iterable[str] = (),
    *,
    trusted: str = "",
    outside: str = "",
    kinds: Sequence[ClaimKind] = CLAIMS,
) -> Grounded:
    """Look up what an answer claims. `trusted` is text of our own making (the result, the question, cited passages); it counts as seen.

    `outside` is text of others (a pasted log) that counts as seen. A command is known only when it is one of `commands`, the source of a
    piece of evidence, or stands in `trusted` and in no outside text: what a log or an event holds is never a command of ours.
    Each claim is marked once, where it first stands; a command is struck wherever it stands, since somebody might copy it.
    General words are no claims; names, numbers and quotations are. `kinds` narrows what is looked up, since an explanation has numbers
    of its own; names that only stand for one (`my-pod`) are never claims.
    """
    text = _MIXED.sub(lambda match: visible(match[0], ascii_only=True), text)
    seen = _Seen(evidence, known_objects, commands, trusted, outside)
    flags: list[Flag] = []
    changes: list[tuple[int, int, str]] = []
    for claim in sorted(_claims(text), key=lambda c: c.start):
        if claim.kind not in kinds or _STAND_IN.match(claim.text) or seen.has(claim):
            continue
        flag = Flag(claim.kind, claim.text)
        if claim.kind == "command":
            changes.append((claim.start, claim.end, f"# {STRUCK[1:-1]}" if claim.in_block else STRUCK))
        elif flag not in flags:
            changes.append((claim.end, claim.end, f" {MARK}"))
        if flag not in flags:
            flags.append(flag)
    out = text
    for start, end, words in reversed(changes):
        out = out[:start] + words + out[end:]
    return Grounded(out, tuple(flags))


class _Seen:
    """Everything that was seen, ready to be looked up."""

    def __init__(
        self, evidence: Sequence[Evidence], objects: Iterable[ObjectRef], commands: Iterable[str], trusted: str, outside: str
    ) -> None:
        pieces = [trusted, outside]
        self._ids = set(_CITATION.findall(trusted))
        for e in evidence:
            pieces += [e.source, e.excerpt, e.at]
            self._ids.add(e.id)
            if e.object is not None:
                pieces += [e.object.namespace, str(e.object)]
        for ref in objects:
            pieces += [ref.namespace, str(ref)]
        known = list(commands)
        pieces += known
        self._text = _plain("\n".join(pieces))
        self._numbers = set(_DIGITS.findall(self._text))
        self._commands = [_tokens(c) for c in known]
        theirs = [command.words for command in _commands_in("\n".join([outside, *(e.excerpt for e in evidence)]))]
        ours = _commands_in("\n".join([trusted, *(e.source for e in evidence)]))
        self._commands += [command for command in ours if command.words not in theirs]

    def has(self, claim: _Claim) -> bool:
        match claim.kind:
            case "citation":
                return claim.text in self._ids
            case "number":
                return all(part in self._numbers for part in _DIGITS.findall(claim.text.replace(",", "")))
            case "command":
                return self._has_command(claim.text)
            case "object":
                return re.search(rf"(?<![a-z0-9-]){re.escape(claim.text.lower())}(?![a-z0-9])", self._text) is not None
            case "image" if (port := _PORT.fullmatch(claim.text)) is not None:
                return self.has(_Claim("object", port.group(1), 0, 0)) and port.group(2) in self._numbers
            case "image":
                return re.search(rf"(?<![a-z0-9-]){re.escape(claim.text.lower())}(?![\w.-]*\w)", self._text) is not None
            case _:
                parts = [p.strip(" .,;:") for p in re.split(r"…|\.\.\.", _plain(claim.text))]
                return all(part in self._text for part in parts)

    def _has_command(self, text: str) -> bool:
        # A remark may stand behind a known command, two blanks apart.
        return any(_same_command(known, _tokens(said)) for said in (text, _GAP.split(text)[0]) for known in self._commands)


def _claims(text: str) -> Iterator[_Claim]:
    """What an answer claims; each stretch of it counts once, as the most telling kind."""
    taken = bytearray(len(text))

    def free(start: int, end: int) -> bool:
        if any(taken[start:end]):
            return False
        taken[start:end] = b"\1" * (end - start)
        return True

    for block in _BLOCK.finditer(text):
        yield from _in_block(block)
        free(block.start(), block.end())
    for match in _ORDINAL.finditer(text):
        free(match.start(), match.end())
    for match in _CITATION.finditer(text):
        if free(match.start(), match.end()):
            yield _Claim("citation", match.group(1), match.start(), match.end())
    for match in _CODE.finditer(text):
        kind = _kind_of(match.group(1))
        if kind is not None and free(match.start(), match.end()):
            yield _Claim(kind, _bare(match.group(1), kind), match.start(), match.end())
    for match in _QUOTE.finditer(text):
        words = match.group(1) or match.group(2)
        if free(match.start(), match.end()):
            yield _Claim("quotation", words, match.start(), match.end())
    for match in COMMAND.finditer(text):
        command = command_in(match.group())
        end = match.start() + len(command)
        if _is_command(command) and free(match.start(), end):
            yield _Claim("command", command, match.start(), end)
    for match in _IMAGE.finditer(text):
        kind = "quotation" if _EFFECT.search(match.group()) else "image"
        if free(match.start(), match.end()):
            yield _Claim(kind, match.group(), match.start(), match.end())
    for pattern in (_SLASHED, _SPACE, _SPOKEN, _HASHED):
        for match in pattern.finditer(text):
            group = next((n for n in range(1, (match.re.groups or 0) + 1) if match.group(n)), 0)
            name, start, end = match.group(group), match.start(group), match.end(group)
            if pattern is _SPOKEN and not re.search(r"[-\d]", name):
                continue
            if pattern is _HASHED and not re.search(r"\d", name):
                continue
            if name in _PLAIN_WORDS or name in _TERMS or name.isdigit():
                continue
            if free(start, end):
                yield _Claim("object", name, start, end)
    for match in _CONSTANT.finditer(text):
        if free(match.start(), match.end()):
            yield _Claim("quotation", match.group(), match.start(), match.end())
    for match in _NUMBER.finditer(text):
        if free(match.start(), match.end()):
            yield _Claim("number", match.group(), match.start(), match.end())


def _in_block(block: re.Match[str]) -> Iterator[_Claim]:
    """Command lines of a code block; manifests and programs are to be read, not claims."""
    at = block.start(2)
    shell = block.group(1).lower() in _SHELL_BLOCK
    for line in block.group(2).splitlines(keepends=True):
        bare = line.strip().removeprefix("$ ")
        if bare and not bare.startswith("#") and (shell or line.lstrip().startswith("$ ") or (COMMAND.match(bare) and _is_command(bare))):
            yield _Claim("command", bare, at, at + len(line.rstrip("\n")), in_block=True)
        at += len(line)


def _kind_of(code: str) -> ClaimKind | None:
    """What a stretch of inline code claims; None for a general word such as a field or a kind."""
    word = code.strip()
    if COMMAND.match(word) and (_is_command(word) or " -" in word):
        return "command"
    if _IMAGE.fullmatch(word):
        return "image"
    if _SLASHED.fullmatch(word) or (re.fullmatch(_NAME, word) and "-" in word and word not in _TERMS):
        return "object"
    if _CONSTANT.fullmatch(word) or _PATH.fullmatch(word) or " " in word:
        return "quotation"
    return None


def _bare(code: str, kind: ClaimKind) -> str:
    match = _SLASHED.fullmatch(code.strip()) if kind == "object" else None
    return match.group(1) if match else code.strip()


def command_in(line: str) -> str:
    """The command at the beginning of a line, without a remark behind it."""
    return re.split(r"\s[(#]|\s[—–]\s", line)[0].rstrip(" .,;:)")


_GAP = re.compile(r"\s{2,}")


def _is_command(text: str) -> bool:
    """Whether words that begin with a program's name are a command line, and no sentence about the program."""
    program = text.removeprefix("sudo ").split()[0].rsplit("/", 1)[-1]
    return program not in _PROSE or _SHELL.search(text) is not None


def _commands_in(text: str) -> list[_Words]:
    """Every command line of a text."""
    return [_tokens(_GAP.split(command)[0]) for m in COMMAND.finditer(text) if _is_command(command := command_in(m.group()))]


def _plain(text: str) -> str:
    return " ".join(text.lower().split())


def _same_command(known: _Words, said: _Words) -> bool:
    """Whether a command is said that is known: in any order of its words, with the same place or none, or before the rest of a sentence."""
    if known.place and said.place and known.place != said.place:
        return False
    if sorted(known.words) == sorted(said.words):
        return True
    rest = said.words[len(known.words) :]
    return said.words[: len(known.words)] == known.words and rest[0] in _GOING_ON and not any(w.startswith("-") for w in rest)


@dataclass(frozen=True, slots=True)
class _Words:
    """A command's words with kinds spelled one way; its place (namespace or context) apart, since the engine adds that by itself."""

    words: list[str]
    place: str = ""


def _tokens(command: str) -> _Words:
    try:
        words = shlex.split(command, comments=True)
    except ValueError:
        words = command.split()
    found: list[str] = []
    place: list[str] = []
    flag = ""
    for word in words:
        if flag:
            place.append(word)
            flag = ""
        elif word in _NAMESPACE_FLAGS:
            flag = word
        elif word.startswith(tuple(f"{name}=" for name in _NAMESPACE_FLAGS[1:])):
            place.append(word.split("=", 1)[1])
        else:
            parts = word.split("/", 1) if re.fullmatch(rf"(?:{_KINDS})s?/\S+", word) else [word]
            found += [_ALIASES.get(part, part) for part in parts]
    return _Words(found, " ".join(sorted(place)))

"""`Bundle`: what one host said to every probe, already plain text without escapes and secrets; the only thing that host analyzers see."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from engine.core.types import Evidence, ObjectRef, Remedy
from engine.hosts.probes import probes

State = Literal["seen", "missing", "denied", "absent", "failed", "unasked"]

_DENIED = re.compile(
    r"permission denied|operation not permitted|not permitted|must be root|only root|superuser|authorization failed|not authorized"
    r"|insufficient permissions|access denied|you are currently not seeing messages|no journal files were opened due to insufficient",
    re.IGNORECASE,
)
_ABSENT = re.compile(
    r"no such file or directory|can't open|cannot open|does not exist|not been booted with systemd|failed to connect to bus|not running",
    re.IGNORECASE,
)
_NO_JOURNAL = re.compile(r"\ANo journal files were found")
_HINT = re.compile(r"not seeing messages from other users", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Reply:
    """One probe's reply: its text (standard output and error), exit code (None: it did not end by itself), and why it is not whole."""

    text: str = ""
    code: int | None = 0
    note: str = ""

    @property
    def state(self) -> State:
        """Whether the reply shows anything: `missing` lacks the program, `denied` lacks rights, `absent` lacks what is asked about."""
        if self.code is None:
            return "failed"
        if self.code == 127:
            return "missing"
        if _HINT.search(self.text) or (self.code != 0 and self._mostly_denied) or self.code == 126:
            return "denied"
        if self.code in (124, 137):
            return "failed"
        if (self.code != 0 and _ABSENT.search(self.text)) or _NO_JOURNAL.search(self.text):
            return "absent"
        return "seen"

    @property
    def _mostly_denied(self) -> bool:
        """One refused line among many (a mount that df may not look at) leaves the rest worth reading."""
        lines = self.text.splitlines()
        return 3 * sum(bool(_DENIED.search(line)) for line in lines) >= len(lines) > 0


NOT_ASKED = Reply(code=None, note="it was not collected")


@dataclass(frozen=True, slots=True)
class Bundle:
    """Everything that one host said.

    `problem` says why it could not be reached, or why it broke off ("" when it did not); `received_at` is this machine's clock (Unix
    seconds) when the host reported the time, 0 where both are the same clock.
    """

    host: str
    node: bool = False
    local: bool = False
    replies: Mapping[str, Reply] = field(default_factory=dict)
    problem: str = ""
    fix: str = ""
    seconds: float = 0.0
    received_at: float = 0.0

    @property
    def object(self) -> ObjectRef:
        """What findings are about: the node where the host is one, the host otherwise."""
        return ObjectRef("Node" if self.node else "Host", "", self.host)

    def state(self, key: str) -> State:
        """How a probe went."""
        reply = self.replies.get(key)
        return reply.state if reply is not None else "unasked"

    def text(self, key: str) -> str:
        """A probe's text, "" when it shows nothing; what a denied or failed probe printed is no statement about the host."""
        reply = self.replies.get(key)
        return reply.text if reply is not None and reply.state == "seen" else ""

    def lines(self, key: str) -> list[str]:
        """A probe's lines that hold something."""
        return [line for line in self.text(key).splitlines() if line.strip()]

    def number(self, key: str) -> float | None:
        """The first number of a probe's text."""
        found = re.match(r"\s*(-?\d+(?:\.\d+)?)", self.text(key))
        return float(found.group(1)) if found else None

    def cite(self, key: str, excerpt: str, at: str = "") -> Evidence:
        """A line of a probe's text as evidence."""
        return Evidence(source=f"{_commands()[key]} on {self.host}", excerpt=excerpt.strip()[:600], at=at, object=self.object)

    def remedy(self, text: str, command: str = "") -> Remedy:
        """A remedy, with its command as words: it is for a person on that host and is never run from here."""
        return Remedy(f"{text}; on {self.host}: {command}" if command else text)

    @property
    def now(self) -> datetime:
        """The host's own clock, this machine's where the host did not report it."""
        try:
            return datetime.strptime(self.text("clock").strip()[:24], "%Y-%m-%dT%H:%M:%S%z")
        except ValueError:
            return datetime.now(UTC)

    @property
    def runs_kubelet(self) -> bool:
        """Whether a kubelet is installed here, in whatever distribution's unit."""
        return any(unit.loaded for name, unit in self.units.items() if name in KUBELETS)

    @property
    def units(self) -> dict[str, Unit]:
        """The services of the `services` probe by their names."""
        found = {}
        for block in self.text("services").split("\n\n"):
            values = dict(line.partition("=")[::2] for line in block.splitlines() if "=" in line)
            if values.get("Id"):
                found[values["Id"]] = Unit(values["Id"], values)
        return found


KUBELETS = ("kubelet.service", "k3s.service", "k3s-agent.service", "rke2-server.service", "rke2-agent.service")
RUNTIMES = ("containerd.service", "crio.service", "docker.service", "cri-docker.service")
CLOCKS = ("chronyd.service", "ntpd.service", "systemd-timesyncd.service")


@dataclass(frozen=True, slots=True)
class Unit:
    """A systemd unit as `systemctl show` prints it."""

    name: str
    values: Mapping[str, str]

    @property
    def loaded(self) -> bool:
        """Whether the unit exists."""
        return self.values.get("LoadState") == "loaded"

    @property
    def active(self) -> bool:
        """Whether it runs now."""
        return self.values.get("ActiveState") == "active"

    @property
    def wanted(self) -> bool:
        """Whether it is meant to run."""
        return self.values.get("UnitFileState", "").startswith(("enabled", "static", "generated")) or not self.values.get("UnitFileState")

    @property
    def restarts(self) -> int:
        """How often systemd has restarted it by itself."""
        text = self.values.get("NRestarts", "")
        return int(text) if text.isdigit() else 0

    @property
    def line(self) -> str:
        """Its state on one line, as evidence."""
        keys = ("Id", "ActiveState", "SubState", "Result", "ExecMainStatus", "NRestarts", "UnitFileState")
        return " ".join(f"{key}={self.values[key]}" for key in keys if self.values.get(key))


@functools.cache
def _commands() -> dict[str, str]:
    return {probe.key: probe.command for probe in probes()}

"""`HostConsent`: which model servers on other machines may be sent cluster data; asked for once per host, and remembered."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterable
from pathlib import Path

from engine.core.paths import private_folder


class HostConsent:
    """Hosts that were allowed: by the settings, in this session, or earlier (`file`, mode 0600; None keeps nothing). Thread-safe."""

    def __init__(self, allowed: Iterable[str] = (), file: Path | None = None) -> None:
        self._from_settings = frozenset(host.lower() for host in allowed)
        self._file = file
        self._lock = threading.Lock()
        self._allowed_now: set[str] = set()

    def allows(self, host: str) -> bool:
        """Whether a host may be sent anything."""
        requested = host.lower()
        with self._lock:
            return requested in self._from_settings or requested in self._allowed_now or requested in self._allowed_hosts()

    def allow(self, host: str) -> None:
        """Remember a yes; where it cannot be written it counts for this session."""
        with self._lock:
            self._allowed_now.add(host.lower())
            if self._file is None:
                return
            hosts = sorted(self._allowed_hosts() | self._allowed_now)
            try:
                private_folder(self._file.parent)
                aside = self._file.with_suffix(".new")
                with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as out:
                    json.dump({"hosts": hosts}, out)
                aside.replace(self._file)
            except OSError:  # a state folder that cannot be written must not undo the yes of this session
                return

    def _allowed_hosts(self) -> set[str]:
        if self._file is None:
            return set()
        try:
            hosts = json.loads(self._file.read_text(encoding="utf-8"))["hosts"]
        except (OSError, ValueError, KeyError, TypeError):  # nothing kept, or damaged: then it is asked again
            return set()
        return {host for host in hosts if isinstance(host, str)} if isinstance(hosts, list) else set()

"""Collects one bundle a host, several hosts at a time: this machine's probes as processes of their own, another host's over one ssh.

Over ssh one connection carries all probes (see script.py): forty connections would be forty logins in the host's audit, and a shared
master connection would leave a process behind when something dies. Locally there is no shell at all.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field

from engine.commands.execution.runner import Runner, RunnerSettings
from engine.commands.parsing.lexer import Part, Script, Stage
from engine.core.cancel import CancelToken
from engine.core.config import HostSettings
from engine.core.redaction.escapes import strip_escapes
from engine.core.redaction.redactor import Redactor
from engine.hosts.bundle import Bundle, Reply
from engine.hosts.probes import Probe, probes
from engine.hosts.script import PATH, ReplyReader, new_mark, script
from engine.hosts.ssh import problem, ssh_argv
from engine.hosts.targets import Host, HostRefused, check_target

MAX_BYTES = 16 * 1024 * 1024
"""Bytes that a host may send in all; a bundle of a busy node has about one MiB."""
_LOCAL_WORKERS = 4


@dataclass(frozen=True, slots=True)
class Collector:
    """Collects bundles under the settings; `table` and `path` (where the host's programs are looked for) are those of the house."""

    settings: HostSettings
    redactor: Redactor
    token: CancelToken
    table: tuple[Probe, ...] = field(default_factory=probes)
    path: str = PATH
    search_path: str | None = None

    def collect(self, hosts: Sequence[Host]) -> Iterator[Bundle]:
        """A bundle of every host, in the order in which they are complete; raises Cancelled."""
        workers = max(1, min(self.settings.parallel, len(hosts)))
        with ThreadPoolExecutor(max_workers=workers, thread_name_prefix="engine-host") as pool:
            waiting = [pool.submit(self.one, host) for host in hosts]
            for done in as_completed(waiting):
                self.token.check()
                yield done.result()
        self.token.check()

    def one(self, host: Host) -> Bundle:
        """The bundle of one host; never raises for what a host does."""
        started = time.monotonic()
        if self.token.cancelled:
            return Bundle(host.name, host.node, not host.target, problem=f"it was not collected: {self.token.reason}")
        return self._remote(host, started) if host.target else self._local(host, started)

    def _local(self, host: Host, started: float) -> Bundle:
        runner = Runner(RunnerSettings(search_path=self.search_path))

        def ask(probe: Probe) -> tuple[str, Reply]:
            if not runner.programs.installed(probe.argv[0]):
                return probe.key, Reply(code=127)
            plain = Script((Part((Stage(probe.argv, merge_stderr=True),)),))
            result = runner.run(plain, cancel=self.token, redactor=self.redactor, seconds=probe.seconds)
            return probe.key, Reply(result.stdout, result.exit_code, result.error)

        with ThreadPoolExecutor(max_workers=_LOCAL_WORKERS, thread_name_prefix="engine-host-local") as pool:
            replies = dict(pool.map(ask, self.table))
        return Bundle(host.name, host.node, local=True, replies=replies, seconds=time.monotonic() - started)

    def _remote(self, host: Host, started: float) -> Bundle:
        try:
            check_target(host.target)
        except HostRefused as refused:
            return Bundle(host.name, host.node, problem=str(refused))
        mark = new_mark()
        reader = ReplyReader(mark, self._clean)
        result = Runner(RunnerSettings(max_bytes=MAX_BYTES, search_path=self.search_path)).run(
            Script((Part((Stage(ssh_argv(host.target, self.settings)),)),)),
            cancel=self.token,
            redactor=self.redactor,
            seconds=self.settings.connect_seconds + self.settings.seconds,
            stdin=script(self.table, mark, path=self.path).encode(),
            raw=reader.take,
        )
        reader.close()
        what = fix = ""
        if not reader.done:
            if result.error:
                what, fix = result.error, "Check by hand what is slow, or raise [hosts] seconds."
            else:
                what, fix = problem(result.stderr, host.target)
            if reader.replies:
                what = f"the connection broke after {len(reader.replies)} of {len(self.table)} checks: {what}"
        return Bundle(
            host.name,
            host.node,
            replies=reader.replies,
            problem=what,
            fix=fix,
            seconds=time.monotonic() - started,
            received_at=reader.times.get("clock", 0.0),
        )

    def _clean(self, text: str) -> str:
        return self.redactor.text(strip_escapes(text))

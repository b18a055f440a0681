"""The processes of one pipeline: started by the runner, read from, bounded, and ended as a group."""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import selectors
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from engine.commands.execution.output import Output, RawOutput, Relay
from engine.commands.parsing.lexer import Part
from engine.core.cancel import CancelToken
from engine.core.redaction.redactor import Redactor

FRAME = 1 / 60
TERM_GRACE = 0.12
"""Seconds between SIGTERM and SIGKILL: from cancel to quiet takes less than 300 ms."""
PIPE_BYTES = 8 * 1024
"""What a pipe surely holds without anybody reading from it."""
PROGRAMMABLE = frozenset(["awk", "gawk", "mawk", "sed", "jq"])
"""Filters whose argv is a program."""
FILTER_MEMORY = 2 << 30
FILTER_SECONDS = 60
LINGER = 0.3
"""Seconds that an inherited pipe may stay open after all stages ended."""


@dataclass(slots=True)
class Totals:
    """What a script printed so far: its streams, raw bytes, and why it was stopped."""

    out: Output | RawOutput
    err: Output
    bytes: int = 0
    error: str = ""


@dataclass(slots=True)
class Pipeline:
    """The processes of one pipeline and the pipes that are read from them."""

    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    stopped: str = ""
    relay: Relay | None = None
    """What takes the first process's output to the second one."""
    relay_end: int | None = None
    """The second process's end of that way, until it has it."""
    input: tuple[int, int] | None = None
    """The pipe that the first process reads from: its end there, our end here."""

    def __enter__(self) -> Pipeline:
        return self

    def __exit__(self, kind: object = None, *_: object) -> None:
        if kind is not None:  # whoever takes the output failed: nobody would ever end what still runs
            self.kill()
        for process in self.processes:
            for pipe in (process.stdout, process.stderr):
                if pipe is not None and not pipe.closed:
                    pipe.close()
            process.wait()
        for end in self.input or ():
            os.close(end)
        self._close_relay()
        if self.relay_end is not None:
            os.close(self.relay_end)
            self.relay_end = None

    def _close_relay(self) -> None:
        if self.relay is not None and self.relay.sink >= 0:
            os.close(self.relay.sink)
            self.relay.sink = -1

    def relay_through(self, redactor: Redactor) -> int:
        """Put the redactor between the first process and the next one; returns the end that the next one reads from."""
        self.relay_end, sink = os.pipe()
        os.set_blocking(sink, False)
        self.relay = Relay(redactor, sink)
        return self.relay_end

    def feed(self, data: bytes) -> int:
        """What the first process reads, all of it in the pipe already; raises ValueError for more than a pipe takes."""
        if len(data) > PIPE_BYTES:
            raise ValueError(f"at most {PIPE_BYTES} bytes of input")
        self.input = os.pipe()
        os.write(self.input[1], data)
        return self.input[0]

    def add(self, process: subprocess.Popen[bytes], before: int | None) -> None:
        """Take a started process; its input's end is its own now."""
        if self.relay_end is not None and before == self.relay_end:
            os.close(self.relay_end)
            self.relay_end = None
        elif self.processes and before is not None and (pipe := self.processes[-1].stdout) is not None:
            pipe.close()
        self.processes.append(process)
        _limit(process.pid, str(process.args[0]) if isinstance(process.args, (list, tuple)) else "")

    def pump(self, totals: Totals, cancel: CancelToken, deadline: float, max_bytes: int) -> None:
        """Read until every pipe is closed and every process ended, or stop them all."""
        wake_read, wake_write = os.pipe()
        forget = cancel.on_cancel(lambda: _poke(wake_write))
        try:
            with selectors.DefaultSelector() as selector:
                selector.register(wake_read, selectors.EVENT_READ, None)
                self._register(selector, totals)
                self._loop(selector, totals, cancel, deadline, max_bytes)
        finally:
            forget()
            os.close(wake_read)
            os.close(wake_write)

    def _register(self, selector: selectors.BaseSelector, totals: Totals) -> None:
        if self.relay is not None and (first := self.processes[0].stdout) is not None:
            selector.register(first, selectors.EVENT_READ, self.relay)
        last = self.processes[-1].stdout
        if last is not None:
            selector.register(last, selectors.EVENT_READ, totals.out)
        for process in self.processes:
            if process.stderr is not None:
                selector.register(process.stderr, selectors.EVENT_READ, totals.err)

    def _loop(self, selector: selectors.BaseSelector, totals: Totals, cancel: CancelToken, deadline: float, max_bytes: int) -> None:
        next_frame = time.monotonic() + FRAME
        ended_at = 0.0
        while True:
            now = time.monotonic()
            if not self.stopped:
                if cancel.cancelled:
                    self.stopped = f"It was stopped: {cancel.reason}."
                elif now >= deadline:
                    self.stopped = "It was stopped because its time was up; ask for less (a namespace, a selector, --tail) or try again."
                elif totals.bytes > max_bytes:
                    self.stopped = f"It was stopped after {max_bytes // 1024 // 1024} MiB of output; ask for less."
                if self.stopped:
                    self._stop()
                    return
            for key, _ in selector.select(max(0.0, min(next_frame, deadline) - now)):
                if key.data is None:
                    continue
                if self.relay is not None and key.fd == self.relay.sink:
                    self._pass_on(selector)
                    continue
                chunk = _read(key.fd)
                if chunk:
                    totals.bytes += len(chunk)
                    key.data.take(chunk)
                else:
                    selector.unregister(key.fileobj)
                    if key.data is self.relay and self.relay is not None:
                        self.relay.end()
                if key.data is self.relay:
                    self._pass_on(selector)
            now = time.monotonic()
            if now >= next_frame:
                totals.out.emit()
                totals.err.emit()
                next_frame = now + FRAME
            if len(selector.get_map()) == 1:
                self._wait(cancel, deadline)
                if all(process.poll() is not None for process in self.processes):
                    return
            if all(process.poll() is not None for process in self.processes):
                ended_at = ended_at or now
                if now - ended_at > LINGER:
                    self.kill()
                    return

    def _pass_on(self, selector: selectors.BaseSelector) -> None:
        """Write to the second process what it takes, and read from the first one only as far as that goes."""
        relay, first = self.relay, self.processes[0].stdout
        if relay is None or first is None or relay.sink < 0:
            return
        known = {key.fd for key in selector.get_map().values()}
        if not relay.empty and not relay.write():
            # The second process wants no more: the first one learns it as it would from a pipe.
            for fd in {relay.sink, first.fileno()} & known:
                selector.unregister(fd)
            self._close_relay()
            first.close()
            return
        if relay.empty and relay.ended:
            if relay.sink in known:
                selector.unregister(relay.sink)
            self._close_relay()
            return
        if relay.empty == (relay.sink in known):
            if relay.empty:
                selector.unregister(relay.sink)
            else:
                selector.register(relay.sink, selectors.EVENT_WRITE, relay)
        if not relay.ended and relay.full == (first.fileno() in known):
            if relay.full:
                selector.unregister(first)
            else:
                selector.register(first, selectors.EVENT_READ, relay)

    def _wait(self, cancel: CancelToken, deadline: float) -> None:
        """All pipes are closed; the processes should end by themselves now."""
        for process in self.processes:
            while process.poll() is None and not cancel.cancelled and time.monotonic() < deadline:
                try:
                    process.wait(0.02)
                except subprocess.TimeoutExpired:
                    pass

    def _stop(self) -> None:
        self._signal(signal.SIGTERM)
        until = time.monotonic() + TERM_GRACE
        while time.monotonic() < until and any(process.poll() is None for process in self.processes):
            time.sleep(0.005)
        self.kill()

    def kill(self) -> None:
        """SIGKILL to every group, also for what a process left behind in it."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        for process in self.processes:
            for pid in _descendants(process.pid):  # a child that made a session of its own is not in the group
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, number)
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, number)

    def outcome(self, part: Part, totals: Totals) -> int | None:
        """The exit code of the pipeline: of the last stage, else of the first one that failed; None when one was killed."""
        codes = [process.wait() for process in self.processes]
        if self.stopped:
            totals.error = self.stopped
            return None
        for position, (stage, code) in enumerate(zip(part.stages, codes, strict=True)):
            last = position == len(codes) - 1
            if code < 0 and (last or -code != signal.SIGPIPE):
                totals.error = f"{stage.argv[0]} was killed by {signal.Signals(-code).name}; its output is not complete."
                return None
        if codes[-1]:
            return codes[-1]
        return next((code for code in codes[:-1] if code > 0), 0)


def _read(fd: int) -> bytes:
    try:
        return os.read(fd, 1 << 16)
    except OSError as error:
        if error.errno in (errno.EINTR, errno.EAGAIN):
            return b""
        return b""


def _poke(fd: int) -> None:
    try:
        os.write(fd, b"x")
    except OSError:
        pass


def _descendants(pid: int) -> list[int]:
    """Every process that a process started, and theirs; empty where the system does not say."""
    try:
        children = [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]
    except (OSError, ValueError):
        return []
    return [found for child in children for found in (child, *_descendants(child))]


def _limit(pid: int, program: str) -> None:
    """No core dumps and no large files, and for filters that run a program of their argv no process, file or endless memory at all."""
    prlimit = getattr(resource, "prlimit", None)
    if prlimit is None:
        return
    limits = {resource.RLIMIT_CORE: 0, resource.RLIMIT_FSIZE: 64 << 20}
    if program in PROGRAMMABLE:
        limits |= {resource.RLIMIT_FSIZE: 0, resource.RLIMIT_NPROC: 0}
        limits |= {resource.RLIMIT_AS: FILTER_MEMORY, resource.RLIMIT_CPU: FILTER_SECONDS}
    try:
        for what, limit in limits.items():
            prlimit(pid, what, (limit, limit))
    except (ProcessLookupError, PermissionError, ValueError):
        pass

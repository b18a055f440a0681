"""Runs what was judged: processes without a shell, streamed, bounded and stopped as a group.

Pipes, `&&`, `||` and `;` are made here. Output is decoded, freed of escapes and of secrets before anybody else sees it.
"""

from __future__ import annotations

import dataclasses
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from engine.commands.execution.output import Output, RawOutput
from engine.commands.execution.processes import Pipeline, Totals
from engine.commands.execution.programs import ProgramError, Programs, environment
from engine.commands.parsing.lexer import Part, Script, Stage
from engine.core.cancel import CancelToken
from engine.core.redaction.redactor import Redactor

Stream = Literal["stdout", "stderr"]
OnOutput = Callable[[Stream, tuple[str, ...]], None]


@dataclass(frozen=True, slots=True)
class RunnerSettings:
    """Where programs come from and how far they may go; sizes in bytes, times in seconds."""

    kubectl: Path | None = None
    kubeconfig: Path | None = None
    extra_env_names: tuple[str, ...] = ()
    seconds: float = 30.0
    keep_bytes: int = 256 * 1024
    max_bytes: int = 256 * 1024 * 1024
    cwd: Path | None = None
    cache: Path | None = None
    search_path: str | None = None


@dataclass(frozen=True, slots=True)
class CommandResult:
    """How a script ended: `exit_code` is None when a process never started or was killed, and `error` then says why.

    `stdout` and `stderr` hold head and tail of what was seen, already without escapes and secrets; `bytes` counts raw output.
    """

    exit_code: int | None
    stdout: str
    stderr: str
    seconds: float
    bytes: int = 0
    truncated: bool = False
    error: str = ""

    @property
    def ok(self) -> bool:
        """Whether it ended by itself with exit code 0."""
        return self.exit_code == 0 and not self.error


class Runner:
    """Runs scripts one at a time or several from several threads; it keeps no state between them but looked-up paths."""

    def __init__(self, settings: RunnerSettings | None = None) -> None:
        self.settings = settings or RunnerSettings()
        self.programs = Programs(kubectl=self.settings.kubectl, search_path=self.settings.search_path)

    def harden(self, script: Script) -> Script:
        """The script with awk as `gawk --sandbox` and sed as `sed --sandbox` where these are installed; judge and run the result."""
        return Script(tuple(dataclasses.replace(part, stages=tuple(self._harden(stage) for stage in part.stages)) for part in script.parts))

    def _harden(self, stage: Stage) -> Stage:
        name, rest = stage.argv[0], stage.argv[1:]
        if name in ("awk", "gawk") and rest[:1] != ("--sandbox",) and self.programs.installed("gawk"):
            return dataclasses.replace(stage, argv=("gawk", "--sandbox", *rest))
        if name == "sed" and rest[:1] != ("--sandbox",) and os.uname().sysname == "Linux":
            return dataclasses.replace(stage, argv=("sed", "--sandbox", *rest))
        return stage

    def environment(self, program: str) -> Mapping[str, str]:
        """What a program gets as its environment."""
        return environment(
            program,
            search_path=self.programs.search_path,
            kubeconfig=self.settings.kubeconfig,
            cache=self.settings.cache,
            extra_names=self.settings.extra_env_names,
        )

    def run(
        self,
        script: Script,
        *,
        on_output: OnOutput | None = None,
        cancel: CancelToken | None = None,
        redactor: Redactor | None = None,
        seconds: float | None = None,
        stdin: bytes = b"",
        raw: Callable[[bytes], None] | None = None,
    ) -> CommandResult:
        """Run to the end, the time limit (`seconds`, else the settings' one) or cancel; never raises for what a process does.

        `on_output` is called on this thread with batches of lines, about 60 times a second at most. `stdin` is what the first process
        reads (at most `PIPE_BYTES`); it stays open as long as the process runs, so that its end tells the other side of a connection that
        nobody listens any more. `raw` takes standard output as bytes instead, before anything is decoded or redacted.
        """
        started = time.monotonic()
        deadline = started + (seconds if seconds is not None else self.settings.seconds)
        redactor = redactor or Redactor()
        keep = self.settings.keep_bytes
        out = RawOutput(raw) if raw is not None else Output("stdout", redactor, on_output, keep)
        totals = Totals(out, Output("stderr", redactor, on_output, keep))
        code: int | None = 0
        with ExitStack() as stack:
            cwd = self.settings.cwd or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="k8sagent-")))
            for part in script.parts:
                if (part.operator == "&&" and code != 0) or (part.operator == "||" and code == 0):
                    continue
                if totals.error:
                    break
                code = self._run_part(part, cwd, totals, cancel or CancelToken(), deadline, stdin, redactor)
        totals.out.close()
        totals.err.close()
        return CommandResult(
            exit_code=code,
            stdout=totals.out.kept(),
            stderr=totals.err.kept(),
            seconds=time.monotonic() - started,
            bytes=totals.bytes,
            truncated=totals.out.truncated or totals.err.truncated,
            error=totals.error,
        )

    def _run_part(
        self, part: Part, cwd: Path, totals: Totals, cancel: CancelToken, deadline: float, stdin: bytes, redactor: Redactor
    ) -> int | None:
        if cancel.cancelled:
            totals.error = f"It was not started: {cancel.reason}."
            return None
        try:
            pipeline = self._start(part, cwd, stdin, redactor)
        except ProgramError as error:
            totals.error = str(error)
            return None
        except OSError as error:
            totals.error = f"{part.stages[0].argv[0]} could not be started: {error.strerror or error}."
            return None
        with pipeline:
            pipeline.pump(totals, cancel, deadline, self.settings.max_bytes)
            return pipeline.outcome(part, totals)

    def _start(self, part: Part, cwd: Path, stdin: bytes, redactor: Redactor) -> Pipeline:
        paths = [self.programs.resolve(stage.argv[0]) for stage in part.stages]
        pipeline = Pipeline()
        before = pipeline.feed(stdin) if stdin else None
        try:
            for stage, path in zip(part.stages, paths, strict=True):
                process = subprocess.Popen(
                    stage.argv,
                    executable=path,
                    stdin=before if before is not None else subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT if stage.merge_stderr else subprocess.DEVNULL if stage.drop_stderr else subprocess.PIPE,
                    cwd=cwd,
                    env=dict(self.environment(stage.argv[0])),
                    start_new_session=True,
                    umask=0o077,
                )
                pipeline.add(process, before)
                if len(part.stages) > 1 and len(pipeline.processes) == 1:
                    before = pipeline.relay_through(redactor)
                else:
                    before = process.stdout.fileno() if process.stdout else None
        except BaseException:
            pipeline.kill()
            pipeline.__exit__()
            raise
        return pipeline

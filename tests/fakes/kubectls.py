"""The real kubectl, bound to one server: not a fake, but what several tests share to drive it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path


class Kubectl:
    """A kubectl bound to one server; every call is bounded and its discovery cache is its own."""

    def __init__(self, program: Path, kubeconfig: Path, cache: Path) -> None:
        self._start = [str(program), "--kubeconfig", str(kubeconfig), "--cache-dir", str(cache)]

    def __call__(self, *args: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        environment = {name: os.environ[name] for name in ("PATH", "HOME", "KUBE_EDITOR") if name in os.environ}
        command = [*self._start, *args]
        return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=60, env=environment, check=False)

    def out(self, *args: str, stdin: str | None = None) -> str:
        """Standard output of a command that must succeed."""
        done = self(*args, stdin=stdin)
        assert done.returncode == 0, done.stderr
        return done.stdout


def kubectls() -> list[Path]:
    """The kubectl of the environment and the one on the PATH, where they exist and are not the same."""
    found = [Path(sys.executable).parent / "kubectl", Path(shutil.which("kubectl", path="/usr/local/bin:/usr/bin:/bin") or "/nowhere")]
    found.append(Path(shutil.which("kubectl") or "/nowhere"))
    return list({path.resolve(): path for path in found if path.exists()}.values())

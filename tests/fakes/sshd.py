"""A real sshd on loopback with keys of its own, and a home for the client: config, known_hosts and one key."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

SSHD = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/usr/bin:/sbin")
SSH = shutil.which("ssh")
MISSING = (
    "" if SSHD and SSH and shutil.which("ssh-keygen") else "no sshd here: install openssh-server (tests/install-sshd.sh does where apt is)"
)


@dataclass(frozen=True)
class Server:
    """The server's port, the folder that holds everything, and the process."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes]

    @property
    def log(self) -> str:
        """What the server has logged so far."""
        return (self.folder / "sshd.log").read_text(errors="replace")

    def config(self, name: str, *, known: str | None = None, extra: str = "") -> str:
        """An ssh config of a client that reaches this server as `web-1`, and by `jumped` through it; its path."""
        host_key = (self.folder / "host_key.pub").read_text().split()
        entries = "".join(f"{alias} {host_key[0]} {host_key[1]}\n" for alias in (f"[127.0.0.1]:{self.port}",))
        (self.folder / f"{name}.known").write_text(entries if known is None else known)
        path = self.folder / f"{name}.config"
        path.write_text(
            f"{extra}\n"
            "Host jumped\n  ProxyJump web-jump\n"
            "Host quiet\n  HostName 127.0.0.1\n"
            f"Host *\n  HostName 127.0.0.1\n  Port {self.port}\n  User {getpass.getuser()}\n"
            f"  IdentityFile {self.folder}/client_key\n  IdentitiesOnly yes\n  IdentityAgent none\n"
            f"  UserKnownHostsFile {self.folder}/{name}.known\n  GlobalKnownHostsFile /dev/null\n"
        )
        path.chmod(0o600)
        return str(path)

    def stop(self) -> None:
        """End the server and every session of it."""
        self.process.terminate()
        self.process.wait(5)


def start(folder: Path) -> Server:
    """A server that takes one key, on a port of its own; raises RuntimeError with its log when it does not come up."""
    for name in ("host_key", "client_key", "other_key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)
    shutil.copy(folder / "client_key.pub", folder / "authorized")
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    for _ in range(3):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        (folder / "sshd_config").write_text(
            f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host_key\nAuthorizedKeysFile {folder}/authorized\nPidFile none\n"
            "StrictModes no\nUsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\n"
            "AllowAgentForwarding yes\nX11Forwarding yes\nAllowTcpForwarding yes\nMaxStartups 200\nMaxSessions 100\nLogLevel VERBOSE\n"
            "PrintMotd no\nUseDNS no\n"
        )
        with (folder / "sshd.log").open("wb") as log:
            process = subprocess.Popen([str(SSHD), "-D", "-e", "-f", str(folder / "sshd_config")], stdout=log, stderr=log)
        until = time.monotonic() + 10
        while process.poll() is None and time.monotonic() < until:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
            except OSError:
                time.sleep(0.02)
            else:
                return Server(folder, port, process)
        process.kill()
        process.wait()
    raise RuntimeError((folder / "sshd.log").read_text())

"""A real control plane on loopback: etcd, kube-apiserver and kube-controller-manager. No kubelet: tests write nodes and pod statuses.

`build-control-plane.sh` builds the two Kubernetes programs; etcd is Debian's package `etcd-server`, or any `etcd` on PATH.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

TOKENS = {
    "admin": ("admin-token", "system:masters"),
    "viewer": ("viewer-token", "viewers"),
    "editor": ("editor-token", "editors"),
    "nobody": ("nobody-token", "nobodies"),
}
"""User -> (bearer token, group)."""

AUDIT_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [{"level": "Metadata", "verbs": ["create", "update", "patch", "delete", "deletecollection"]}],
}


class CannotStart(Exception):
    """A program of the control plane is missing or did not come up; the message says which and why."""


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@dataclass
class ControlPlane:
    """One cluster in a folder; `programs` holds kube-apiserver and kube-controller-manager."""

    folder: Path
    programs: Path
    port: int = field(default_factory=free_port)
    tokens: dict[str, tuple[str, str]] = field(default_factory=lambda: dict(TOKENS))
    """User -> (bearer token, group); the API server reads them when it starts."""
    _etcd: tuple[int, int] = field(default_factory=lambda: (free_port(), free_port()))
    _processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def server(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Write keys and configuration, start all three, and wait until the API server is ready."""
        self._prepare()
        self.start_etcd()
        self.start_api_server()
        self._spawn(
            "controller-manager",
            str(self.programs / "kube-controller-manager"),
            f"--kubeconfig={self.kubeconfig('admin')}",
            f"--service-account-private-key-file={self.folder / 'sa.key'}",
            *("--leader-elect=false", "--secure-port=0", "--node-monitor-grace-period=24h"),
        )

    def start_etcd(self) -> None:
        """Start etcd on the data that is there."""
        etcd = shutil.which("etcd")
        if etcd is None:
            raise CannotStart("etcd is not on PATH; on Debian: apt-get install etcd-server")
        client, peer = (f"http://127.0.0.1:{port}" for port in self._etcd)
        self._spawn(
            *("etcd", etcd, f"--data-dir={self.folder / 'etcd'}", f"--listen-client-urls={client}"),
            *(f"--advertise-client-urls={client}", f"--listen-peer-urls={peer}", f"--initial-advertise-peer-urls={peer}"),
            f"--initial-cluster=default={peer}",
        )

    def start_api_server(self, seconds: float = 90) -> None:
        """Start the API server and wait until it is ready."""
        self.stop("api-server")
        rows = [f"{token},{user},{user},{group}" for user, (token, group) in self.tokens.items()]
        (self.folder / "tokens.csv").write_text("\n".join(rows) + "\n")
        self._spawn(
            "api-server",
            str(self.programs / "kube-apiserver"),
            f"--etcd-servers=http://127.0.0.1:{self._etcd[0]}",
            *("--bind-address=127.0.0.1", f"--secure-port={self.port}", f"--cert-dir={self.folder / 'certificates'}"),
            f"--token-auth-file={self.folder / 'tokens.csv'}",
            *("--authorization-mode=RBAC", "--disable-admission-plugins=ServiceAccount", "--service-cluster-ip-range=10.96.0.0/16"),
            f"--service-account-key-file={self.folder / 'sa.pub'}",
            f"--service-account-signing-key-file={self.folder / 'sa.key'}",
            "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
            *(f"--audit-log-path={self.folder / 'audit.log'}", f"--audit-policy-file={self.folder / 'audit-policy.json'}"),
        )
        until = time.monotonic() + seconds
        while not self._ready():
            if self._processes["api-server"].poll() is not None or time.monotonic() > until:
                raise CannotStart(f"kube-apiserver did not come up: {self._tail('api-server')}")
            time.sleep(0.25)

    def stop(self, *names: str) -> None:
        """Kill programs by name; all of them without a name."""
        for name in names or tuple(reversed(self._processes)):
            process = self._processes.pop(name, None)
            if process is not None:
                process.kill()
                process.wait(10)

    def pause(self, name: str, *, paused: bool) -> None:
        """Freeze a program, or let it go on."""
        self._processes[name].send_signal(signal.SIGSTOP if paused else signal.SIGCONT)

    def kubeconfig(self, user: str, namespace: str = "default") -> Path:
        """A kubeconfig for one of TOKENS; its context is named after the user."""
        path = self.folder / f"kubeconfig-{user}-{namespace}"
        cluster = {"server": self.server, "insecure-skip-tls-verify": True}
        path.write_text(
            json.dumps(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "current-context": user,
                    "clusters": [{"name": "test-plane", "cluster": cluster}],
                    "users": [{"name": user, "user": {"token": self.tokens[user][0]}}],
                    "contexts": [{"name": user, "context": {"cluster": "test-plane", "user": user, "namespace": namespace}}],
                }
            )
        )
        path.chmod(0o600)
        return path

    def request(self, method: str, path: str, body: Any = None, *, user: str = "admin", content: str = "application/json") -> Any:
        """One call of the API as a user; raises urllib.error.HTTPError."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self.tokens[user][0]}", "Content-Type": content, "Accept": "application/json"}
        asked = urllib.request.Request(self.server + path, data=data, method=method, headers=headers)
        with urllib.request.urlopen(asked, context=ssl._create_unverified_context(), timeout=20) as answer:
            return json.loads(answer.read() or b"null")

    def create(self, *objects: dict[str, Any]) -> None:
        """Create objects by their kubectl manifests."""
        manifest = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)})
        argv = ["kubectl", f"--kubeconfig={self.kubeconfig('admin')}", "apply", "--server-side", "-f", "-"]
        done = subprocess.run(argv, check=False, input=manifest, capture_output=True, text=True, timeout=120)
        if done.returncode:
            raise CannotStart(f"kubectl apply: {done.stderr}")

    def k8sagent(self, user: str, *args: str, namespace: str = "default") -> subprocess.CompletedProcess[str]:
        """Run the installed command as one of the users."""
        argv = [str(Path(sys.executable).with_name("k8sagent")), "--kubeconfig", str(self.kubeconfig(user, namespace)), *args]
        return subprocess.run(argv, check=False, capture_output=True, text=True, timeout=110, stdin=subprocess.DEVNULL)

    def compact(self) -> None:
        """Make etcd forget all but the newest revision, so that no watch can be resumed from before."""
        at = f"http://127.0.0.1:{self._etcd[0]}/v3/kv/"
        newest = json.loads(_post(at + "range", {"key": "AA=="}))["header"]["revision"]
        _post(at + "compaction", {"revision": newest})

    def changes(self, resource: str, name: str = "") -> list[str]:
        """Verb and path of the changes of a resource that were carried out; dry runs and refusals are none."""
        return [
            f"{entry['verb']} {entry['requestURI'].partition('?')[0]}"
            for entry in self.audit()
            if entry.get("objectRef", {}).get("resource") == resource
            and entry["objectRef"].get("name", name) == name
            and "dryRun=All" not in entry["requestURI"]
            and entry.get("responseStatus", {}).get("code", 0) < 300
        ]

    def audit(self) -> list[dict[str, Any]]:
        """What the API server wrote about changes, oldest first."""
        path = self.folder / "audit.log"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def _prepare(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "audit-policy.json").write_text(json.dumps(AUDIT_POLICY))
        key, public = self.folder / "sa.key", self.folder / "sa.pub"
        if not key.exists():
            subprocess.run(["openssl", "genrsa", "-out", str(key), "2048"], check=True, capture_output=True)
            subprocess.run(["openssl", "rsa", "-in", str(key), "-pubout", "-out", str(public)], check=True, capture_output=True)

    def _spawn(self, name: str, *argv: str) -> None:
        if not Path(argv[0]).exists():
            raise CannotStart(f"{argv[0]} is missing; run tests/live/build-control-plane.sh")
        with (self.folder / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(argv, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env={**os.environ})

    def _ready(self) -> bool:
        try:
            asked = urllib.request.Request(self.server + "/readyz", headers={"Authorization": f"Bearer {self.tokens['admin'][0]}"})
            with urllib.request.urlopen(asked, context=ssl._create_unverified_context(), timeout=2) as answer:
                return bool(answer.status == 200)
        except (OSError, urllib.error.URLError):
            return False

    def _tail(self, name: str) -> str:
        path = self.folder / f"{name}.log"
        return path.read_text(errors="replace")[-600:] if path.exists() else "it printed nothing"


def _post(address: str, body: dict[str, Any]) -> bytes:
    asked = urllib.request.Request(address, data=json.dumps(body).encode(), method="POST")
    with urllib.request.urlopen(asked, timeout=10) as answer:
        return bytes(answer.read())

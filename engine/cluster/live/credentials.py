"""A connection pool with a context's credentials in it; exec plugins are run here, so that they cannot touch the terminal."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from engine.cluster.live.kubeconfig import Kubeconfig
from engine.cluster.objects import map_at, maps_at, parse_time, text_at, texts_at
from engine.cluster.source import ClusterError, Unauthenticated
from engine.core.redaction.escapes import strip_escapes
from engine.core.redaction.redactor import Redactor

_PLUGIN_SECONDS = 60.0
_CONNECTIONS = 32
"""Connections that are kept: a watch for each kind on the screen, and some for lists beside them."""


@dataclass(frozen=True, slots=True)
class Client:
    """What requests need: the pool, the server's address, and the client's configuration (which renews OIDC tokens itself)
    and whether a credential plugin was run for it."""

    pool: Any
    server: str
    configuration: Any
    expires: datetime | None
    from_plugin: bool = False

    @property
    def credential(self) -> str:
        """What says who asks, as a message names it."""
        if self.from_plugin:
            return "credential of the plugin"
        if self.headers():
            return "token"
        return "client certificate" if self.configuration.cert_file else "request without credentials"

    @property
    def stale(self) -> bool:
        """Whether an exec plugin's credential has run out."""
        return self.expires is not None and datetime.now(UTC) >= self.expires

    def headers(self) -> dict[str, str]:
        """The headers that say who asks."""
        setting = self.configuration.auth_settings().get("BearerToken")
        return {"Authorization": str(setting["value"])} if setting and setting.get("value") else {}


class Plugins:
    """The credential plugins that run now, so that none outlives the cluster it was started for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()

    def run(self, command: Sequence[str], environment: Mapping[str, str]) -> tuple[int, bytes, bytes]:
        """Exit code, stdout and stderr. Raises OSError, or TimeoutExpired after a minute (and ends the plugin)."""
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, start_new_session=True
        )
        with self._lock:
            self._running.add(process)
        try:
            out, err = process.communicate(timeout=_PLUGIN_SECONDS)
            return process.returncode, out, err
        except BaseException:
            _kill(process)
            process.communicate()
            raise
        finally:
            with self._lock:
                self._running.discard(process)

    def end(self) -> None:
        """End those that still run."""
        with self._lock:
            running = list(self._running)
        for process in running:
            _kill(process)


def _kill(process: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def client_of(kubeconfig: Kubeconfig, context: str, plugins: Plugins) -> Client:
    """A client for a context: certificates, tokens, OIDC and proxies through the Kubernetes client, exec plugins run here.

    Raises ClusterError, in plain words, when a file is missing or a plugin fails.
    """
    from kubernetes import config
    from kubernetes.client import Configuration

    cluster, user, info = kubeconfig.one(context)
    expires = None
    from_plugin = isinstance(user.get("exec"), Mapping) and not user.get("token") and not user.get("tokenFile")
    if from_plugin:
        plugin = user.pop("exec")
        origin = kubeconfig.origins.get(("users", info.user))
        credential = _run_plugin(plugins, plugin, cluster, info.user, origin.parent if origin else None)
        user.update(credential.user)
        expires = credential.expires
    document = {
        "current-context": "one",
        "contexts": [{"name": "one", "context": {"cluster": "one", "user": "one"}}],
        "clusters": [{"name": "one", "cluster": cluster}],
        "users": [{"name": "one", "user": user}],
    }
    configuration = Configuration()
    configuration.connection_pool_maxsize = _CONNECTIONS
    try:
        client = config.new_client_from_config_dict(document, context="one", persist_config=False, client_configuration=configuration)
    except config.ConfigException as error:
        raise ClusterError(f"the kubeconfig's context {info.name} cannot be used: {error}") from error
    except (OSError, ValueError) as error:
        raise ClusterError(f"the certificates or keys of context {info.name} cannot be used: {error}") from error
    if not configuration.verify_ssl:
        import urllib3

        # the kubeconfig says so on purpose, and a warning on stderr would land in the middle of the screen
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    return Client(client.rest_client.pool_manager, str(configuration.host).rstrip("/"), configuration, expires, from_plugin)


@dataclass(frozen=True, slots=True)
class _Credential:
    user: dict[str, Any]
    expires: datetime | None


def _run_plugin(plugins: Plugins, plugin: Mapping[str, Any], cluster: Mapping[str, Any], user: str, folder: Path | None) -> _Credential:
    """Run an exec plugin without a terminal and read its ExecCredential. Raises Unauthenticated with the plugin's own last words."""
    command = text_at(plugin, "command")
    version = text_at(plugin, "apiVersion")
    if not command or not version:
        raise ClusterError(f"the kubeconfig's users[{user}].user.exec lacks {'command' if not command else 'apiVersion'}")
    if folder is not None and os.sep in command and not Path(command).is_absolute():
        command = str(folder / command)
    info: dict[str, Any] = {"apiVersion": version, "kind": "ExecCredential", "spec": {"interactive": False}}
    if plugin.get("provideClusterInfo") is True:
        info["spec"]["cluster"] = {
            "server": cluster.get("server"),
            "tls-server-name": cluster.get("tls-server-name"),
            "insecure-skip-tls-verify": cluster.get("insecure-skip-tls-verify", False),
            "certificate-authority-data": cluster.get("certificate-authority-data"),
            "proxy-url": cluster.get("proxy-url"),
            "config": next(
                (e.get("extension") for e in maps_at(cluster, "extensions") if e.get("name") == "client.authentication.k8s.io/exec"), None
            ),
        }
    environment = {**os.environ, **{text_at(e, "name"): text_at(e, "value") for e in maps_at(plugin, "env")}}
    environment["KUBERNETES_EXEC_INFO"] = json.dumps(info)
    # A program of the current folder must not stand in for the plugin, so PATH counts only where it is absolute.
    environment["PATH"] = os.pathsep.join(folder for folder in environment.get("PATH", "").split(os.pathsep) if folder.startswith("/"))
    name = Path(command).name
    try:
        code, out, err = plugins.run([command, *texts_at(plugin, "args")], environment)
    except FileNotFoundError as error:
        hint = text_at(plugin, "installHint").strip()
        raise ClusterError(f"the credential plugin {command} of user {user} is not installed{'; ' + hint[:300] if hint else ''}") from error
    except subprocess.TimeoutExpired as error:
        raise ClusterError(
            f"the credential plugin {name} gave no answer within {_PLUGIN_SECONDS:.0f} s; run it by hand to see why"
        ) from error
    except OSError as error:
        raise ClusterError(f"the credential plugin {command} cannot be run: {error.strerror or error}") from error
    if code:
        said = err.decode("utf-8", "replace").strip().splitlines()
        last = Redactor().text(strip_escapes(said[-1]))[:300] if said else "it said nothing"
        raise Unauthenticated(f"the credential plugin {name} failed (exit {code}): {last}; log in again, then retry", verb="authenticate")
    try:
        answer = json.loads(out)
    except ValueError as error:
        raise ClusterError(f"the credential plugin {name} did not print JSON: {error}") from error
    status = map_at(answer, "status")
    token, certificate, key = (text_at(status, part) for part in ("token", "clientCertificateData", "clientKeyData"))
    if not token and not (certificate and key):
        raise ClusterError(f"the credential plugin {name} gave neither a token nor a client certificate with its key")
    found: dict[str, Any] = {"token": token} if token else {}
    if certificate and key:
        found.update({"client-certificate-data": _encoded(certificate), "client-key-data": _encoded(key)})
    return _Credential(found, parse_time(status.get("expirationTimestamp")))


def _encoded(pem: str) -> str:
    import base64

    return base64.b64encode(pem.encode()).decode()

"""GET requests to an API server: cancellable, paced, retried where that helps, with every failure reported in plain words."""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import urlencode

from engine.cluster.live.credentials import Client
from engine.cluster.objects import text_at
from engine.cluster.source import ClusterError, Forbidden, NotFound, Unauthenticated, Unreachable
from engine.core.cancel import Cancelled, CancelToken

T = TypeVar("T")
_CONNECT_SECONDS = 5.0
_MAX_ATTEMPTS = 4
_PLUGIN_SECONDS = 15.0
"""A credential plugin, which may ask somebody to log in, is run at most this often for refused credentials."""
_RELOAD_SECONDS = 1.0
"""A kubeconfig without a plugin is read again at most this often."""
_MAX_RETRY_AFTER = 10.0
"""Seconds that a server's Retry-After may ask for before the read fails."""


class Gone(ClusterError):
    """The server no longer has this resourceVersion or page (410): relist."""


class ServerFailed(Unreachable):
    """The server answered with a 5xx: it is there, but something behind it is not."""


class Refused(ClusterError):
    """The server found the request wrong (400, 405, 422...)."""


class Throttled(Unreachable):
    """The server asks for a pause (429): `seconds` of it, 0.0 where it does not say how long."""

    def __init__(self, message: str, seconds: float) -> None:
        super().__init__(message)
        self.seconds = seconds


class Stalled(Unreachable):
    """A stream stayed silent for longer than it may: the connection may be dead without either side knowing."""


class WatchFailed(Unreachable):
    """The server ended a watch with an ERROR event that names no cause that is known here."""


class TimedOut(Unreachable):
    """The server took the request and did not begin to answer in time."""


@dataclass(frozen=True, slots=True)
class RequestInfo:
    """What a request wants, for the words of an error."""

    verb: str
    resource: str
    namespace: str = ""
    name: str = ""

    def __str__(self) -> str:
        what = f"{self.verb} {self.resource}" + (f" {self.name}" if self.name else "")
        return what + (f" in namespace {self.namespace}" if self.namespace else "")


class HttpClient:
    """One server. `connect` makes the client (and is asked again when credentials ran out); it may run a plugin, so it is called late."""

    def __init__(self, connect: Callable[[], Client], *, server: str, context: str, timeout: float = 15.0, rate: float = 50.0) -> None:
        self._connect = connect
        self._server = server
        self._context = context
        self._timeout = timeout
        self._rate_limiter = _RateLimiter(rate, burst=2 * rate)
        self._lock = threading.Lock()
        self._client: Client | None = None
        self._login_failed: tuple[float, Unauthenticated] | None = None
        """When a credential plugin failed, and how: the other requests of that moment fail the same way instead of running it again."""
        self._renewed_at = float("-inf")
        self._credential = "credentials"
        self.refused_since: datetime | None = None
        """When the server first refused the credentials that are used now; None while it accepts them."""

    def get(
        self,
        path: str,
        request: RequestInfo,
        query: Mapping[str, str | int] | None = None,
        *,
        accept: str = "application/json",
        cancel: CancelToken | None = None,
        retry: bool = True,
        longest: float = 0.0,
    ) -> bytes:
        """The body of a 200 answer. Raises Cancelled, Forbidden, NotFound, Gone, Unreachable or ClusterError.

        Without `retry` only a server that asks for a pause (429) is asked again. `longest`: seconds that this answer may take to begin,
        where that is less than the usual time.
        """
        renewed = False
        for attempt in range(1, _MAX_ATTEMPTS + 1):
            self._rate_limiter.wait(cancel)
            try:
                client, status, headers, body = _cancellable(lambda handle: self._read(path, query, accept, handle, longest), cancel)
            except _ConnectionClosed:
                if attempt < _MAX_ATTEMPTS and retry:
                    continue  # a kept connection may have gone stale, and reading twice does no harm
                raise
            self._note_login(status)
            if status == 200:
                return body
            if status == 401 and not renewed:
                renewed = True
                self._drop_client(client)
                continue
            pause = self._retry_after(status, headers, attempt) if (retry or status == 429) and attempt < _MAX_ATTEMPTS else None
            if pause is None:
                break
            _wait(pause, cancel)
        raise self._error_of(status, body, request, headers)

    def post(self, path: str, request: RequestInfo, body: Mapping[str, Any]) -> bytes:
        """The answer to a question that has to be posted (an access review); asked once more only with new credentials. Raises as `get`."""
        for renewed in (False, True):
            self._rate_limiter.wait(None)
            client, response = self._open(path, None, "application/json", self._timeout, _ResponseHandle(), json.dumps(body))
            status, answer = response.status, self._body(response)
            self._note_login(status)
            if status != 401 or renewed:
                break
            self._drop_client(client)
        if status not in (200, 201):
            raise self._error_of(status, answer, request, response.headers)
        return answer

    def lines(
        self,
        path: str,
        request: RequestInfo,
        query: Mapping[str, str | int],
        *,
        silence: float,
        cancel: CancelToken,
        accept: str = "application/json",
    ) -> Iterator[bytes]:
        """The lines of a streamed answer as they come, until it ends or is cancelled; asked for at once, read as they are taken.

        Raises Stalled after `silence` seconds without a byte, Unreachable when it breaks off, also in the middle of a line.
        """

        def begin(handle: _ResponseHandle) -> tuple[_ResponseHandle, Client, Any, bytes]:
            client, response = self._open(path, query, accept, silence, handle)
            return handle, client, response, b"" if response.status == 200 else self._body(response)

        self._rate_limiter.wait(cancel)
        handle, client, response, refused = _cancellable(begin, cancel)
        self._note_login(response.status)
        if response.status != 200:
            if response.status == 401:
                self._drop_client(client)
            raise self._error_of(response.status, refused, request, response.headers)
        return self._lines(handle, response, cancel)

    def _lines(self, handle: _ResponseHandle, response: Any, cancel: CancelToken) -> Iterator[bytes]:
        unregister = cancel.on_cancel(handle.close)
        rest: list[bytes] = []
        try:
            for chunk in response.stream(64 * 1024, decode_content=True):
                first, *more = chunk.split(b"\n")
                rest.append(first)
                for following in more:
                    if cancel.cancelled:
                        return
                    line, rest = b"".join(rest), [following]
                    if line:
                        yield line
        except Exception as error:  # whatever the library raises when a connection breaks or is closed by a cancel
            if cancel.cancelled:
                return
            raise self._unreachable(error, streaming=True) from error
        finally:
            unregister()
            response.close()
        if b"".join(rest).strip() and not cancel.cancelled:
            raise Unreachable(f"{self._name()} closed the connection in the middle of a response")

    def close(self) -> None:
        """Close the pool's connections."""
        self._drop_client()

    def _read(
        self, path: str, query: Mapping[str, str | int] | None, accept: str, handle: _ResponseHandle, longest: float
    ) -> tuple[Client, int, Mapping[str, str], bytes]:
        client, response = self._open(path, query, accept, min(self._timeout, longest or self._timeout), handle)
        return client, response.status, response.headers, self._body(response)

    def _body(self, response: Any) -> bytes:
        try:
            return bytes(response.data)
        except Exception as error:  # the library has a dozen kinds of broken reads
            raise self._unreachable(error) from error
        finally:
            response.release_conn()

    def _open(
        self,
        path: str,
        query: Mapping[str, str | int] | None,
        accept: str,
        read_timeout: float,
        handle: _ResponseHandle,
        body: str | None = None,
    ) -> tuple[Client, Any]:
        import urllib3

        client = self._get_client()
        url = client.server + path + ("?" + urlencode(query) if query else "")
        headers = {"Accept": accept, "Accept-Encoding": "gzip", "User-Agent": "k8sagent", **client.headers()}
        if body is not None:
            headers["Content-Type"] = "application/json"
        timeout = urllib3.Timeout(connect=min(_CONNECT_SECONDS, self._timeout), read=read_timeout)
        try:
            response = client.pool.request(
                "GET" if body is None else "POST",
                url,
                body=body,
                headers=headers,
                preload_content=False,
                timeout=timeout,
                retries=False,
                redirect=False,
            )
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise self._unreachable(error) from error
        handle.attach(response)
        return client, response

    def _get_client(self) -> Client:
        with self._lock:
            if self._client is None or self._client.stale:
                if self._login_failed is not None and time.monotonic() - self._login_failed[0] < _PLUGIN_SECONDS / 5:
                    raise self._login_failed[1]
                try:
                    self._client = self._connect()
                except Unauthenticated as error:
                    self._login_failed = (time.monotonic(), error)
                    raise
                self._login_failed = None
                self._credential = self._client.credential
            return self._client

    def _note_login(self, status: int) -> None:
        if status != 401:
            self.refused_since = None
        elif self.refused_since is None:
            self.refused_since = datetime.now().astimezone()

    def _drop_client(self, refused: Client | None = None) -> None:
        """Close the client, so that the next request makes one from the kubeconfig as it is then; rarely for refused credentials.

        Many watches may be refused at once, and a plugin that asks somebody to log in must not be run for each of them.
        """
        with self._lock:
            client, now = self._client, time.monotonic()
            if refused is not None:
                pause = _PLUGIN_SECONDS if refused.from_plugin else _RELOAD_SECONDS
                if client is not refused or now - self._renewed_at < pause:
                    return
                self._renewed_at = now
            self._client = None
        if client is not None:
            client.pool.clear()

    def _retry_after(self, status: int, headers: Mapping[str, str], attempt: int) -> float | None:
        """Seconds until another try makes sense, or None when it does not."""
        asked = headers.get("Retry-After", "")
        if status == 429 or (status == 503 and asked):
            seconds = float(asked) if asked.isdigit() else 0.5 * attempt
            return seconds if seconds <= _MAX_RETRY_AFTER else None
        if status in (500, 502, 503, 504) and attempt < 3:
            return 0.2 * attempt * random.uniform(0.8, 1.2)  # noqa: S311  jitter, not a secret
        return None

    def _error_of(self, status: int, body: bytes, request: RequestInfo, headers: Mapping[str, str]) -> ClusterError:
        reason = _message(body)
        if status == 401:
            since = self.refused_since or datetime.now().astimezone()
            message = f"{self._name()} refused the {self._credential} at {since:%H:%M} ({reason}); log in again"
            return Unauthenticated(message, resource=request.resource, verb=request.verb, namespace=request.namespace)
        if status == 403:
            message = f"not allowed to {request}: {reason}; ask for a role that grants it"
            return Forbidden(message, resource=request.resource, verb=request.verb, namespace=request.namespace)
        if status == 404:
            return NotFound(f"could not {request}: {reason}")
        if status == 410:
            return Gone(f"could not {request}: {reason}")
        if status == 429:
            asked = headers.get("Retry-After", "")
            message = f"{self._name()} is overloaded and refuses to {request} ({reason}); try again in a while"
            return Throttled(message, float(asked) if asked.isdigit() else 0.0)
        if status >= 500:
            return ServerFailed(f"{self._name()} failed to {request} ({status}: {reason}); check the control plane, then try again")
        return Refused(f"could not {request}: the server answered {status}: {reason}")

    def _unreachable(self, error: BaseException, *, streaming: bool = False) -> Unreachable:
        message = f"{self._name()} {_explain(error)}"
        if streaming and type(error).__name__ == "ReadTimeoutError":
            return Stalled(f"{self._name()} fell silent")
        if type(error).__name__ == "ReadTimeoutError":
            return TimedOut(message)
        if type(error).__name__ == "ProtocolError" and "IncompleteRead" not in str(error):
            return _ConnectionClosed(message)
        return Unreachable(message)

    def _name(self) -> str:
        return f"the API server {self._server} (context {self._context})"


class _ConnectionClosed(Unreachable):
    """The server closed the connection before it answered."""


class _ResponseHandle:
    """The answer being read, so that another thread can end the reading."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._response: Any = None
        self._is_closed = False

    def attach(self, response: Any) -> None:
        with self._lock:
            self._response = response
            shut = self._is_closed
        if shut:
            self.close()

    def close(self) -> None:
        with self._lock:
            self._is_closed = True
            response = self._response
        if response is None:
            return
        try:
            getattr(response, "shutdown", response.close)()
        except (OSError, ValueError, RuntimeError):
            response.close()


def _cancellable(work: Callable[[_ResponseHandle], T], cancel: CancelToken | None) -> T:
    """Run blocking work; with a token, on a thread that is left behind when the token is cancelled."""
    handle = _ResponseHandle()
    if cancel is None:
        return work(handle)
    cancel.check()
    done = threading.Event()
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work(handle))
        except BaseException as error:  # noqa: BLE001  it is raised again on the waiting thread
            errors.append(error)
        finally:
            done.set()

    def stop() -> None:
        done.set()
        handle.close()

    unregister = cancel.on_cancel(stop)
    try:
        threading.Thread(target=run, name="cluster-read", daemon=True).start()
        done.wait()
    finally:
        unregister()
    if cancel.cancelled:
        raise Cancelled(cancel.reason)
    if errors:
        raise errors[0]
    return results[0]


class _RateLimiter:
    """A token bucket: so many requests a second, and a burst of them at once."""

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = burst
        self._at = time.monotonic()
        self._lock = threading.Lock()

    def wait(self, cancel: CancelToken | None) -> None:
        with self._lock:
            now = time.monotonic()
            self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate) - 1
            self._at = now
            behind = -self._tokens / self._rate
        if behind > 0:
            _wait(behind, cancel)


def _wait(seconds: float, cancel: CancelToken | None) -> None:
    if cancel is None:
        time.sleep(seconds)
    elif cancel.wait(seconds):
        cancel.check()


def _message(body: bytes) -> str:
    """What a refusal says: the Status's message, or the first line of the text."""
    import msgspec

    try:
        reason = text_at(msgspec.json.decode(body), "message")
    except (msgspec.DecodeError, UnicodeDecodeError):
        reason = ""
    return reason or body[:300].decode("utf-8", "replace").strip().split("\n")[0] or "no reason given"


def _explain(error: BaseException) -> str:
    """A library's exception as what happened and what to do."""
    import ssl

    names: list[str] = []
    reason: BaseException | None = error
    texts: list[str] = []
    verify: ssl.SSLCertVerificationError | None = None
    while reason is not None and len(names) < 8:
        names.append(type(reason).__name__)
        texts.append(str(reason))
        if isinstance(reason, ssl.SSLCertVerificationError):
            verify = reason
        inner = reason.args[-1] if reason.args and isinstance(reason.args[-1], BaseException) else None
        reason = inner or reason.__cause__ or reason.__context__
    text = " ".join(texts)
    if verify is not None:
        return f"has a certificate that is not trusted ({verify.verify_message}); check certificate-authority of the context's cluster"
    if "SSLError" in names:
        return f"could not be reached over TLS ({texts[-1][:200]}); check the server's address and certificates of the context"
    if "ProxyError" in names:
        return f"cannot be reached through the proxy ({texts[-1][:200]}); check HTTPS_PROXY and proxy-url"
    if "NameResolutionError" in names or "gaierror" in names:
        return "has a name that does not resolve; check the network or VPN, and the server's address in the kubeconfig"
    if "ConnectTimeoutError" in names:
        return "did not answer in time; check the network, VPN and firewall"
    if "ReadTimeoutError" in names or "TimeoutError" in names:
        return "accepted the connection but did not answer in time; it may be overloaded"
    if "ConnectionRefusedError" in names or "refused" in text:
        return "refused the connection: nothing listens there; check that the cluster runs and the server's address is right"
    if "IncompleteRead" in text or "IncompleteRead" in names:
        return "closed the connection in the middle of a response; try again"
    if "ProtocolError" in names or "ConnectionResetError" in names:
        return "closed the connection before it answered; try again"
    return f"cannot be reached: {texts[0][:200]}; check the network and the kubeconfig"

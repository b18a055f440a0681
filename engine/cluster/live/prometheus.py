"""Prometheus, asked by fixed queries: memory over the last hours, CPU throttling, restarts and usage of the containers of a namespace.

A server that is not there, is slow, refuses or is something else is reported in `Trends.problem`, in plain words, and never raises.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from engine.cluster.objects import at, list_at, map_at, maps_at, text_at
from engine.cluster.source import ContainerKey, Points, Trends, Usage

_HOURS, _STEP = 3.0, 120
_KEPT_SECONDS = 60.0
_LONGEST_ANSWER = 64 * 1024 * 1024
_BY = "namespace, pod, container"
_CONTAINERS = 'container!="", container!="POD"'
_MEMORY = f"max by ({_BY}) (container_memory_working_set_bytes{{{_CONTAINERS}%s}})"
_CPU = f"sum by ({_BY}) (rate(container_cpu_usage_seconds_total{{{_CONTAINERS}%s}}[5m]))"
_THROTTLED = (
    f"sum by ({_BY}) (rate(container_cpu_cfs_throttled_periods_total{{{_CONTAINERS}%s}}[15m]))"
    f" / sum by ({_BY}) (rate(container_cpu_cfs_periods_total{{{_CONTAINERS}%s}}[15m])) > 0.05"
)
_RESTARTS = f"sum by ({_BY}) (increase(kube_pod_container_status_restarts_total{{{_CONTAINERS}%s}}[6h])) > 0"


class PrometheusDown(Exception):
    """The server gave no usable answer; the message says why and what to check."""


class Prometheus:
    """One server. `token` is sent as a bearer token; `now` is the clock in seconds since 1970. Safe to use from several threads."""

    def __init__(
        self, url: str, *, token: str = "", verify: bool = True, timeout: float = 5.0, now: Callable[[], float] = time.time
    ) -> None:
        self.url = url.rstrip("/")
        self._token = token
        self._verify = verify
        self._timeout = timeout
        self._now = now
        self._lock = threading.Lock()
        """Held while trends are asked for, so that two who want them ask once."""
        self._connecting = threading.Lock()
        self._client: Any = None
        self._asking = 0
        self._closed = False
        self._kept: dict[str | None, tuple[float, Trends]] = {}

    def trends(self, namespace: str | None) -> Trends:
        """The trends of a namespace (None = all), at most a minute old."""
        with self._lock:
            kept = self._kept.get(namespace)
            if kept is not None and 0 <= self._now() - kept[0] < _KEPT_SECONDS:
                return kept[1]
            found = self._ask(namespace)
            self._kept = {namespace: (self._now(), found)}
            return found

    def usage(self, namespace: str | None) -> list[Usage]:
        """What the containers of a namespace use now. Raises PrometheusDown."""
        cpu, memory = self._instant(_CPU, namespace), self._instant(_MEMORY, namespace)
        return [Usage(*place, cpu=cpu.get(place, 0.0), memory=memory.get(place, 0.0)) for place in sorted(cpu.keys() | memory.keys())]

    def close(self) -> None:
        """Let go of the connection; returns at once, also while a slow server is being asked."""
        with self._connecting:
            self._closed = True
            self._drop_pool()

    def _drop_pool(self) -> None:
        """Close the connection once it is left and nobody reads from it any more."""
        if self._closed and self._client is not None and not self._asking:
            self._client.close()
            self._client = None

    def _ask(self, namespace: str | None) -> Trends:
        try:
            end = self._now()
            window = {"start": f"{end - _HOURS * 3600:.0f}", "end": f"{end:.0f}", "step": str(_STEP)}
            memory = dict(self._series("query_range", _query(_MEMORY, namespace), window))
            return Trends(memory, self._instant(_THROTTLED, namespace), self._instant(_RESTARTS, namespace))
        except PrometheusDown as error:
            return Trends(problem=str(error))

    def _instant(self, template: str, namespace: str | None) -> dict[ContainerKey, float]:
        return {place: points[-1][1] for place, points in self._series("query", _query(template, namespace), {})}

    def _series(self, what: str, query: str, more: Mapping[str, str]) -> list[tuple[ContainerKey, Points]]:
        found = []
        for row in maps_at(self._get(what, {"query": query, **more}), "data", "result"):
            labels = map_at(row, "metric")
            place = (text_at(labels, "namespace"), text_at(labels, "pod"), text_at(labels, "container"))
            points = tuple(point for raw in (list_at(row, "values") or [at(row, "value")]) if (point := _point(raw)) is not None)
            if all(place) and points:
                found.append((place, points))
        return found

    def _get(self, what: str, query: Mapping[str, str]) -> Any:
        import httpx

        headers = {"Accept": "application/json", **({"Authorization": f"Bearer {self._token}"} if self._token else {})}
        try:
            deadline = time.monotonic() + 2 * self._timeout
            with self._cached() as client, client.stream("GET", f"{self.url}/api/v1/{what}", params=query, headers=headers) as response:
                body = bytearray()
                for chunk in response.iter_bytes():
                    body += chunk
                    if len(body) > _LONGEST_ANSWER or time.monotonic() > deadline:
                        raise self._unavailable(
                            "takes too long or returns too much; raise [prometheus] timeout_seconds, or look at one namespace"
                        )
                return self._read(response.status_code, bytes(body))
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise self._unavailable("is not a valid address; write [prometheus] url as http://host:9090") from error
        except httpx.TimeoutException as error:
            raise self._unavailable(
                f"gave no answer within {self._timeout:g} s; check that it is well, or raise timeout_seconds"
            ) from error
        except httpx.HTTPError as error:
            said = " ".join(str(error).split())[:160]
            hint = "check the certificate, or set verify = false" if "CERTIFICATE" in said.upper() else "check [prometheus] url"
            raise self._unavailable(f"cannot be reached ({said}); {hint}") from error

    @contextmanager
    def _cached(self) -> Iterator[Any]:
        """The connection, which stays open until this is left."""
        import httpx

        with self._connecting:
            if self._closed:
                raise self._unavailable("was closed")
            if self._client is None:
                self._client = httpx.Client(verify=self._verify, timeout=self._timeout, follow_redirects=False)
            self._asking += 1
            client = self._client
        try:
            yield client
        finally:
            with self._connecting:
                self._asking -= 1
                self._drop_pool()

    def _read(self, status: int, body: bytes) -> Any:
        import msgspec

        if status in (401, 403):
            raise self._unavailable(f"refuses the credentials ({status}); name the variable with a valid token in [prometheus] token_env")
        try:
            answer = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            what = "a web page" if body.lstrip()[:1] == b"<" else "something else than JSON"
            raise self._unavailable(
                f"answered with {what} ({status}): it is not Prometheus, or a login page is in between; check the url"
            ) from error
        if status != 200 or text_at(answer, "status") != "success":
            said = " ".join((text_at(answer, "error") or "no reason given").split())[:160]
            raise self._unavailable(f"refused the query ({status}: {said}); check that the url is Prometheus' own")
        return answer

    def _unavailable(self, what: str) -> PrometheusDown:
        return PrometheusDown(f"Prometheus at {_display_url(self.url)} {what}")


def _query(template: str, namespace: str | None) -> str:
    """A fixed query for one namespace; the name is a quoted value in it, whatever it holds."""
    chosen = f', namespace="{escaped(namespace)}"' if namespace else ""
    return template.replace("%s", chosen)


def escaped(value: str) -> str:
    """A label's value, escaped for the quotes of a query."""
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _point(raw: object) -> tuple[float, float] | None:
    if not isinstance(raw, list) or len(raw) != 2:
        return None
    try:
        moment, value = float(raw[0]), float(raw[1])
    except (TypeError, ValueError):
        return None
    return (moment, value) if math.isfinite(moment) and math.isfinite(value) else None


def _display_url(url: str) -> str:
    """The address without a password in it."""
    scheme, mark, rest = url.partition("://")
    return f"{scheme}{mark}{rest.rsplit('@', 1)[-1]}" if mark else url.rsplit("@", 1)[-1]

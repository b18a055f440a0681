"""A generated API server in a process of its own: thousands of pods of nine kilobytes as bytes made in advance, and a stream of events.

`python -m fakes.big_server PODS` (with tests/ on the path) prints its port and serves until its standard input ends. It knows lists in
pages, Tables, metadata, counts, streaming lists and watches; `POST /rate/N` sets how many events come in a second. Faults of five kinds are
made by tests/bench/bench_check.py.
"""

from __future__ import annotations

import asyncio
import copy
import json
import sys
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

Raw = dict[str, Any]
_TABLE_COLUMNS = ("Name", "Ready", "Status", "Restarts", "Age", "IP", "Node", "Nominated Node", "Readiness Gates")


class Kind:
    """One resource: every object as bytes, whole, as metadata and as a table's row."""

    def __init__(self, group: str, plural: str, kind: str, namespaced: bool, objects: list[Raw]) -> None:
        self.group, self.plural, self.kind, self.namespaced = group, plural, kind, namespaced
        self.keys = [(o["metadata"].get("namespace", ""), o["metadata"]["name"]) for o in objects]
        self.whole = [json.dumps(o).encode() for o in objects]
        self.rows = [_row(o) for o in objects] if plural == "pods" else []
        self.metadata = [json.dumps({"metadata": o["metadata"]}).encode() for o in objects] if plural in ("pods", "secrets") else []
        self.objects = objects if plural == "pods" else []

    @property
    def version(self) -> str:
        return f"{self.group}/v1" if self.group else "v1"

    def places(self, namespace: str) -> list[int]:
        return [n for n, (space, _) in enumerate(self.keys) if not namespace or space == namespace]


def _row(pod: Raw) -> bytes:
    statuses = pod["status"].get("containerStatuses", [])
    ready = sum(bool(s.get("ready")) for s in statuses)
    status = next((s["state"]["waiting"]["reason"] for s in statuses if "waiting" in s.get("state", {})), pod["status"]["phase"])
    restarts = sum(s.get("restartCount", 0) for s in statuses)
    cells = [pod["metadata"]["name"], f"{ready}/{len(statuses)}", status, str(restarts), "1h", "10.0.0.1", pod["spec"].get("nodeName", "")]
    metadata = {k: v for k, v in pod["metadata"].items() if k != "annotations"}
    return json.dumps({"cells": [*cells, "<none>", "<none>"], "object": {"metadata": metadata}}).encode()


class BigServer:
    """What is served, and how many events a second go to each watch of pods."""

    def __init__(self, cluster: Mapping[str, list[Raw]], resources: Mapping[str, str]) -> None:
        self.kinds: dict[tuple[str, str], Kind] = {}
        for kind, resource in resources.items():
            plural, _, group = resource.partition(".")
            objects = cluster.get(resource, [])
            namespaced = bool(objects and objects[0]["metadata"].get("namespace")) or kind in ("Secret", "ConfigMap")
            self.kinds[(group, plural)] = Kind(group, plural, kind, namespaced, objects)
        self.revision = 1_000_000
        self.rate = 0.0

    def discovery(self, root: str) -> bytes:
        groups: dict[str, list[Raw]] = {}
        for kind in self.kinds.values():
            if bool(kind.group) == (root == "/apis"):
                scope = "Namespaced" if kind.namespaced else "Cluster"
                row = {"resource": kind.plural, "responseKind": {"kind": kind.kind, "version": "v1", "group": kind.group}, "scope": scope}
                groups.setdefault(kind.group, []).append({**row, "singularResource": kind.kind.lower(), "verbs": ["get", "list", "watch"]})
        items = [{"metadata": {"name": g} if g else {}, "versions": [{"version": "v1", "resources": r}]} for g, r in groups.items()]
        return json.dumps({"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "items": items}).encode()

    def listed(self, kind: Kind, namespace: str, query: Mapping[str, str], accept: str) -> bytes:
        places = kind.places(namespace)
        start, limit = int(query.get("continue", "0") or 0), int(query.get("limit", "0") or 0) or len(places)
        page, left = places[start : start + limit], max(0, len(places) - start - limit)
        meta: Raw = {"resourceVersion": str(self.revision)}
        if left:
            meta |= {"continue": str(start + limit), "remainingItemCount": left}
        head = {"apiVersion": kind.version, "kind": f"{kind.kind}List", "metadata": meta}
        parts, name = [kind.whole[n] for n in page], "items"
        if "as=Table" in accept and kind.rows:
            columns = [{"name": c, "type": "string", "format": "", "description": "", "priority": 0} for c in _TABLE_COLUMNS]
            head = {"apiVersion": "meta.k8s.io/v1", "kind": "Table", "metadata": meta, "columnDefinitions": columns}
            parts, name = [kind.rows[n] for n in page], "rows"
        elif "as=PartialObjectMetadata" in accept and kind.metadata:
            parts = [kind.metadata[n] for n in page]
        return b'%s,"%s":[%s]}' % (json.dumps(head).encode()[:-1], name.encode(), b",".join(parts))

    async def events(self, kind: Kind, namespace: str, query: Mapping[str, str], accept: str) -> AsyncIterator[bytes]:
        """What there is (where asked for), then changes of pods at the rate that is set, and a bookmark every five seconds."""
        table = "as=Table" in accept and bool(kind.rows)
        places = kind.places(namespace)
        if query.get("sendInitialEvents") == "true":
            for n in places:
                yield b'{"type":"ADDED","object":%s}\n' % kind.whole[n]
            notes = {"k8s.io/initial-events-end": "true"}
            meta = {"resourceVersion": str(self.revision), "annotations": notes}
            yield json.dumps({"type": "BOOKMARK", "object": {"kind": kind.kind, "metadata": meta}}).encode() + b"\n"
        number, head = 0, True
        loop = asyncio.get_running_loop()
        marked = loop.time()
        while True:
            await asyncio.sleep(0.05)
            due = int(self.rate * 0.05) if kind.objects and places else 0
            lines = []
            for _ in range(due):
                number += 1
                self.revision += 1
                pod = copy.copy(kind.objects[places[number * 7919 % len(places)]])
                pod["metadata"] = {**pod["metadata"], "resourceVersion": str(self.revision)}
                if table:
                    columns = [{"name": c} for c in _TABLE_COLUMNS] if head else []
                    body = b'{"kind":"Table","columnDefinitions":%s,"rows":[%s]}' % (json.dumps(columns).encode(), _row(pod))
                    head = False
                else:
                    body = json.dumps(pod).encode()
                lines.append(b'{"type":"MODIFIED","object":%s}\n' % body)
            if loop.time() - marked > 5.0:
                marked = loop.time()
                mark = {"kind": kind.kind, "metadata": {"resourceVersion": str(self.revision)}}
                lines.append(json.dumps({"type": "BOOKMARK", "object": mark}).encode() + b"\n")
            if lines:
                yield b"".join(lines)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, request after request."""
        try:
            while line := await reader.readline():
                method, target, _ = line.decode().split(" ", 2)
                headers = {}
                while (header := await reader.readline()) not in (b"\r\n", b""):
                    name, _, value = header.decode().partition(":")
                    headers[name.lower()] = value.strip()
                if length := int(headers.get("content-length", "0")):
                    await reader.readexactly(length)
                await self._answer(method, target, headers.get("accept", ""), writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client went away, or everything ends
        finally:
            writer.close()

    async def _answer(self, method: str, target: str, accept: str, writer: asyncio.StreamWriter) -> None:
        parts = urlsplit(target)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        words = parts.path.strip("/").split("/")
        if method == "POST" and words[0] == "rate":
            self.rate = float(words[1])
            await _send(writer, 200, b"{}")
        elif parts.path in ("/api", "/apis"):
            await _send(writer, 200, self.discovery(parts.path), "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList")
        elif parts.path.startswith("/version"):
            await _send(writer, 200, b'{"gitVersion":"v1.36.2","major":"1","minor":"36"}')
        elif parts.path.endswith("/log"):
            await _send(writer, 200, b"2031-05-04T11:59:30Z panic: cannot open /etc/app/config.yaml\n" * 20, "text/plain")
        else:
            group, rest = ("", words[2:]) if words[0] == "api" else (words[1] if len(words) > 1 else "", words[3:])
            namespace = ""
            if len(rest) > 2 and rest[0] == "namespaces":
                namespace, rest = rest[1], rest[2:]
            kind = self.kinds.get((group, rest[0] if rest else ""))
            if kind is None or len(rest) != 1:
                await _send(writer, 404, b'{"kind":"Status","apiVersion":"v1","status":"Failure","message":"not found","code":404}')
            elif query.get("watch") == "true":
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
                async for chunk in self.events(kind, namespace, query, accept):
                    writer.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
                    await writer.drain()
            else:
                await _send(writer, 200, self.listed(kind, namespace, query, accept))


async def _send(writer: asyncio.StreamWriter, status: int, body: bytes, kind: str = "application/json") -> None:
    writer.write(b"HTTP/1.1 %d X\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n" % (status, kind.encode(), len(body)))
    writer.write(body)
    await writer.drain()


async def main(pods: int) -> None:
    import gc

    import bench_check

    from engine.cluster.kinds import RESOURCE_OF_KIND

    bench_check.PODS = pods
    server = BigServer(bench_check.make_cluster(), RESOURCE_OF_KIND)
    gc.freeze()
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0, limit=1 << 20)
    print(listening.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))

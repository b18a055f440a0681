"""`pods/NAME/log`: a container's recorded lines, with the options of kubectl logs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from typing import Any

from engine.cluster.objects import int_at, maps_at, parse_time, text_at
from engine.cluster.source import ClusterError, ClusterSource, Forbidden, NotFound
from engine.simulator.apiserver.http import TEXT, ApiError, Reply, Request, encode, not_found
from engine.simulator.apiserver.routing import Target

LISTS = ("initContainers", "containers", "ephemeralContainers")


def pod_log(cluster: ClusterSource, target: Target, request: Request) -> Reply:
    """The log as plain text. `follow` gives what there is and ends, since nothing is added to a recorded log."""
    try:
        pod = cluster.get("pods", target.namespace, target.name)
    except NotFound as error:
        raise not_found("pods", target.name) from error
    container = _container(pod, target.name, request.query.get("container", ""))
    previous = request.flag("previous")
    try:
        lines = cluster.logs(
            target.namespace,
            target.name,
            container,
            previous=previous,
            tail=request.number("tailLines"),
            since_seconds=_since(cluster, request),
        )
    except ClusterError as error:
        return _refusal(cluster, target, container, previous, error)
    if not request.flag("timestamps"):
        lines = [_without_stamp(line) for line in lines]
    text = "".join(f"{line}\n" for line in lines).encode()
    limit = request.number("limitBytes")
    return Reply(text if limit is None else text[:limit], content_type=TEXT)


def _container(pod: Mapping[str, Any], name: str, wanted: str) -> str:
    names = [text_at(c, "name") for part in LISTS for c in maps_at(pod, "spec", part)]
    if wanted:
        if wanted not in names:
            raise ApiError(400, f"container {wanted} is not valid for pod {name}")
        return wanted
    main = [text_at(c, "name") for c in maps_at(pod, "spec", "containers")]
    if len(main) != 1:
        raise ApiError(400, f"a container name must be specified for pod {name}, choose one of: [{' '.join(main)}]")
    return main[0]


def _since(cluster: ClusterSource, request: Request) -> int | None:
    moment = parse_time(request.query.get("sinceTime"))
    if moment is not None:
        return max(0, int((cluster.now().astimezone(UTC) - moment).total_seconds()))
    return request.number("sinceSeconds")


def _without_stamp(line: str) -> str:
    stamp, space, rest = line.partition(" ")
    return rest if space and parse_time(stamp) else "" if parse_time(stamp) else line


def _refusal(cluster: ClusterSource, target: Target, container: str, previous: bool, error: ClusterError) -> Reply:
    """The Status that the recorded server gave, or one in the words of the error."""
    status = cluster.log_error(target.namespace, target.name, container, previous)
    if status is not None:
        return Reply(encode(status), status=int_at(status, "code", default=500))
    if isinstance(error, Forbidden):
        raise ApiError(403, str(error)) from error
    raise ApiError(400 if previous else 404, str(error)) from error

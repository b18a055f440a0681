"""From a Request to the functions of this package: which look is meant, of what, since when."""

from __future__ import annotations

import re
from collections.abc import Callable

from engine.analyzers.common.view import ClusterView
from engine.language.answers.interface import Reply, Scene
from engine.language.answers.overview import audit, changes, events, health, ranking
from engine.language.answers.overview.compare import compare
from engine.language.request import Request

_WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "CronJob", "Job", "Pod")
_LOOKS: tuple[tuple[str, Callable[[ClusterView], Reply]], ...] = (
    (r"\bprivileged\b", audit.privileged),
    (r"\b(?:as|run(?:s|ning)?) (?:as )?root\b", audit.as_root),
    (r"\bhost ?(?:network|path|pid)\b", audit.host_access),
    (
        r":?\blatest\b.{0,8}\b(?:tags?|images?)\b|\b(?:tags?|images?)\b.{0,12}:?\blatest\b|:latest\b|\bwithout (?:a )?(?:fixed )?(?:tag|version)\b",
        audit.moving_tags,
    ),
    (r"\bbackups?\b.{0,20}\b(?:of|for)\b|\b(?:any|have|do we|are there)\b.{0,20}\bback(?:ed )?ups?\b", audit.backups),
    (r"\bcert\w*\b.{0,30}\bexpir\w*|\bexpir\w*\b.{0,30}\bcert\w*", audit.certificates),
    (
        r"\bservices?\b.{0,30}\b(?:without|no|lack\w*|missing|empty)\b.{0,12}\b(?:endpoints?|backends?|pods?)\b|\bservices?\b.{0,25}\b(?:point|select|match|lead|route)\w*\b.{0,12}\b(?:no|nothing|nowhere|nobody)\b",
        audit.services_without_endpoints,
    ),
)
_LACKING = re.compile(
    r"\b(?:no|without|lack\w*|missing|miss|don'?t have|do not have|have no|not set|unset|n't set|that have no)\b\s+(?:any\s+|a\s+|an\s+|set\s+)*(?P<what>(?:(?:memory|cpu|resource|liveness|readiness|startup|health)(?:\s+(?:and|or)\s+\w+)?\s+)?(?:requests?(?: (?:and|or) limits?)?|limits?(?: (?:and|or) requests?)?|probes?|liveness|readiness))\b",
    re.I,
)
_ROOM = re.compile(
    r"\b(?:capacity|room|space|fit|resources)\b.{0,30}\b(?:left|free|for|more|available)\b|\bhow (?:much|many)\b.{0,30}\b(?:fit|free|left|available)\b|\benough (?:room|capacity|resources|cpu|memory)\b",
    re.I,
)
_STATE = re.compile(
    r"\b(?:status|state|health|overview|summary|report|how (?:is|are))\b.{0,30}\b(?:cluster|everything|overall|namespace|xspace)\b|\bcluster (?:status|state|health|overview|summary)\b",
    re.I,
)


def gaps(request: Request, scene: Scene) -> Reply | None:
    """Questions about how things are set up: limits, probes, privileges, tags, certificates, endpoints, room, backups."""
    words = request.masked
    lacking = _LACKING.search(words)
    if lacking is not None:
        return audit.without(scene.view, " ".join(lacking["what"].split()))
    nodes = request.of_kind("Node")
    if nodes and re.search(r"\b(?:runs?|running|pods?|scheduled|workloads?|placed|what(?:'s| is))\b.{0,16}\bon\b", words):
        return health.running_on(scene.view_of(request.namespace or ""), nodes[0].name)
    for pattern, look in _LOOKS:
        if re.search(pattern, words):
            return look(scene.view)
    if _ROOM.search(words) and not request.of_kind("PersistentVolumeClaim"):
        pods = re.search(r"\b(\d{1,5})\s+(?:more\s+|further\s+|additional\s+)?(?:pods?|replicas?|instances?|copies)\b", words)
        cpu = re.search(r"\b(\d+m|\d+(?:\.\d+)?(?=\s*(?:cores?|cpus?)))\b", request.text)
        memory = re.search(r"\b(\d+(?:\.\d+)?(?:Ki|Mi|Gi|Ti|M|G))\b", request.text)
        return audit.room(scene.view_of(""), int(pods[1]) if pods else 0, cpu[1] if cpu else "", memory[1] if memory else "")
    return None


def changed(request: Request, scene: Scene) -> Reply | None:
    """What changed, of the objects that are named or at the place."""
    refs = tuple(ref for ref in request.refs if ref.kind != "Namespace")
    return changes.changes(scene.view if not refs else scene.view_of(""), refs, request.window)


def since(request: Request, scene: Scene) -> Reply | None:
    """Since when the first object is as it is."""
    return changes.since_when(scene.view_of(""), request.refs[0]) if request.refs else None


def events_of(request: Request, scene: Scene) -> Reply | None:
    """Events, of an object or grouped by reason."""
    about = next((ref for ref in request.refs if ref.kind != "Namespace"), None)
    if about is not None:
        return events.of_object(scene.view_of(""), about, within=request.window)
    warnings = bool(re.search(r"\bwarnings?\b|\berrors?\b|\bproblems?\b", request.masked))
    return events.grouped(scene.view, warnings=warnings, within=request.window)


def dns_state(request: Request, scene: Scene) -> Reply | None:
    """How the cluster's DNS is; None where the question is about something else."""
    asked = re.search(r"\b(?:dns|coredns|name resolution)\b", request.masked) and not _workload(request)
    return health.dns(scene.view_of("")) if asked else None


def foundation_state(request: Request, scene: Scene) -> Reply | None:
    """How the cluster's DNS or the one node that is named is; None where the question is about something else."""
    if len(request.refs) == 1 and request.refs[0].kind == "Node":
        return health.node(scene.view_of(""), request.refs[0].name)
    return dns_state(request, scene)


def state(request: Request, scene: Scene) -> Reply | None:
    """How the cluster, its DNS or a node is; None where the question is about another object."""
    asks = re.search(r"\b(?:status|state|health\w*|ok|okay|fine|working|how (?:is|are))\b", request.masked)
    dns = dns_state(request, scene) if asks else None
    if dns is not None:
        return dns
    nodes = request.of_kind("Node")
    if asks and nodes and len(request.refs) == 1:
        return health.node(scene.view_of(""), nodes[0].name)
    if not request.refs and not request.unknown and _STATE.search(request.masked):
        return health.cluster(scene.view)
    return None


def side_by_side(request: Request, scene: Scene) -> Reply | None:
    """Two objects that are named, compared; of the kind that both names have."""
    groups = [refs for _, refs in request.candidates()]
    if len(groups) == 1 and len(groups[0]) > 1:
        return compare(scene.view_of(""), groups[0][:3])
    if len(groups) < 2:
        return None
    kinds = [{ref.kind for ref in refs} for refs in groups]
    common = set.intersection(*kinds)
    chosen = [next((ref for ref in refs if ref.kind in common), refs[0]) for refs in groups]
    return compare(scene.view_of(""), chosen[:4])


def most(request: Request, scene: Scene) -> Reply | None:
    """The most restarts, usage, age or size."""
    words, kind = request.masked, request.kind
    spelt = re.search(r"\b(two|three|four|five|six|seven|eight|nine|ten)\b", words)
    limit = request.limit or (
        ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten").index(spelt[1]) + 2 if spelt else None
    )
    newest = bool(re.search(r"\b(?:newest|youngest|latest|most recent\w*|last created)\b", words))
    named = tuple(ref for ref in request.refs if ref.kind in (*_WORKLOADS, "Node"))
    if re.search(r"\brestart\w*|\bcrash\w*", words):
        return ranking.by_restarts(scene.view, limit=limit, by_workload=kind in ("Deployment", "StatefulSet", "DaemonSet"))
    if re.search(r"\bcpu\b|\bmemory\b|\bram\b|\bmem\b|\bprocessor\b", words):
        what = "memory" if re.search(r"\bmemory\b|\bram\b|\bmem\b", words) else "cpu"
        return ranking.by_usage(
            scene.view if not named else scene.view_of(""),
            scene.source,
            what,
            nodes=kind == "Node" or any(ref.kind == "Node" for ref in named),
            limit=limit,
            only=named,
        )
    if re.search(r"\b(?:old\w*|young\w*|newest|latest|recent\w*|age)\b", words) and not named:
        return ranking.by_age(scene.view, kind or "Pod", newest=newest, limit=limit)
    if re.search(r"\b(?:big\w*|larg\w*|small\w*|size\w*|huge)\b", words):
        sized = (
            "Image"
            if re.search(r"\bimages?\b", words)
            else kind
            if kind in ("PersistentVolume", "ConfigMap", "Secret")
            else "PersistentVolumeClaim"
        )
        return ranking.by_size(scene.view, sized, smallest=bool(re.search(r"\bsmallest\b", words)), limit=limit)
    return None


def _workload(request: Request) -> bool:
    return any(ref.kind in _WORKLOADS and "dns" not in ref.name for ref in request.refs)

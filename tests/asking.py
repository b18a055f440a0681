"""Questions as the engine asks them: understood against a cluster, then read."""

from engine.cluster.source import ClusterSource
from engine.core.types import ObjectRef
from engine.language.answers.interface import Reply, Scene
from engine.language.linking.inventory import Inventory
from engine.language.questions import reader
from engine.language.request import Request
from engine.language.understand import understand


def request_of(query: str, source: ClusterSource, namespace: str = "") -> Request:
    """The first Request of a text."""
    return understand(query, Inventory(source, namespace))[0]


def read(query: str, source: ClusterSource, namespace: str, *, chosen: ObjectRef | None = None) -> Reply | None:
    """What the reader of plain questions makes of a text, at the namespace that it names."""
    request = request_of(query, source, namespace)
    place = namespace if request.namespace is None else request.namespace
    return reader.read(request, Scene(source, place), chosen)

"""Questions of somebody who may read one namespace alone: the one that the question names is taken, since its list may not be read."""

from __future__ import annotations

from typing import Any

from asking import request_of

from engine.cluster.recordings.recorded_cluster import RecordedCluster
from engine.cluster.source import Forbidden
from engine.core.cancel import CancelToken


class OneNamespace:
    """A cluster of which only the namespace `shop` may be read."""

    def __init__(self, whole: RecordedCluster) -> None:
        self._whole = whole

    def __getattr__(self, name: str) -> Any:
        return getattr(self._whole, name)

    def list(self, resource: str, namespace: str | None = None, *, cancel: CancelToken | None = None) -> list[dict[str, Any]]:
        if namespace != "shop":
            raise Forbidden(f"{resource} is forbidden", resource=resource)
        return self._whole.list(resource, namespace)


def test_a_namespace_that_the_question_names_is_taken_where_namespaces_may_not_be_listed(demo: RecordedCluster) -> None:
    source: Any = OneNamespace(demo)
    wrong = []
    for query, namespace, name in (
        ("why is checkout-api in namespace shop restarting?", "shop", "checkout-api"),
        ("why is checkout-api restarting in the shop namespace?", "shop", "checkout-api"),
        ("why does checkout-api restart -n shop", "shop", "checkout-api"),
        ("what is wrong in shop?", "shop", None),
        ("why is checkout-api in namespace payments restarting?", "payments", None),
        ("what is wrong in payments?", None, None),  # nothing says that this is a namespace
        ("is there an error in the logs?", None, None),
        ("what is a namespace?", None, None),
    ):
        request = request_of(query, source, "default")
        got = (request.namespace, request.refs[0].name if request.refs else None)
        if got != (namespace, name):
            wrong.append((query, got))
    assert not wrong

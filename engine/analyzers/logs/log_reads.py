"""`LogReads`: logs of a live cluster's containers for analyzers: several at a time, none from a node whose kubelet does not answer, and
within a time budget, so that dead nodes do not cost a question its answer.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable

from engine.cluster.source import ClusterError, Forbidden, KubeletUnreachable, Lines, NotFound, Unauthenticated, Unreachable
from engine.core.cancel import Cancelled

LogKey = tuple[str, str, str, bool]
"""namespace, pod, container, previous"""
LogReader = Callable[[str, str, str, bool], Lines]
"""(namespace, pod, container, previous) -> lines with RFC 3339 timestamps; may raise ClusterError."""
AT_ONCE = 8
SECONDS = 20.0
"""How long all log reads of one view may take together."""
_Why = tuple[str, str]
"""What keeps logs from being read: the word `node`, `namespace` or `time`, and which one."""
_OUT_OF_TIME: _Why = ("time", "")


class LogReads:
    """A `LogReader` that remembers which nodes do not answer. `read` is called on several threads, the other two on the caller's."""

    def __init__(
        self,
        read: LogReader,
        node_of: Callable[[str, str], str],
        unreachable_nodes: Callable[[], Collection[str]],
        *,
        seconds: float = SECONDS,
    ) -> None:
        self._read = read
        self._node_of = node_of
        self._unreachable_nodes = unreachable_nodes
        self._budget = self._left = seconds
        self._answers: dict[LogKey, Lines | ClusterError] = {}
        self._answered: set[str] = set()
        self._unreachable: set[str] | None = None
        self._forbidden: set[str] = set()
        self._unread: dict[_Why, set[tuple[str, str]]] = {}

    def __call__(self, namespace: str, pod: str, container: str, previous: bool) -> Lines:
        """The lines of one container. Raises ClusterError; KubeletUnreachable without asking where its node did not answer before."""
        key = (namespace, pod, container, previous)
        self.ahead([key])
        answer = self._answers[key]
        if isinstance(answer, ClusterError):
            raise answer
        return answer

    def ahead(self, keys: Iterable[LogKey]) -> None:
        """Read these logs now. Of each node one is read first, and the others only if its kubelet answered.

        Raises Unreachable when the API server is gone, and Cancelled.
        """
        wanted: dict[str, list[LogKey]] = {}
        for key in dict.fromkeys(keys):
            if key not in self._answers:
                wanted.setdefault(self._node_of(key[0], key[1]), []).append(key)
        if not wanted:
            return
        if self._unreachable is None:
            self._unreachable = set(self._unreachable_nodes())
        for node in self._unreachable & wanted.keys():
            self._skip(("node", node), wanted.pop(node))
        for node, those in wanted.items():
            self._skip_forbidden(those)
            wanted[node] = [key for key in those if key not in self._answers]
        began = time.monotonic()
        read = _Batch(self._read, wanted, self._answered).finish(self._left)
        self._left = max(0.0, self._left - (time.monotonic() - began))
        self._answers |= read.answers
        self._forbidden |= read.forbidden
        for node, those in wanted.items():
            self._skip_forbidden(those)
            missing = [key for key in those if not isinstance(self._answers.get(key), list)]
            if node and any(isinstance(self._answers.get(key), KubeletUnreachable) for key in missing):
                self._unreachable.add(node)
                self._skip(("node", node), missing)
            else:
                self._skip(_OUT_OF_TIME, [key for key in missing if key not in self._answers])

    def _skip_forbidden(self, keys: Iterable[LogKey]) -> None:
        for namespace in self._forbidden:
            self._skip(("namespace", namespace), [k for k in keys if k[0] == namespace and not isinstance(self._answers.get(k), list)])

    def _skip(self, why: _Why, keys: Iterable[LogKey]) -> None:
        for key in keys:
            self._answers[key] = (KubeletUnreachable if why[0] == "node" else NotFound)(f"not read: {self._reason(why)}")
            self._unread.setdefault(why, set()).add(key[:2])

    def _reason(self, why: _Why) -> str:
        match why:
            case "node", node:
                return f"the kubelet of node {node} does not answer"
            case "namespace", namespace:
                return f"not allowed to get pods/log in namespace {namespace}"
        return f"reading logs took longer than {self._budget:.0f} s"

    @property
    def unread(self) -> list[str]:
        """What was not read and why, a sentence a cause."""
        return [f"logs of {_pods(len(pods))} were not read: {self._reason(why)}" for why, pods in sorted(self._unread.items())]


def _pods(count: int) -> str:
    return f"{count} pod{'' if count == 1 else 's'}"


class _Batch:
    """Several logs read by a few threads, which are left behind when the time is over."""

    def __init__(self, read: LogReader, wanted: dict[str, list[LogKey]], answered: set[str]) -> None:
        self.answers: dict[LogKey, Lines | ClusterError] = {}
        self._read = read
        self._changed = threading.Condition()
        self._ready: deque[tuple[str, LogKey]] = deque()
        self._waiting: dict[str, list[LogKey]] = {}
        self._answered = answered
        self._open = 0
        self._error: BaseException | None = None
        self.forbidden: set[str] = set()
        """Namespaces whose logs may not be read."""
        for node, keys in wanted.items():
            first = keys if node in answered or not node else keys[:1]
            self._ready += [(node, key) for key in first]
            self._waiting[node] = keys[len(first) :]
            self._open += len(keys)

    def finish(self, seconds: float) -> _Batch:
        """Read for at most so many seconds; raises what ended it early."""
        if self._open == 1 and seconds > 0:
            self._work()
        elif seconds > 0:
            for number in range(min(AT_ONCE, self._open)):
                threading.Thread(target=self._work, name=f"log-read-{number}", daemon=True).start()
        with self._changed:
            self._changed.wait_for(lambda: not self._open, seconds)
            self._open = 0
            self._ready.clear()
            self._changed.notify_all()
            if self._error is not None:
                raise self._error
            return self

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._ready or not self._open)
                if not self._open:
                    return
                node, key = self._ready.popleft()
            answer: Lines | ClusterError | None = None
            error: BaseException | None = None
            try:
                answer = self._read(*key)
            except (Unreachable, Unauthenticated, Cancelled) as gone:
                error = gone
            except ClusterError as refused:
                answer = refused
            except Exception as fault:  # noqa: BLE001  it is raised again on the waiting thread
                error = fault
            with self._changed:
                if not self._open:
                    return
                self._take(node, key, answer, error)
                self._changed.notify_all()

    def _take(self, node: str, key: LogKey, answer: Lines | ClusterError | None, error: BaseException | None) -> None:
        if error is not None or answer is None:
            self._error, self._open = error, 0
            return
        self.answers[key] = answer
        self._open -= 1
        if isinstance(answer, KubeletUnreachable) and node:
            self._drop(lambda other_node, _: other_node == node)
        elif isinstance(answer, Forbidden):
            self.forbidden.add(key[0])
            self._drop(lambda _, other: other[0] == key[0])
        else:
            self._answered.add(node)
        self._ready += [(node, other) for other in self._waiting.pop(node, [])]

    def _drop(self, useless: Callable[[str, LogKey], bool]) -> None:
        """Read no more of these."""
        kept = [(node, key) for node, key in self._ready if not useless(node, key)]
        self._open -= len(self._ready) - len(kept)
        self._ready = deque(kept)
        for node, keys in self._waiting.items():
            left = [key for key in keys if not useless(node, key)]
            self._open -= len(keys) - len(left)
            self._waiting[node] = left

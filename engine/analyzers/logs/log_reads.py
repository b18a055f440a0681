"""`LogReads`: logs of a live cluster's containers for analyzers: several at a time, none from a node whose kubelet does not answer, and
within a time budget, so that dead nodes do not cost a question its answer.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable

from engine.cluster.source import ClusterError, KubeletUnreachable, Lines, NotFound, Unreachable
from engine.core.cancel import Cancelled

LogKey = tuple[str, str, str, bool]
"""namespace, pod, container, previous"""
LogReader = Callable[[str, str, str, bool], Lines]
"""(namespace, pod, container, previous) -> lines with RFC 3339 timestamps; may raise ClusterError."""
AT_ONCE = 8
SECONDS = 20.0
"""How long all log reads of one view may take together."""
_OUT_OF_TIME = ""


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
        self._unread: dict[str, set[tuple[str, str]]] = {}

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
            self._skip(node, wanted.pop(node))
        began = time.monotonic()
        late = _Batch(self._read, wanted, self._answered).finish(self._left)
        self._left = max(0.0, self._left - (time.monotonic() - began))
        for node, keys_of_node in wanted.items():
            for key in keys_of_node:
                if key in late.answers:
                    self._answers[key] = late.answers[key]
            missing = [key for key in keys_of_node if key not in late.answers]
            failed = any(isinstance(late.answers.get(key), KubeletUnreachable) for key in keys_of_node)
            if failed and node:
                self._unreachable.add(node)
                self._skip(node, keys_of_node)
            elif missing:
                self._skip(_OUT_OF_TIME, missing)

    def _skip(self, node: str, keys: Iterable[LogKey]) -> None:
        for key in keys:
            if not isinstance(self._answers.get(key), list):
                why = f"the kubelet of node {node} does not answer" if node else f"reading logs took longer than {self._budget:.0f} s"
                self._answers[key] = KubeletUnreachable(why) if node else NotFound(why)
                self._unread.setdefault(node, set()).add(key[:2])

    @property
    def unread(self) -> list[str]:
        """What was not read and why, a sentence a cause."""
        return [
            f"logs of {_pods(len(pods))} on node {node} were not read: its kubelet does not answer"
            if node
            else f"logs of {_pods(len(pods))} were not read: reading logs took longer than {self._budget:.0f} s"
            for node, pods in sorted(self._unread.items())
        ]


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
            except (Unreachable, Cancelled) as gone:
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
        later = self._waiting.pop(node, [])
        if isinstance(answer, KubeletUnreachable) and node:
            self._open -= len(later)
            dropped = [one for one in self._ready if one[0] == node]
            self._open -= len(dropped)
            for one in dropped:
                self._ready.remove(one)
        else:
            self._answered.add(node)
            self._ready += [(node, one) for one in later]

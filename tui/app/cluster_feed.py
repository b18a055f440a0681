"""`ClusterFeed`: pulls the cluster's rows on background threads and hands them to the pane and the welcome page."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from engine.core.types import Finding
from tui.panes.cluster_rows import ClusterRows
from tui.runtime.background import first_sentence

if TYPE_CHECKING:
    from engine.agent.agent import Agent
    from engine.cluster.rows.build import EventRow, NodeRow, WorkloadRow
    from tui.app.workspace import Workspace
    from tui.runtime.background import Background

Lists = tuple["Sequence[WorkloadRow]", "Sequence[NodeRow]", "Sequence[EventRow]"]


class ClusterFeed:
    """One pull at a time for rows and one for findings; results for a place that was left meanwhile are thrown away."""

    def __init__(self, agent: Agent, background: Background, workspace: Workspace, nowhere: Callable[[], None] = lambda: None) -> None:
        """`nowhere` is called when the cluster cannot be reached."""
        self._agent = agent
        self._background = background
        self._workspace = workspace
        self._place: tuple[str, str, str] = ("", "", "")
        self._rows: ClusterRows | None = None
        self._findings: Sequence[Finding] | None = None
        self._began = False
        self._nowhere = nowhere

    def begin(self) -> None:
        """The engine was started: read as soon as the cluster is there."""
        self._began = True
        self.place_changed()

    def place_changed(self) -> None:
        """Context, namespace or reachability may have changed."""
        status = self._agent.status
        place = (status.context, status.namespace, status.cluster_state)
        if place == self._place or not self._began:
            return
        self._place = place
        self._rows, self._findings = None, None
        self.welcome()
        if status.cluster_state == "unreachable":
            self._workspace.cluster.fail(status.cluster_note)
            self._nowhere()
        elif status.cluster_state == "ok":
            self.pull()

    def pull(self) -> None:
        """Read rows and findings again, away from the screen."""
        if self._place[2] != "ok":
            return
        cluster, place = self._agent.cluster, self._place
        namespace = place[1]

        def read() -> Lists:
            return cluster.workloads(namespace), cluster.nodes(), cluster.events(namespace)

        self._background.run("rows", read, lambda lists: self._take(place, lists), self._failed)
        self._background.run("findings", lambda: cluster.findings(namespace), lambda findings: self._found(place, findings), self._failed)

    def _take(self, place: tuple[str, str, str], lists: Lists) -> None:
        if place == self._place:
            workloads, nodes, events = lists
            watching = tuple(self._agent.cluster.watching())
            self._rows = ClusterRows(place[1], workloads, nodes, events, self._findings or (), watching)
            self._workspace.cluster.show(self._rows)

    def _found(self, place: tuple[str, str, str], findings: Sequence[Finding]) -> None:
        if place != self._place:
            return
        self._findings = findings
        if self._rows is not None:
            self._rows = dataclasses.replace(self._rows, findings=findings)
            self._workspace.cluster.show(self._rows)
        self.welcome()

    def _failed(self, error: Exception) -> None:
        self._workspace.cluster.fail(first_sentence(error), known=self._rows is not None)
        if self._findings is None:
            self.welcome(first_sentence(error))

    def welcome(self, note: str = "") -> None:
        """Fill the welcome page with what is known."""
        status = self._agent.status
        note = note or (status.cluster_note if status.cluster_state == "unreachable" else "")
        self._workspace.chat.welcome(status.namespace or "all namespaces", self._findings, note)

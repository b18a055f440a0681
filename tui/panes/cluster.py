"""The cluster pane: workloads with their pods folded under them, nodes, events and findings; what fails comes first."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.widget import Widget

from engine.core.types import Finding, ObjectRef
from tui.actions.keys import bindings, footer
from tui.actions.panes import CLUSTER
from tui.panes.cluster_rows import COLUMNS, TABS, ClusterRows, Spot, folded, is_bare, key_of, ref_of, rows_of
from tui.panes.row_filter import RowFilter
from tui.style.text import count, one_line, plain
from tui.widgets.bars.filter_bar import FilterBar
from tui.widgets.bars.key_bar import KeyBar
from tui.widgets.bars.title_bar import TitleBar
from tui.widgets.row_list import Part, RowList

SLIM = 56
"""Below so many columns the title says its facts by signs alone."""
RESOURCES = (("pods",), ("nodes",), ("events",), ("pods",))
"""What each tab cannot do without."""


class ClusterPane(Vertical):
    """Shows the rows it is given; asks by messages for anything beyond that."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings(CLUSTER),
        Binding("left_square_bracket", "tab(-1)", show=False),
        *(Binding(str(digit), f"recent({digit})", show=False) for digit in range(10)),
    ]

    class Asked(Message):
        """A key on an object: `describe`, `yaml`, `logs`, `previous`, `investigate` or `copy`. `pod` is whose logs are meant."""

        def __init__(self, what: str, ref: ObjectRef, question: str = "", pod: ObjectRef | None = None) -> None:
            super().__init__()
            self.what = what
            self.ref = ref
            self.question = question
            self.pod = pod

    class Opened(Message):
        """Enter on a finding."""

        def __init__(self, finding: Finding) -> None:
            super().__init__()
            self.finding = finding

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.tab = 0
        self.rows: ClusterRows | None = None
        self.trouble = ""
        self._row_filter = RowFilter()
        self._lost = "unreachable"
        self._folds: dict[str, bool] = {}
        self._title_bar = TitleBar("cluster")
        self.list = RowList(id="cluster-rows", empty="connecting to the cluster …")
        self._filter = FilterBar()

    def compose(self) -> list[Widget]:
        return [self._title_bar, self.list, self._filter, KeyBar(footer(CLUSTER), classes="-quiet keys")]

    def on_resize(self) -> None:
        """The title's facts depend on the width."""
        self._title()

    # data in

    def show(self, rows: ClusterRows) -> None:
        """Take new rows."""
        self.rows = rows
        self.trouble = ""
        self._fill()

    def fail(self, why: str, *, known: bool = True) -> None:
        """The cluster cannot be read: keep the old rows and say so. `known`: false where nothing of this place was ever read."""
        self.trouble = one_line(why)
        if not known:
            self.rows = None
        self._lost = "unreachable" if known else "not known"
        self._fill()

    def _fill(self) -> None:
        shown = rows_of(self.tab, self.rows, self._row_filter, self._folds) if self.rows is not None else []
        if self._row_filter and self.rows is not None:
            every = rows_of(self.tab, self.rows, RowFilter(), self._folds)
            self._filter.show_count(f"{sum(r.selectable for r in shown)} of {sum(r.selectable for r in every)}")
        self.list.set_rows(shown, self._empty(), COLUMNS[self.tab])
        self._title()

    def _empty(self) -> str:
        """What an empty list says: what would be here, and the key to get it."""
        if self.trouble:
            return f"{self.trouble}\n\n/health shows how to fix it, ^k switches context"
        if self.rows is None:
            return "connecting to the cluster …"
        if self._row_filter:
            only = "; nodes and workloads have labels" if self._row_filter.by_label and self.tab > 1 else ""
            return f"nothing matches “{plain(self._row_filter.text)}”{only}; esc clears the filter"
        state, note = self._watched(RESOURCES[self.tab])
        if state == "starting":
            return f"reading {TABS[self.tab]} …"
        if state == "forbidden":
            what = RESOURCES[self.tab][0]
            return f"not allowed to list {what}: {note or 'forbidden'}\n\n/health names the missing permission, ^n switches namespace"
        place = f"in {plain(self.rows.namespace)}" if self.rows.namespace else "in any namespace"
        return (
            f"No workloads found {place}; ^n switches namespace, 0 shows all",
            "no nodes found",
            f"no events {place} (they expire after an hour); ^n switches namespace, 0 shows all",
            f"No problems found {place}; 0 shows all namespaces",
        )[self.tab]

    def _watched(self, resources: tuple[str, ...]) -> tuple[str, str]:
        for watching in self.rows.watching if self.rows is not None else ():
            if watching.resource in resources:
                return watching.state, one_line(watching.note)
        return "", ""

    def _title(self) -> None:
        self._title_bar.set(self._facts(), TABS, self.tab)

    def _facts(self) -> list[Part]:
        if self.trouble:
            return [(self._lost if self.rows is None else "not current", "$bad")]
        if self.rows is None:
            return []
        pods = [pod for workload in self.rows.workloads for pod in workload.pods]
        failing = sum(pod.trouble == "broken" for pod in pods)
        if 0 < self.size.width < SLIM:
            return [(f"✗{failing}", "$bad")] if failing else []
        facts: list[Part] = [(count(len(pods), "pod"), "$quiet")]
        if failing:
            facts.append((f"{failing} failing", "$bad"))
        state, _ = self._watched(RESOURCES[self.tab])
        if state in ("reconnecting", "stale"):
            facts.append((state, "$wait"))
        return facts

    # keys

    @property
    def spot(self) -> Spot | None:
        """What is under the cursor."""
        row = self.list.current
        return row.data if row is not None and isinstance(row.data, Spot) else None

    def action_tab(self, step: int) -> None:
        self.turn_to(TABS[(self.tab + step) % len(TABS)])

    def turn_to(self, name: str, needle: str | None = None) -> None:
        """Show a tab by name, and what a filter keeps of it."""
        self.tab = TABS.index(name)
        if needle is not None:
            self._row_filter = RowFilter(needle)
            self._filter.put(needle)
        self._fill()

    def action_filter(self) -> None:
        self._filter.open()

    def action_details(self, what: str) -> None:
        self._ask(what)

    def action_logs(self, previous: bool) -> None:
        self._ask("previous" if previous else "logs")

    def action_investigate(self) -> None:
        self._ask("investigate")

    def action_copy_name(self) -> None:
        self._ask("copy")

    def action_copy_namespace(self) -> None:
        spot = self.spot
        if spot is not None and spot.ref.namespace:
            self.post_message(self.Asked("copy", ObjectRef("Namespace", "", spot.ref.namespace)))

    def action_recent(self, number: int) -> None:
        self.post_message(self.Asked("recent", ObjectRef("Namespace", "", str(number))))

    def action_fold(self) -> None:
        """Show or hide the pods of the workload under the cursor, or of the one that the pod belongs to."""
        spot = self.spot
        above = spot.owner or spot.ref if spot is not None else None
        for workload in self.rows.workloads if self.rows is not None and self.tab == 0 else ():
            if ref_of(workload) == above and workload.pods and not is_bare(workload):
                self._folds[key_of(above)] = not folded(workload, self._folds)
                if spot is not None and spot.owner is not None:
                    self._move_to(above)
                self._fill()

    def action_owner(self) -> None:
        """Go to the workload that the object under the cursor belongs to."""
        spot = self.spot
        if spot is None or self.rows is None:
            return
        owner = spot.owner or next(
            (ref_of(w) for w in self.rows.workloads for p in w.pods if ObjectRef("Pod", p.namespace, p.name) == spot.ref), spot.ref
        )
        if not any(ref_of(workload) == owner for workload in self.rows.workloads):
            self.notify(f"no owner known for {plain(spot.ref.name)}", markup=False)
            return
        if self._row_filter:
            self._filter.close()
            self._row_filter = RowFilter()
        self.turn_to("workloads")
        self._move_to(owner)

    def _move_to(self, ref: ObjectRef) -> None:
        key = key_of(ref)
        self.list.move_to(next((number for number, row in enumerate(self.list.rows) if row.key == key), -1))

    def effects_of(self, finding: Finding) -> list[Finding]:
        """The findings that this one explains."""
        return [other for other in self.rows.findings if finding.id in other.causes] if self.rows is not None else []

    def close_filter(self) -> bool:
        """Peel the filter off; False when there is none."""
        return self._filter.close()

    def _ask(self, what: str) -> None:
        spot = self.spot
        if spot is not None:
            pod = spot.ref if spot.ref.kind == "Pod" else spot.pod
            self.post_message(self.Asked(what, spot.ref, question_about(spot.ref), pod))

    @on(RowList.Signed)
    def _signed(self, event: RowList.Signed) -> None:
        """A click on the sign before a workload's name folds and unfolds it."""
        event.stop()
        if self.spot is not None and self.spot.owner is None:
            self.action_fold()

    @on(RowList.Chosen)
    def _enter(self, event: RowList.Chosen) -> None:
        event.stop()
        finding = self.spot.finding if self.spot is not None else None
        if finding is not None:
            self.post_message(self.Opened(finding))
        else:
            self._ask("describe")

    @on(TitleBar.Picked)
    def _picked(self, event: TitleBar.Picked) -> None:
        event.stop()
        self.turn_to(TABS[event.index])

    @on(FilterBar.Changed)
    def _filtered(self, event: FilterBar.Changed) -> None:
        event.stop()
        self._row_filter = RowFilter(event.text)
        self._fill()

    @on(FilterBar.Closed)
    def _filter_done(self, event: FilterBar.Closed) -> None:
        event.stop()
        self.list.focus()


def question_about(ref: ObjectRef) -> str:
    """What `i` asks about an object."""
    where = f" in {ref.namespace}" if ref.namespace else ""
    return f"why is {ref.kind.lower()} {ref.name}{where} in trouble?"

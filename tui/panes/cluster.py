"""The cluster pane: workloads with their pods folded under them, nodes, events and findings; what is in trouble stands first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.widget import Widget

from engine.facts import Finding, ObjectRef
from tui.actions import bindings, footer
from tui.text import age, cut, one_line, plain
from tui.widgets.filter_bar import FilterBar
from tui.widgets.key_bar import KeyBar
from tui.widgets.row_list import Part, Row, RowList
from tui.widgets.title_bar import TitleBar

if TYPE_CHECKING:
    from engine.cluster.rows import EventRow, NodeRow, PodRow, WorkloadRow

TABS = ("workloads", "nodes", "events", "findings")
GLYPHS: dict[str, Part] = {"broken": ("✗", "$bad"), "waiting": ("…", "$wait"), "ok": ("●", "$good")}
SEVERITY_GLYPHS: dict[str, Part] = {"critical": ("✗", "$bad"), "warning": ("!", "$wait"), "info": ("i", "$quiet")}
LOOKS = {"broken": "$bad", "waiting": "$wait", "ok": ""}


@dataclass(frozen=True, slots=True)
class ClusterRows:
    """What one pull of the cluster brought; None where that list could not be read."""

    namespace: str
    workloads: Sequence[WorkloadRow]
    nodes: Sequence[NodeRow]
    events: Sequence[EventRow]
    findings: Sequence[Finding]


class ClusterPane(Vertical):
    """Shows the rows it is given; asks by messages for anything beyond that."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings("cluster"),
        Binding("left_square_bracket", "tab(-1)", show=False),
        *(Binding(str(digit), f"recent({digit})", show=False) for digit in range(10)),
    ]

    class Asked(Message):
        """A key on an object: `describe`, `yaml`, `logs`, `previous`, `investigate` or `copy`."""

        def __init__(self, what: str, ref: ObjectRef, question: str = "") -> None:
            super().__init__()
            self.what = what
            self.ref = ref
            self.question = question

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.tab = 0
        self.needle = ""
        self.rows: ClusterRows | None = None
        self.trouble = ""
        self._lost = "unreachable"
        self._folded: set[str] = set()
        self._title_bar = TitleBar("cluster")
        self.list = RowList(id="cluster-rows", empty="connecting to the cluster …")
        self._filter = FilterBar()

    def compose(self) -> list[Widget]:
        return [self._title_bar, self.list, self._filter, KeyBar(footer("cluster"), classes="-quiet keys")]

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
        rows = self._rows()
        shown = [row for row in rows if self._matches(row)]
        bar = self._filter
        if self.needle:
            bar.show_count(f"{sum(r.selectable for r in shown)} of {sum(r.selectable for r in rows)}")
        if self.trouble and not shown:
            empty = f"{self.trouble}\n\n/health says how to mend it, ^k picks another context"
        elif self.rows is None:
            empty = "connecting to the cluster …"
        elif self.needle:
            empty = f"nothing here holds “{plain(self.needle)}”; esc clears the filter"
        else:
            empty = self._nothing()
        self.list.set_rows(shown, empty)
        self._title_bar.set(self._facts(), TABS, self.tab)

    def _nothing(self) -> str:
        place = f"in {self.rows.namespace}" if self.rows and self.rows.namespace else "in any namespace"
        return (
            f"no workloads {place}; ^n picks another namespace",
            "no nodes can be seen",
            f"no events {place}",
            f"nothing is wrong {place}, as far as the analyzers see",
        )[self.tab]

    def _facts(self) -> list[Part]:
        if self.trouble:
            return [(self._lost if self.rows is None else "not current", "$bad")]
        if self.rows is None:
            return []
        pods = [pod for workload in self.rows.workloads for pod in workload.pods]
        failing = sum(pod.trouble == "broken" for pod in pods)
        facts: list[Part] = [(f"{len(pods)} pod{'' if len(pods) == 1 else 's'}", "$quiet")]
        if failing:
            facts.append((f"{failing} failing", "$bad"))
        return facts

    def _matches(self, row: Row) -> bool:
        needle = self.needle.lower()
        if not needle or needle == "!":
            return True
        hay = row.search.lower()
        return needle[1:] not in hay if needle.startswith("!") else needle in hay

    def _rows(self) -> list[Row]:
        if self.rows is None:
            return []
        wide = not self.rows.namespace
        match self.tab:
            case 0:
                return [row for workload in self.rows.workloads for row in self._workload(workload, wide)]
            case 1:
                return [_node(node) for node in self.rows.nodes]
            case 2:
                return [_event(event, number, wide) for number, event in enumerate(self.rows.events)]
            case _:
                return [_finding(finding, wide) for finding in self.rows.findings]

    def _workload(self, workload: WorkloadRow, wide: bool) -> list[Row]:
        key = f"{workload.kind}/{workload.namespace}/{workload.name}"
        ref = ObjectRef(workload.kind, workload.namespace, workload.name)
        name = f"{workload.namespace}/{workload.name}" if wide and workload.namespace else workload.name
        bare = len(workload.pods) == 1 and workload.kind == "Pod"
        search = f"{workload.kind} {workload.namespace} {workload.name} {workload.status} {workload.note}"
        search += "".join(f" {pod.name} {pod.status} {pod.node} {pod.note}" for pod in workload.pods)
        left: list[Part] = [GLYPHS[workload.trouble], (" ", ""), (plain(name), "$strong" if workload.trouble != "ok" else "")]
        if workload.note and (not workload.pods or workload.trouble != "ok"):
            left.append((f"  {one_line(workload.note)}", "$quiet"))
        rows = [
            Row(
                key,
                tuple(left),
                _columns(workload.ready, workload.status, workload.trouble, workload.restarts, workload.age),
                2,
                search=search,
                data=ref,
            )
        ]
        if not bare and workload.trouble != "ok" and key not in self._folded:
            shown = [pod for pod in workload.pods if pod.trouble != "ok"] or list(workload.pods)
            rows.extend(self._pod(pod, last=number == len(shown) - 1, search=search) for number, pod in enumerate(shown))
        elif not bare and key in self._folded:
            rows.extend(self._pod(pod, last=number == len(workload.pods) - 1, search=search) for number, pod in enumerate(workload.pods))
        return rows

    def _pod(self, pod: PodRow, *, last: bool, search: str) -> Row:
        left: list[Part] = [("  └ " if last else "  ├ ", "$quiet"), (plain(pod.name), "$quiet")]
        if pod.note:
            left.append((f"  {one_line(pod.note)}", LOOKS[pod.trouble] or "$quiet"))
        columns = _columns(pod.ready, pod.status, pod.trouble, pod.restarts, pod.age)
        return Row(
            f"Pod/{pod.namespace}/{pod.name}", tuple(left), columns, 1, search=search, data=ObjectRef("Pod", pod.namespace, pod.name)
        )

    # keys

    @property
    def chosen(self) -> ObjectRef | None:
        """The object under the cursor."""
        row = self.list.current
        return row.data if row is not None and isinstance(row.data, ObjectRef) else None

    def action_tab(self, step: int) -> None:
        self.turn_to(TABS[(self.tab + step) % len(TABS)])

    def turn_to(self, name: str) -> None:
        """Show a tab by name."""
        self.tab = TABS.index(name)
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

    def action_recent(self, number: int) -> None:
        self.post_message(self.Asked("recent", ObjectRef("Namespace", "", str(number))))

    def action_fold(self) -> None:
        """Show or hide the pods of the workload under the cursor."""
        row = self.list.current
        if row is not None:
            self._folded ^= {row.key}
            self._fill()

    def close_filter(self) -> bool:
        """Peel the filter off; False when there is none."""
        return self._filter.close()

    def _ask(self, what: str) -> None:
        ref = self.chosen
        if ref is not None:
            self.post_message(self.Asked(what, ref, question_about(ref)))

    @on(RowList.Chosen)
    def _enter(self, event: RowList.Chosen) -> None:
        event.stop()
        self._ask("describe")

    @on(TitleBar.Picked)
    def _picked(self, event: TitleBar.Picked) -> None:
        event.stop()
        self.turn_to(TABS[event.index])

    @on(FilterBar.Changed)
    def _filtered(self, event: FilterBar.Changed) -> None:
        event.stop()
        self.needle = event.text
        self._fill()

    @on(FilterBar.Closed)
    def _filter_done(self, event: FilterBar.Closed) -> None:
        event.stop()
        self.list.focus()


def question_about(ref: ObjectRef) -> str:
    """What `i` asks about an object."""
    where = f" in {ref.namespace}" if ref.namespace else ""
    return f"why is {ref.kind.lower()} {ref.name}{where} in trouble?"


def _columns(ready: str, status: str, trouble: str, restarts: int, old: float) -> tuple[Any, ...]:
    return (
        (plain(ready), "", ">"),
        (cut(one_line(status), 16), LOOKS[trouble]),
        (f"↻{restarts}" if restarts else "", "$wait", ">"),
        (age(old), "$quiet", ">"),
    )


def _node(node: NodeRow) -> Row:
    left: list[Part] = [GLYPHS[node.trouble], (" ", ""), (plain(node.name), "$strong" if node.trouble != "ok" else "")]
    if node.note:
        left.append((f"  {one_line(node.note)}", "$quiet"))
    right = (
        (one_line(node.status)[:30], LOOKS[node.trouble]),
        (one_line(node.roles)[:16], "$quiet"),
        (plain(node.version), "$quiet"),
        (age(node.age), "$quiet", ">"),
    )
    search = f"{node.name} {node.status} {node.roles} {node.version} {node.note}"
    return Row(f"Node/{node.name}", tuple(left), right, 2, search=search, data=ObjectRef("Node", "", node.name))


def _event(event: EventRow, number: int, wide: bool) -> Row:
    glyph: Part = ("!", "$wait") if event.type == "Warning" else ("·", "$quiet")
    kind, _, name = event.object.partition("/")
    left: list[Part] = [
        glyph,
        (" ", ""),
        (plain(event.reason), "$wait" if event.type == "Warning" else ""),
        (f" {plain(event.namespace) + '/' if wide and event.namespace else ''}{plain(name or kind)} ", ""),
        (one_line(event.message), "$quiet"),
    ]
    right = ((f"×{event.count}" if event.count > 1 else "", "$quiet", ">"), (age(event.age), "$quiet", ">"))
    search = f"{event.namespace} {event.type} {event.reason} {event.object} {event.message}"
    return Row(
        f"event/{number}/{event.object}/{event.reason}", tuple(left), right, search=search, data=ObjectRef(kind, event.namespace, name)
    )


def _finding(finding: Finding, wide: bool) -> Row:
    about = finding.object
    name = f"{about.namespace}/{about.name}" if wide and about.namespace else about.name
    left: list[Part] = [SEVERITY_GLYPHS[finding.severity], (" ", ""), (f"{plain(name)} ", "$strong"), (one_line(finding.summary), "$quiet")]
    search = f"{finding.code} {about} {about.namespace} {finding.summary}"
    return Row(finding.id, tuple(left), ((plain(finding.code)[:22], "$wait"),), search=search, data=about)

"""The header: where am I, what may be changed, and whether cluster, model and documentation are there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.cells import cell_len
from textual.content import Content
from textual.widget import Widget

from tui.style.text import cut, cut_middle, one_line, plain

if TYPE_CHECKING:
    from engine.agent.agent import Status
    from tui.widgets.row_list import Part

CLUSTER_DOTS: dict[str, Part] = {"ok": ("●", "$good"), "connecting": ("…", "$wait"), "unreachable": ("✗", "$bad")}
MODEL_DOTS: dict[str, Part] = {
    "ok": ("●", "$good"),
    "unknown": ("…", "$wait"),
    "absent": ("✗", "$wait"),
    "off": ("–", "$quiet"),
    "asks": ("?", "$wait"),
}


class Header(Widget):
    """One row, laid out for its width: the place never gives way, words at the right do."""

    DEFAULT_CSS = "Header { dock: top; height: 1; background: $plane; }"

    def __init__(self) -> None:
        super().__init__()
        self._status: Status | None = None

    def show(self, status: Status) -> None:
        """Show context, namespace and mode."""
        if status != self._status:
            self._status = status
            self.refresh()

    def render(self) -> Content:
        """The row for the widget's width."""
        status = self._status
        if status is None:
            return Content.assemble((" K8sAgent ", "bold $place"))
        width = self.size.width
        for detail in (3, 2, 1, 0):
            left, right = _left(status, width), _right(status, detail)
            if _cells(left) + _cells(right) + 2 <= width:
                break
        gap = width - _cells(left) - _cells(right) - 1
        if gap < 1:
            left = _left(status, max(width - _cells(right) - 2, 24))
            gap = max(width - _cells(left) - _cells(right) - 1, 1)
        return Content.assemble(*left, (" " * gap, ""), *right)


def _cells(parts: list[Part]) -> int:
    return sum(cell_len(text) for text, _ in parts)


def _left(status: Status, width: int) -> list[Part]:
    room = max(width * 2 // 5, 20)
    namespace = status.namespace or "all namespaces"
    context = cut_middle(plain(status.context) or "no context", max(room // 2, 10))
    badge = "bold $on-badge on $bad" if status.protected else "bold $on-badge on $place"
    parts: list[Part] = [
        (f" {context} ", badge),
        (" ▸ ", "$quiet"),
        (cut_middle(plain(namespace), max(room - len(context), 10)), "bold $strong"),
    ]
    if status.protected:
        parts.append(("  protected", "$bad"))
    words: str = status.mode
    if status.recording:
        words += " · recording, changes stay in memory" if status.writable and width >= 130 else " · recording" if width >= 100 else ""
    used = _cells(parts)
    if width - used > 30:
        parts.append((f"  {cut(words, width - used - 24)}", "$good" if status.mode == "read-only" else "$quiet"))
    return parts


def _right(status: Status, detail: int) -> list[Part]:
    dot = CLUSTER_DOTS[status.cluster_state]
    words = status.cluster_version if status.cluster_state == "ok" else status.cluster_state
    if status.cluster_state == "ok" and status.cluster_note:
        dot = ("▲", "$wait")
        words = cut(one_line(status.cluster_note), (20, 28, 44, 70)[detail])
    else:
        words = f"{'cluster ' if detail > 1 else ''}{plain(words)}"
    parts: list[Part] = [dot, (f" {words}", "")]
    model_dot = MODEL_DOTS[status.model_state]
    name = cut_middle(one_line(status.model), 24 if detail > 1 else 14) or "no model"
    if status.model_host:
        name += f" @ {cut_middle(one_line(status.model_host), 24 if detail > 1 else 14)}"
    state = {"ok": "", "unknown": "", "absent": " absent", "off": "", "asks": " not allowed"}[status.model_state]
    state = " loading…" if status.model_loading else state
    parts.extend(
        [
            ("   ", ""),
            model_dot,
            (f" {'no model' if status.model_state == 'off' else name + state if detail else status.model_host or 'model'}", ""),
        ]
    )
    if detail > 0:
        docs: Part = ("●", "$good") if status.docs else ("…", "$wait")
        parts.extend([("   ", ""), docs, (f" {status.docs} docs" if status.docs else " docs", "")])
    return parts

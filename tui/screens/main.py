"""`MainScreen`: the screen below all dialogs. It hands its widgets' messages to the controllers, and renders only what a frame changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.screen import Screen
from textual.widget import Widget

from tui.actions.command_bar import place_kind, run_word

if TYPE_CHECKING:
    from tui.app.controls import Controls
    from tui.panes.chat import ChatPane
    from tui.panes.cluster import ClusterPane
    from tui.panes.output import OutputPane
    from tui.panes.timeline import TimelinePane
    from tui.screens.row_compositor import RowCompositor
    from tui.widgets.input.completions import Completions
    from tui.widgets.input.prompt import Prompt
    from tui.widgets.text.block import Block


class MainScreen(Screen[None]):
    """The screen below all dialogs."""

    controls: Controls
    """There once the session is composed; no widget that posts a message is there before."""

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self._compositor = row_compositor(type(self._compositor)) or self._compositor

    def on_prompt_typed(self) -> None:
        self.controls.session.pending.typed()

    def on_prompt_sent(self, event: Prompt.Sent) -> None:
        if event.text.startswith(("/", ":")):
            run_word(self.controls, event.text)
        else:
            self.controls.questions.send(event.text)

    def on_prompt_wanted(self, event: Prompt.Wanted) -> None:
        if event.word.startswith("@"):
            self.controls.places.offer_names(event.word)
        else:
            self.controls.places.offer(event.word, place_kind(event.word.partition(" ")[0][1:]))

    def on_prompt_offers(self, event: Prompt.Offers) -> None:
        row = self.controls.session.prompt.parent
        if isinstance(row, Widget):  # else the screen has ended while something was typed
            self.controls.session.completions.show(event.choices, event.marked, row.size.height + row.styles.gutter.height + 1)

    def on_completions_taken(self, event: Completions.Taken) -> None:
        self.controls.session.prompt.take(event.index)
        self.controls.session.prompt.focus()

    def on_block_asked(self, event: Block.Asked) -> None:
        self.controls.questions.answer_block(event.what, event.text)

    def on_chat_pane_left(self, event: ChatPane.Left) -> None:
        self.controls.layout.next_pane(event.step)

    def on_chat_pane_followed(self, event: ChatPane.Followed) -> None:
        self.controls.follow(*event.spot.arguments)

    def on_cluster_pane_asked(self, event: ClusterPane.Asked) -> None:
        self.controls.pages.details(event.what, event.ref, event.question, event.pod)

    def on_cluster_pane_opened(self, event: ClusterPane.Opened) -> None:
        self.controls.pages.finding(event.finding)

    def on_timeline_pane_opened(self, event: TimelinePane.Opened) -> None:
        self.controls.pages.timeline_row(event)

    def on_timeline_pane_steered(self, event: TimelinePane.Steered) -> None:
        self.controls.questions.steer_from_timeline(event)

    def on_output_pane_offered(self, event: OutputPane.Offered) -> None:
        self.controls.questions.ask_about(event)

    def on_output_pane_copied(self, event: OutputPane.Copied) -> None:
        self.controls.terminal.copy(event.text)


def row_compositor(own: type) -> RowCompositor | None:
    """A compositor that renders less than Textual's `own`; None where Textual has changed, since a slow screen is better than none."""
    try:
        from tui.screens.row_compositor import RowCompositor, fits
    except ImportError:
        return None
    return RowCompositor() if fits(own) and issubclass(RowCompositor, own) else None

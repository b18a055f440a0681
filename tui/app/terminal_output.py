"""`TellingApp`: what leaves the screen — copies, the bell, the terminal's title and notifications, and who has the mouse."""

from __future__ import annotations

from pathlib import Path

from textual.app import App

from tui.style.text import plain


class TellingApp(App[None]):
    """Speaks to the terminal past the screen."""

    folder: Path | None
    mouse_taken: bool

    def copy(self, text: str) -> None:
        """Copy through the terminal (OSC 52), and to a file for terminals that cannot."""
        self.copy_to_clipboard(text)
        where = ""
        if self.folder is not None:
            try:
                self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                path = self.folder / "clipboard.txt"
                path.touch(mode=0o600)
                path.write_text(text, encoding="utf-8")
                where = f"; also in {path}"
            except OSError:  # the terminal's clipboard has it all the same
                where = ""
        lines = text.count("\n") + 1
        self.notify(f"copied {f'{lines} lines' if lines > 1 else plain(text[:40])}{where}", markup=False)

    def attention(self, words: str) -> None:
        """Ring and say in the terminal's title what is waited for; a terminal that is looked away from is asked to notify."""
        self.bell()
        self.title_says(words)
        if not self.app_focus:
            self.tell_terminal(f"\x1b]9;K8sAgent: {words}\x07\x1b]777;notify;K8sAgent;{words}\x07")

    def run_ended(self, words: str) -> None:
        """A question ended: nothing for those who watch, a notification for those who look elsewhere."""
        if self.app_focus:
            self.title_says("")
        else:
            self.attention(words)

    def tell_terminal(self, sequence: str) -> None:
        """Write a control sequence of our own words, past the screen."""
        if self._driver is not None and not self._driver.is_headless:
            self._driver.write(sequence)

    def title_says(self, words: str) -> None:
        """The terminal's own title; for those who look elsewhere."""
        title = f"{words} · K8sAgent" if words else "K8sAgent"
        self.tell_terminal(f"\x1b]2;{title}\x07")

    def action_toggle_mouse(self) -> None:
        """Let the terminal have the mouse, or take it back."""
        self.mouse_taken = not self.mouse_taken
        self.tell_terminal("".join(f"\x1b[?{mode}{'h' if self.mouse_taken else 'l'}" for mode in (1000, 1003, 1015, 1006)))
        self.notify("the mouse is K8sAgent's" if self.mouse_taken else "the mouse is the terminal's: select as everywhere")

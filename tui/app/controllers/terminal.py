"""`Terminal`: what leaves the screen — copies, the bell, the terminal's title and notifications, and who has the mouse."""

from __future__ import annotations

from tui.app.session import Session
from tui.style.text import plain


class Terminal:
    """Speaks to the terminal past the screen."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.mouse_taken = session.settings.ui.mouse

    def copy(self, text: str) -> None:
        """Copy through the terminal (OSC 52), and to a file for terminals that cannot."""
        session = self._session
        session.app.copy_to_clipboard(text)
        where = ""
        if session.folder is not None:
            try:
                session.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                path = session.folder / "clipboard.txt"
                path.touch(mode=0o600)
                path.write_text(text, encoding="utf-8")
                where = f"; also in {path}"
            except OSError:  # the terminal's clipboard has it all the same
                where = ""
        lines = text.count("\n") + 1
        session.notify(f"copied {f'{lines} lines' if lines > 1 else plain(text[:40])}{where}")

    def copy_last_answer(self) -> None:
        """Copy the newest answer as text."""
        answer = self._session.workspace.chat.last_answer()
        if answer:
            self.copy(answer)
        else:
            self._session.notify("no answer yet")

    def copy_last_command(self) -> None:
        """Copy the newest command that ran."""
        commands = [command for view in self._session.views.values() for command in view.commands.values()]
        if commands:
            self.copy(commands[-1].command)
        else:
            self._session.notify("no command has run yet")

    def call_attention(self, words: str) -> None:
        """Ring and say in the terminal's title what is waited for; a terminal without the focus is asked to notify."""
        self._session.app.bell()
        self.set_title(words)
        if not self._session.app.app_focus:
            self.write(f"\x1b]9;K8sAgent: {words}\x07\x1b]777;notify;K8sAgent;{words}\x07")

    def run_ended(self, words: str) -> None:
        """A question ended: nothing while the terminal has the focus, a notification otherwise."""
        if self._session.app.app_focus:
            self.set_title("")
        else:
            self.call_attention(words)

    def write(self, sequence: str) -> None:
        """Write a control sequence of our own words, past the screen."""
        driver = self._session.app._driver
        if driver is not None and not driver.is_headless:
            driver.write(sequence)

    def set_title(self, words: str) -> None:
        """The terminal's own title; for those who look elsewhere."""
        title = f"{words} · K8sAgent" if words else "K8sAgent"
        self.write(f"\x1b]2;{title}\x07")

    def toggle_mouse(self) -> None:
        """Let the terminal have the mouse, or take it back."""
        self.mouse_taken = not self.mouse_taken
        self.write("".join(f"\x1b[?{mode}{'h' if self.mouse_taken else 'l'}" for mode in (1000, 1003, 1015, 1006)))
        self._session.notify("mouse captured" if self.mouse_taken else "mouse released: select text with the terminal")

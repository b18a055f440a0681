"""Pages, and the screen below all dialogs."""

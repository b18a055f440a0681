"""Which finding explains which, and which one explains the question."""

"""Theme, style sheet and text helpers."""

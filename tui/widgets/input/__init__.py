"""Prompt, completions, one-line field."""

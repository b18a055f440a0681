"""Paragraphs, Markdown, code."""

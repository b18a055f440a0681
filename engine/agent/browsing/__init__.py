"""Rows, details and findings that a screen shows, kept current."""

"""Recorded clusters: opening, writing, coverage, times."""

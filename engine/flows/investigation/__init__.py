"""Hypotheses, where they come from, their tests, and what the user says into an investigation."""

"""The answer: composed from findings, worded by a model, and the documents behind it."""

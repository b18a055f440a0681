"""The policy's tables as data, and their generator."""

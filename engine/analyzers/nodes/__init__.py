"""Nodes, scheduling, measured trends."""

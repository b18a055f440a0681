"""Pods, containers and their controllers."""

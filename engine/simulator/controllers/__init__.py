"""What a cluster's controllers would do after a change: replicas, rollouts, endpoints and garbage, at once and in memory."""

from __future__ import annotations

from engine.simulator.controllers.reconcile import Controllers

__all__ = ["Controllers"]

"""Agents that pages of the screen need: one with saved sessions, one that has nowhere to go."""

from __future__ import annotations

from pathlib import Path

from fakes import stories
from fakes.agent import ScriptedAgent, ScriptedSessions, a_status, saved, shop

from engine.agent.self_check import Check
from engine.core.events import RunFailed


def keeping(folder: Path) -> ScriptedAgent:
    """Three saved sessions: an investigation, a question that a kill cut off, and one that asked nothing."""
    whole = [*stories.until_testing(), *stories.until_answer()]
    saved(folder, "20261120-100000-aaaaaa", [("why 502?", whole), ("!kubectl get pods", stories.command("c9", "kubectl get pods", ("x",)))])
    saved(folder, "20261121-100000-bbbbbb", [("which pods restart most?", [RunFailed(what="cluster", error="gone")])], at=1_795_500_000.0)
    saved(folder, "20261122-100000-cccccc", [], at=1_795_600_000.0)
    agent = shop()
    agent.sessions = ScriptedSessions(folder)
    return agent


def nowhere() -> ScriptedAgent:
    agent = shop()
    agent.status = a_status(
        context="", recording=False, cluster_state="unreachable", cluster_note="no kubeconfig was found", model_state="absent"
    )
    agent.cluster.context_list = []
    agent.checks = [
        Check("kubectl", True, "v1.36.2 at /usr/bin/kubectl"),
        Check("cluster", False, "no kubeconfig was found", "name one with --kubeconfig"),
        Check("model", False, "nothing listens at 127.0.0.1:11434", "start it with: ollama serve"),
    ]
    return agent

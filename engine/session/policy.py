"""The policy that is in force for settings and a cluster, for everything that judges commands."""

from __future__ import annotations

from engine.cluster.source import ClusterError
from engine.commands.policy.policy import Policy, PolicySettings
from engine.core.config import Settings
from engine.session.connection import Opening, contexts


def policy_for(settings: Settings, opening: Opening, *, workspace: str = "") -> Policy:
    """Tables, the user's own rules, and the contexts that commands may name."""
    try:
        names = tuple(context.name for context in contexts(opening, settings.cluster.kubeconfig))
    except ClusterError:
        names = ()
    allow = settings.policy.allow
    return Policy(
        PolicySettings(
            allowed=tuple(entry for entry in allow if not entry.startswith("-")),
            allowed_flags=tuple(entry for entry in allow if entry.startswith("-")),
            forbidden_patterns=settings.policy.forbid,
            contexts=names,
            workspace=workspace,
        )
    )

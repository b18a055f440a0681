"""The analyzers: `@analyzer` registers a pure function from a view of the cluster to findings.

Every module of this package may register analyzers; `load` imports them when they are first needed.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from engine.analyzers.common.view import ClusterView
from engine.core.types import Finding

SPECIALITIES = (
    "workload",
    "scheduling",
    "storage",
    "network",
    "registry",
    "certificates",
    "security",
    "backup",
    "observability",
)
"""What an analyzer may be an expert of; `check --only` takes these and the analyzers' names."""

Look = Callable[[ClusterView], Iterable[Finding]]


@dataclass(frozen=True, slots=True)
class Analyzer:
    """A registered analyzer: its name, what it is an expert of, the resources it needs to see, and the function."""

    name: str
    speciality: str
    needs: tuple[str, ...]
    look: Look


SHARED = tuple(
    "pods events nodes namespaces services configmaps secrets endpoints endpointslices.discovery.k8s.io replicasets.apps deployments.apps "
    "statefulsets.apps daemonsets.apps jobs.batch cronjobs.batch customresourcedefinitions.apiextensions.k8s.io".split()
)
"""What the helpers of every analyzer read: owner chains, events, settings, who stands behind a Service, which custom kinds there are."""

ANALYZERS: list[Analyzer] = []
_loaded = False


def analyzer(name: str, *, speciality: str, needs: Collection[str]) -> Callable[[Look], Look]:
    """Register a pure function from a view to findings; `needs` are the resources that it reads beside the `SHARED` ones.

    A test runs every analyzer on a view that knows its needs and fails on any other built-in resource, so that the read-only role that
    `k8sagent setup` prints is complete.
    """

    def register(look: Look) -> Look:
        ANALYZERS[:] = [known for known in ANALYZERS if known.name != name]
        ANALYZERS.append(Analyzer(name, speciality, tuple(needs), look))
        return look

    return register


def load() -> list[Analyzer]:
    """Import every module below this package once, and return the analyzers they registered."""
    global _loaded
    if not _loaded:
        import engine.analyzers as package

        for module in sorted(m.name for m in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")):
            importlib.import_module(module)
        _loaded = True
    return ANALYZERS


def needs() -> list[str]:
    """Every resource that an analyzer reads, by name."""
    return sorted({*SHARED, *(need for entry in load() for need in entry.needs)})

"""A loopback API server over a recorded cluster, so that the real kubectl works on it.

`ApiServer` listens and hands each request to `Api`, which knows no sockets. Reads answer from a `ClusterSource`; writes go to an
`Overlay` in memory and are refused when the cluster is served read-only.
"""

from __future__ import annotations

from engine.simulator.apiserver.server import ApiServer

__all__ = ["ApiServer"]

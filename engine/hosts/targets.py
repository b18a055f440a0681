"""Which hosts may be reached, and under which names: those of the settings and the nodes of the open cluster, nothing else."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from engine.cluster.objects import Obj, text_at
from engine.core.config import HostSettings

_USER = r"[A-Za-z_][A-Za-z0-9_.-]{0,63}"
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,251}[A-Za-z0-9])?")
_NODE_ADDRESSES = ("InternalIP", "ExternalIP", "Hostname", "InternalDNS", "ExternalDNS")


class HostRefused(Exception):
    """A host is not connected to; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Host:
    """A host to look at: the name it is shown by, what ssh gets ("" = this machine), and whether it is a node of the cluster."""

    name: str
    target: str = ""
    node: bool = False


def check_target(text: str) -> str:
    """`[user@]host` if it is a plain name or address; raises `HostRefused` for anything that ssh could read as more than that."""
    user, at, host = text.rpartition("@")
    if text.startswith("-") or host.startswith("-"):
        raise HostRefused(f"{text!r} is not a host: a name that starts with a dash would be read as an option of ssh.")
    if at and not re.fullmatch(_USER, user):
        raise HostRefused(f"{text!r} is not a host: {user!r} is not a plain user name.")
    if not _HOST.fullmatch(host) and not _address(host):
        raise HostRefused(
            f"{text!r} is not a host: a name is letters, digits, dots, dashes and underscores; give others an alias in ssh's config."
        )
    return text


def _address(text: str) -> bool:
    try:
        return "%" not in text and ipaddress.ip_address(text) is not None
    except ValueError:
        return False


def node_hosts(nodes: Iterable[Obj], settings: HostSettings) -> dict[str, Host]:
    """The cluster's nodes as hosts by their names; the address that ssh gets is the one that `[hosts] node_address` names."""
    found: dict[str, Host] = {}
    for node in nodes:
        address = addresses_of(node).get(settings.node_address, "") if settings.node_address != "name" else ""
        target = _node_target(settings.node_address, address) if address else node.name
        found[node.name] = Host(node.name, with_user(target, settings), node=True)
    return found


def _node_target(kind: str, address: str) -> str:
    """The address that a node reports; one that is more than that is spelt so that `check_target` refuses it.

    A node may choose neither the user (`root@…`) nor, by a name where an address belongs, an alias of ssh's config.
    """
    plain = _address(address) if kind.endswith("IP") else _HOST.fullmatch(address)
    return address if plain or address.startswith("-") else f"{kind} {address}".replace("@", " at ")


def addresses_of(node: Obj) -> Mapping[str, str]:
    """A node's first address of each type."""
    found: dict[str, str] = {}
    for address in node.maps("status", "addresses"):
        kind = text_at(address, "type")
        if kind in _NODE_ADDRESSES:
            found.setdefault(kind, text_at(address, "address"))
    return found


def with_user(target: str, settings: HostSettings) -> str:
    """The target with the user of the settings, where it names none itself."""
    return f"{settings.user}@{target}" if settings.user and "@" not in target else target


def allowed(names: Sequence[str], settings: HostSettings, nodes: Sequence[Obj]) -> tuple[Host, ...]:
    """The hosts of these names: entries of `[hosts] names`, node names, or node addresses. Raises `HostRefused`."""
    if not settings.enabled:
        raise HostRefused(NOT_ENABLED)
    by_node = node_hosts(nodes, settings)
    by_address = {address: node.name for node in nodes for address in addresses_of(node).values()}
    found: dict[str, Host] = {}
    for name in names:
        check_target(name)
        bare = name.rpartition("@")[2]
        known = by_node.get(by_address.get(bare, bare))
        if name in settings.names or bare in settings.names:
            host = Host(name, with_user(name, settings), node=bare in by_node)
        elif known is not None and "@" not in name:
            host = known
        else:
            raise HostRefused(f"{name!r} is not allowed: it is neither in [hosts] names of k8sagent.toml nor a node of the cluster.")
        check_target(host.target)
        found.setdefault(host.name, host)
    return tuple(found.values())


NOT_ENABLED = (
    "K8sAgent does not connect to hosts over SSH until you allow it: set [hosts] enabled = true in k8sagent.toml, "
    "and name the hosts in [hosts] names (nodes of the open cluster need no entry)."
)

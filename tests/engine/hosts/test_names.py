"""Which hosts may be reached: those of the settings and the nodes of the cluster, by plain names only, and none before it is allowed."""

from __future__ import annotations

import pytest

from engine.cluster.objects import Obj
from engine.core.config import HostSettings
from engine.hosts.targets import Host, HostRefused, allowed, check_target, node_hosts

NODES = [
    Obj(
        {
            "kind": "Node",
            "metadata": {"name": "worker-1"},
            "status": {"addresses": [{"type": "InternalIP", "address": "10.0.0.21"}, {"type": "Hostname", "address": "w1.example.com"}]},
        }
    )
]
ON = HostSettings(enabled=True, names=("web-1", "admin@10.0.0.5"))


@pytest.mark.parametrize("name", ["web-1", "web_1.example.com", "admin@10.0.0.5", "10.0.0.5", "fd00::21", "a.b@host", "node1"])
def test_plain_names_and_addresses(name: str) -> None:
    assert check_target(name) == name


@pytest.mark.parametrize(
    "name",
    ["", "-v", "-oProxyCommand=id", "a@-v", "-l@host", "web 1", "web;id", "web|id", "$(id)", "`id`",
     "web\n1", "web-1\n", "ssh://web", "web:22",
     "web/1", "we\x1bb", "..", "web-", ".web", "fe80::1%eth0", "wéb", "us er@web", "@web", "a@b@c", "[::1]", "%h", "~", "*", "'web'"],
)  # fmt: skip
def test_whatever_ssh_or_a_shell_could_read_as_more_is_refused(name: str) -> None:
    with pytest.raises(HostRefused):
        check_target(name)


def test_nothing_is_connected_to_before_it_is_allowed() -> None:
    with pytest.raises(HostRefused, match=r"\[hosts\] enabled = true"):
        allowed(["web-1"], HostSettings(names=("web-1",)), NODES)


def test_hosts_of_the_settings_nodes_and_their_addresses() -> None:
    assert allowed(["web-1"], ON, []) == (Host("web-1", "web-1"),)
    assert allowed(["admin@10.0.0.5"], ON, []) == (Host("admin@10.0.0.5", "admin@10.0.0.5"),)
    for name in ("worker-1", "10.0.0.21", "w1.example.com"):
        assert allowed([name], ON, NODES) == (Host("worker-1", "worker-1", node=True),)


def test_user_and_address_of_the_settings() -> None:
    settings = HostSettings(enabled=True, user="core", node_address="InternalIP")
    assert allowed(["worker-1"], settings, NODES) == (Host("worker-1", "core@10.0.0.21", node=True),)


@pytest.mark.parametrize("name", ["web-2", "root@worker-1", "10.0.0.99", "evil.example.com"])
def test_other_hosts_are_refused_with_what_would_allow_them(name: str) -> None:
    with pytest.raises(HostRefused, match=r"\[hosts\] names"):
        allowed([name], ON, NODES)


def test_an_address_that_a_node_made_up_is_refused() -> None:
    odd = Obj({"metadata": {"name": "w"}, "status": {"addresses": [{"type": "InternalIP", "address": "-oProxyCommand=id"}]}})
    with pytest.raises(HostRefused, match="starts with a dash"):
        allowed(["w"], HostSettings(enabled=True, node_address="InternalIP"), [odd])


@pytest.mark.parametrize("user", ["", "core"])
@pytest.mark.parametrize(
    ("kind", "address"),
    [
        ("InternalIP", "root@10.0.0.9"),
        ("InternalIP", "prod-db"),
        ("ExternalIP", "10.0.0.9 -v"),
        ("Hostname", "root@w1"),
        ("Hostname", "a@b@w1"),
    ],
)
def test_a_node_chooses_neither_a_user_nor_an_alias(kind: str, address: str, user: str) -> None:
    odd = Obj({"metadata": {"name": "w"}, "status": {"addresses": [{"type": kind, "address": address}]}})
    settings = HostSettings(enabled=True, user=user, node_address=kind)  # type: ignore[arg-type]
    with pytest.raises(HostRefused, match="is not a host"):
        allowed(["w"], settings, [odd])
    with pytest.raises(HostRefused, match="is not a host"):
        check_target(node_hosts([odd], settings)["w"].target)

"""The system's ssh client as it is called here: the person's own config, keys, agent, jump hosts and known hosts, and nothing looser.

Options on the command line win over the config, so these hold whatever the config says: no password, no prompt, no forwarding of any kind,
no local command, no new entry in known_hosts or in the agent, and an unknown or changed host key always ends the connection.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from engine.core.config import HostSettings

_FIXED = (
    "BatchMode=yes",
    "StrictHostKeyChecking=yes",
    "UpdateHostKeys=no",
    "PreferredAuthentications=publickey",
    "PasswordAuthentication=no",
    "KbdInteractiveAuthentication=no",
    "GSSAPIAuthentication=no",
    "HostbasedAuthentication=no",
    "ForwardAgent=no",
    "ForwardX11=no",
    "ForwardX11Trusted=no",
    "ClearAllForwardings=yes",
    "Tunnel=no",
    "PermitLocalCommand=no",
    "RemoteCommand=none",
    "RequestTTY=no",
    "AddKeysToAgent=no",
    "ControlMaster=no",
    "ControlPersist=no",
    "ConnectionAttempts=1",
    "ServerAliveInterval=5",
    "ServerAliveCountMax=2",
    "VisualHostKey=no",
    "LogLevel=ERROR",
)


def ssh_argv(target: str, settings: HostSettings) -> tuple[str, ...]:
    """The argv that runs `sh -s` on a host that `check_target` has accepted."""
    config = ("-F", settings.ssh_config) if settings.ssh_config else ()
    fixed = [word for option in (*_FIXED, f"ConnectTimeout={max(1, round(settings.connect_seconds))}") for word in ("-o", option)]
    return ("ssh", *config, "-T", "-a", "-x", *fixed, "--", target, "exec sh -s")


MOST = 8 * 1024
"""Characters of ssh's complaints that are read."""
_PROBLEMS: Sequence[tuple[str, str, str]] = (
    (
        r"REMOTE HOST IDENTIFICATION HAS CHANGED|host key for .+ has changed",
        "its host key differs from the one in known_hosts",
        "Find out why first: was the host reinstalled, or is somebody in between? Then: ssh-keygen -R {host}, and connect once by hand.",
    ),
    (
        r"Host key verification failed|No \S+ host key is known",
        "its host key is not known here",
        "Connect once by hand (ssh {target}), compare the fingerprint with the host's own, and say yes; K8sAgent never accepts a new key "
        "for you.",
    ),
    (
        r"Permission denied|Too many authentication failures|no mutual signature",
        "it accepts none of the offered keys",
        "Check whether the agent holds the key (ssh-add -l), and which user ssh takes; [hosts] user sets another one.",
    ),
    (
        r"Could not resolve hostname",
        "its name does not resolve here",
        'Give it an alias in ssh\'s config, or set [hosts] node_address = "InternalIP".',
    ),
    (
        r"timed out|Timeout, server .+ not responding|Connection to .+ timed out",
        "it did not answer in time",
        "Is it up, and does it need a jump host (ProxyJump in ssh's config)? [hosts] connect_seconds sets the time limit.",
    ),
    (
        r"No route to host|Network is unreachable",
        "there is no route to it",
        "Is it up, and is this machine on the right network (VPN, jump host)?",
    ),
    (r"Connection refused", "nothing listens on its SSH port", "Is sshd up, on that port, and let through by the firewall?"),
    (
        r"Connection closed|Connection reset|kex_exchange_identification|Broken pipe|Connection to .+ closed",
        "it closed the connection",
        "Check its journal: journalctl -u sshd. Too many connections at once (MaxStartups) look like this too.",
    ),
    (
        r"Bad owner or permissions|Bad configuration option|terminating, \d+ bad configuration|Can't open user config",
        "ssh rejects its configuration",
        "Fix the file that ssh names: ssh -G {target} shows the result.",
    ),
    (
        r"administratively prohibited|channel \d+: open failed|stdio forwarding failed",
        "the jump host does not forward the connection",
        "Check whether the jump host allows TCP forwarding to it, and whether the host is up.",
    ),
)


def problem(stderr: str, target: str) -> tuple[str, str]:
    """What ssh complains of, as a clause, and what to do about it."""
    stderr = stderr[-MOST:]  # ssh's own complaint comes last; what a host says before it may be long, and made to be slow to read
    host = target.rpartition("@")[2]
    for pattern, words, fix in _PROBLEMS:
        if re.search(pattern, stderr, re.IGNORECASE):
            line = next(line for line in stderr.splitlines() if re.search(pattern, line, re.IGNORECASE))
            return f"{words} (ssh: {' '.join(line.split()).removeprefix('ssh: ')[:200]})", fix.format(host=host, target=target)
    said = " ".join(stderr.split())[-200:]
    return (f"ssh failed: {said}" if said else "ssh failed without a message"), f"Try it by hand: ssh {target} true"

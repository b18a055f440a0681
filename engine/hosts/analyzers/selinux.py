"""SELinux: what it denied in the last minutes, grouped by who wanted what of what."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

from engine.analyzers.confidence import EVENT, STATE
from engine.facts import Finding
from engine.hosts.analyzers.making import found, journal, recent
from engine.hosts.bundle import Bundle

_DENIED = re.compile(
    r"avc:\s+denied\s+\{ (?P<what>[^}]+) \} for\s.*?(?:comm=\"?(?P<comm>[^\"\s]+)\"?)?(?:\s(?:name|path)=\"?(?P<name>[^\"\s]+)\"?)?[^\n]*?"
    r"scontext=\S+?:\S+?:(?P<source>\w+)\S*\s+tcontext=\S+?:\S+?:(?P<target>\w+)\S*\s+tclass=(?P<kind>\w+)(?:\s+permissive=(?P<permissive>[01]))?"
)
_OURS = re.compile(r"^(?:container|kubelet|svirt|spc|crio|openshift)")


def selinux(bundle: Bundle) -> Iterator[Finding]:
    """Denials that were enforced, the most frequent first; those of containers and the kubelet are warnings, others remarks."""
    groups: dict[tuple[str, str, str, str], list[tuple[str, str, re.Match[str]]]] = {}
    lines = [("denials", line) for line in bundle.lines("denials")]
    for key in ("journal-kernel", "journal-errors"):
        lines += [(key, line.raw) for line in recent(list(journal(bundle, key)), bundle.now, timedelta(minutes=30)) if "avc:" in line.text]
    for key, line in lines:
        hit = _DENIED.search(line)
        if hit is not None and hit.group("permissive") != "1":
            group = (hit.group("source"), hit.group("what").strip(), hit.group("target"), hit.group("kind"))
            groups.setdefault(group, []).append((key, line, hit))
    if not groups or bundle.text("selinux").strip() == "Permissive":
        return
    ranked = sorted(groups.items(), key=lambda item: (not _OURS.match(item[0][0]), -len(item[1])))
    for (source, what, target, kind), hits in ranked[:3]:
        key, line, hit = hits[-1]
        who, name = hit.group("comm") or source, hit.group("name")
        on = f"{kind} {name} ({target})" if name else f"{kind} of type {target}"
        times = f", {len(hits)} times" if len(hits) > 1 else ""
        yield found(
            bundle,
            "SELinuxDenied",
            "warning" if _OURS.match(source) else "info",
            f"SELinux denied {who} ({source}) to {what} the {on}{times}",
            [bundle.cite(key, line)],
            weights=(STATE, EVENT),
            remedies=[
                bundle.remedy("see what would allow it", "ausearch --input-logs -m AVC -ts recent"),
                bundle.remedy("put the right label on what containers may use", "restorecon -Rv PATH"),
            ],
            docs=("selinux", "avc denied"),
            detail=f"{source}-{what.replace(' ', '-')}-{target}",
        )

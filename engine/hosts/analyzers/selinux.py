"""SELinux: what it denied in the last minutes, grouped by who wanted what of what."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

from engine.analyzers.common.confidence import EVENT, STATE
from engine.core.types import Finding
from engine.hosts.analyzers.common import found, journal, recent
from engine.hosts.bundle import Bundle

_DENIED = re.compile(r"avc:\s+denied\s+\{ (?P<what>[^}]+) \} for\s(?P<rest>.*)")
_TYPE = re.compile(r"^[^:]*:[^:]*:(\w+)")
_OURS = re.compile(r"^(?:container|kubelet|svirt|spc|crio|openshift)")


def selinux(bundle: Bundle) -> Iterator[Finding]:
    """Denials that were enforced, the most frequent first; those of containers and the kubelet are warnings, others remarks."""
    groups: dict[tuple[str, str, str, str], list[tuple[str, str, dict[str, str]]]] = {}
    lines = [("denials", line) for line in bundle.lines("denials")]
    for key in ("journal-kernel", "journal-errors"):
        lines += [(key, line.raw) for line in recent(list(journal(bundle, key)), bundle.now, timedelta(minutes=30)) if "avc:" in line.text]
    for key, line in lines:
        hit = _DENIED.search(line)
        if hit is None:
            continue
        fields = {name: value.strip('"') for name, _, value in (word.partition("=") for word in hit.group("rest").split())}
        source, target = _TYPE.match(fields.get("scontext", "")), _TYPE.match(fields.get("tcontext", ""))
        if source is None or target is None or fields.get("permissive") == "1":
            continue
        group = (source.group(1), hit.group("what").strip(), target.group(1), fields.get("tclass", "object"))
        groups.setdefault(group, []).append((key, line, fields))
    if not groups or bundle.text("selinux").strip() == "Permissive":
        return
    ranked = sorted(groups.items(), key=lambda item: (not _OURS.match(item[0][0]), -len(item[1])))
    for (domain, what, label, kind), hits in ranked[:3]:
        key, line, fields = hits[-1]
        who, name = fields.get("comm", domain), fields.get("name") or fields.get("path")
        on = f"{kind} {name} ({label})" if name else f"{kind} of type {label}"
        times = f", {len(hits)} times" if len(hits) > 1 else ""
        yield found(
            bundle,
            "SELinuxDenied",
            "warning" if _OURS.match(domain) else "info",
            f"SELinux denied {who} ({domain}) to {what} the {on}{times}",
            [bundle.cite(key, line)],
            weights=(STATE, EVENT),
            remedies=[
                bundle.remedy("find out what would allow it", "ausearch --input-logs -m AVC -ts recent"),
                bundle.remedy("put the right label on what containers may use", "restorecon -Rv PATH"),
            ],
            docs=("selinux", "avc denied"),
            detail=f"{domain}-{what.replace(' ', '-')}-{label}",
        )

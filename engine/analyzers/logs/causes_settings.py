"""Refinements of a story about settings: which variable, which value of which ConfigMap, which file, which heap option."""

from __future__ import annotations

import posixpath
import re

from engine.analyzers.common import citations
from engine.analyzers.common.confidence import RELATION
from engine.analyzers.common.containers import Container
from engine.analyzers.common.settings import Setting, keys_of
from engine.analyzers.common.view import ClusterView
from engine.analyzers.logs.cause import Cause, all_settings, cite_setting, edit_command
from engine.analyzers.logs.reader import Story
from engine.cluster.objects import maps_at, text_at
from engine.core.types import ObjectRef, Remedy

_REFERENCE = re.compile(r"\$\(([A-Za-z_][A-Za-z0-9_]*)\)")


def missing_variable(view: ClusterView, container: Container, story: Story, cause: Cause) -> None:
    """Say whether the template defines the variable at all, and which Secret or ConfigMap holds a key of its name."""
    name = story.groups.get("name", "")
    if not name:
        return
    namespace = container.pod.namespace
    declared = {text_at(v, "name"): v for v in maps_at(container.spec, "env")}
    given = [s for s in all_settings(view, container) if s.how == "variable"]
    same = [s for s in given if s.name == name]
    if same and same[-1].source is not None and same[-1].source.kind == "Secret":
        cause.says += f" (it comes from key {same[-1].key} of {same[-1].source}, whose value seems to be empty)"
        cause.object = same[-1].source
    elif same:
        cause.says += f"; {same[-1].place} is set to an empty or unusable value"
    else:
        wanted = declared.get(name, {})
        close = citations.nearest(name, [s.name for s in given])
        named = {k: text_at(wanted, "valueFrom", f, "name") for k, f in (("ConfigMap", "configMapKeyRef"), ("Secret", "secretKeyRef"))}
        ref = next((f"{kind} {holder}" for kind, holder in named.items() if holder), "")
        if ref:
            cause.says += f": it is taken from {ref}, which has no such key (optional reference)"
        else:
            cause.says += ": the container does not define it" + (f" (it defines {close})" if close else "")
            cause.weights.append(RELATION)
    holders = [
        ref
        for resource, kind in (("secrets", "Secret"), ("configmaps", "ConfigMap"))
        for o in view.within(resource, namespace)
        for ref in [ObjectRef(kind, namespace, o.name)]
        if name in keys_of(view, ref)
    ]
    target = f"{cause.object.kind.lower()}/{cause.object.name}" if cause.object.kind not in ("Secret", "ConfigMap") else ""
    if target and holders:
        holder = f"{holders[0].kind.lower()}/{holders[0].name}"
        text = f"take {name} from {holders[0]}, which holds it"
        cause.remedies.append(Remedy(text, f"kubectl set env {target} -n {namespace} --from={holder} --keys={name}", "mutate"))
    elif target:
        cause.remedies.append(
            Remedy(f"give {name} a value", f"kubectl set env {target} -n {namespace} -c {container.name} {name}=VALUE", "mutate")
        )


def bad_value(view: ClusterView, container: Container, story: Story, cause: Cause) -> None:
    """Find the setting that holds the rejected value, and the ConfigMap that it comes from."""
    value, name = story.groups.get("value", ""), story.groups.get("name", "")
    found: Setting | None = None
    for setting in all_settings(view, container):
        exact = (value and setting.value == value) or (
            name and setting.name.replace("_", "").lower() == name.replace("_", "").replace(".", "").lower()
        )
        inside = value and len(value) >= 2 and setting.how != "variable" and value in setting.value
        if exact or (inside and found is None):
            found = setting
            if exact:
                break
    if found is None:
        if value and len(value) >= 4:
            found = next((s for s in all_settings(view, container) if value in s.value), None)
        if found is None:
            return
    shown = f"{found.name}={found.value!r}" if found.how == "variable" else found.place
    where = f" in {found.source}" if found.source else f" of container {container.name}"
    cause.says = f"{shown}{where} is rejected: {cause.says}"
    if found.source is not None:
        cause.object = found.source
    cause.evidence.append(cite_setting(view, found, container))
    cause.weights.append(RELATION)
    cause.remedies.append(Remedy(f"correct {found.name}, then restart the workload", edit_command(cause.object), "mutate"))


def bad_file(view: ClusterView, container: Container, story: Story, cause: Cause) -> None:
    """Find the ConfigMap key that the refused file is mounted from."""
    text = " ".join(story.entry.lines)
    for setting in all_settings(view, container):
        if setting.how == "file" and setting.source is not None and (setting.name in text or posixpath.basename(setting.name) in text):
            cause.object = setting.source
            cause.says += f"; the file is key {setting.key} of {setting.source}"
            cause.weights.append(RELATION)
            cause.remedies.append(Remedy(f"correct key {setting.key}, then restart the workload", edit_command(setting.source), "mutate"))
            return
    files = [s for s in all_settings(view, container) if s.how == "file" and s.source is not None]
    sources = {s.source for s in files}
    if len(sources) == 1 and files[0].source is not None:
        cause.object = files[0].source
        cause.says += f"; the container's configuration comes from {files[0].source}"


def unexpanded_reference(view: ClusterView, container: Container, story: Story, cause: Cause) -> None:
    """A reference `$(NAME)` that the kubelet left as it is, since no variable of that name stands before it."""
    for name in _REFERENCE.findall(" ".join([story.entry.text, *story.entry.lines[:4]])):
        holder = next((s for s in all_settings(view, container) if f"$({name})" in s.value), None)
        if holder is not None:
            later = any(s.name == name for s in all_settings(view, container))
            why = "is defined only after it" if later else "is not defined"
            cause.says = f"{holder.place} holds $({name}), which is not expanded because variable {name} {why}: {cause.says}"
            cause.evidence.append(cite_setting(view, holder, container))
            cause.weights.append(RELATION)
            return


def heap_limit(view: ClusterView, container: Container, story: Story, cause: Cause) -> None:
    """Set the heap option and the memory limit beside each other."""
    limit = text_at(container.spec, "resources", "limits", "memory")
    options = next(
        (
            s
            for s in all_settings(view, container)
            if any(o in s.value for o in ("-Xmx", "MaxRAMPercentage", "max-old-space-size", "max_old_space_size"))
        ),
        None,
    )
    if options is not None:
        cause.says += (
            f"; its heap is limited by {options.name}={options.value[:120]}"
            if options.how == "variable"
            else f"; its heap is limited by {options.value[:120]}"
        )
        cause.evidence.append(cite_setting(view, options, container))
        cause.weights.append(RELATION)
        if options.source is not None:
            cause.object = options.source
    if limit:
        cause.says += f"; the container's memory limit is {limit}"
        cause.evidence.append(container.declared("resources", "limits"))
    cause.remedies.append(
        Remedy("raise the heap (and the memory limit above it), or find the growth", edit_command(cause.object), "mutate")
    )

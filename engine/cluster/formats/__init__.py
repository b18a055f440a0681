"""Recordings that people already have, read as our own format: each layout is recognised by what it holds, not by its name."""

from __future__ import annotations

from pathlib import Path

from engine.cluster.formats.cluster_info import from_folder, from_text
from engine.cluster.formats.files import from_files
from engine.cluster.formats.must_gather import from_must_gather
from engine.cluster.formats.support_bundle import from_bundle
from engine.cluster.recordings.archive import Archive, BrokenRecording, Limits, ours, read_archive

LAYOUTS = (from_bundle, from_must_gather, from_folder, from_text, from_files)
"""Asked in this order: the last takes any Kubernetes objects at all."""


def open_any(path: Path, *, limits: Limits | None = None) -> Archive:
    """The files of a recording in snapshot format 1, whatever it was made with. Raises BrokenRecording, which names the file."""
    archive = read_archive(path, limits=limits)
    found = ours(archive)
    if found is not None:
        return found
    unread: dict[str, str] = {}
    for layout in LAYOUTS:
        collected = layout(archive)
        if collected is not None and not collected.empty:
            return collected.laid_out(title_of(path))
        unread |= collected.unread if collected is not None else {}
    for name, why in unread.items():
        raise BrokenRecording(f"{path.name}: {name} was not read: {why}")
    raise BrokenRecording(
        f"{path}: meta.json is missing and it holds no Kubernetes objects, so it is neither a k8sagent recording nor a cluster-info dump, "
        "support bundle, must-gather or folder of `kubectl get -o yaml` files; `k8sagent snapshot record PATH` makes one from a cluster"
    )


def title_of(path: Path) -> str:
    """What a recording is called: the file's name without its endings."""
    name = path.resolve().name
    for ending in (".gz", ".xz", ".zst", ".tgz", ".txz", ".tar", ".zip", ".json", ".yaml", ".yml"):
        name = name.removesuffix(ending)
    return name or "recording"

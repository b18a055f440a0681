"""Manifests on their way to kubectl: read once, copied with mode 0600 into the session's folder, and only the copy runs."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from engine.commands.kubectl.call import PROGRAMS, Call, read_call, verb_row
from engine.commands.parsing.lexer import Refused, Script, Stage
from engine.commands.parsing.verdicts import refusal, table
from engine.core.paths import private_folder

MAX_BYTES = 1024 * 1024
SUFFIXES = (".yaml", ".yml", ".json")


def copy_manifests(script: Script, folder: Path, base: Path) -> Script:
    """The script with every file of `-f` replaced by its copy in `folder`; relative names count from `base`.

    Raises `Refused` for what is no plain manifest file. What cannot be read as a kubectl command stays for the policy to refuse.
    """
    parts = tuple(dataclasses.replace(part, stages=tuple(_stage(stage, folder, base) for stage in part.stages)) for part in script.parts)
    return Script(parts)


def write_manifest(text: str, folder: Path, suffix: str = ".yaml") -> Path:
    """Store a generated manifest in the session's folder under the hash of its content; returns its path."""
    data = text.encode("utf-8")
    return _store(data, folder, suffix)


def _stage(stage: Stage, folder: Path, base: Path) -> Stage:
    if stage.argv[0] not in PROGRAMS:
        return stage
    try:
        call = read_call(stage.argv)
    except Refused:
        return stage
    row = verb_row(call.verb)
    if not row or row.get("files", "copies") == "copies" or not call.parsed.has("filename"):
        return stage
    flags: list[tuple[str, str | None]] = []
    for name, value in call.parsed.flags:
        if name == "filename":
            flags += [(name, str(_copy(file, folder, base))) for file in (value or "").split(",")]
        else:
            flags.append((name, value))
    copied = dataclasses.replace(call, parsed=dataclasses.replace(call.parsed, flags=tuple(flags)))
    return dataclasses.replace(stage, argv=copied.argv())


def _copy(name: str, folder: Path, base: Path) -> Path:
    if name == "-":
        raise refusal("manifest.stdin", "A manifest is not read from standard input; save it as a file and give its name with -f.")
    if "://" in name:
        raise refusal("manifest.url", "Manifests are not fetched from the network; save it as a file, read it, and give its name with -f.")
    path = base / name
    if path.parent == folder:
        return path
    try:
        target = path.resolve(strict=True)
    except OSError as error:
        raise refusal("manifest.missing", f"{name} cannot be read: {error.strerror}. Give the path of a manifest.") from error
    if target.is_dir():
        raise refusal("manifest.folder", f"{name} is a folder; name its files one by one, so that each can be shown.")
    roots = tuple(table("kubectl_rules")["manifest_forbidden_roots"])
    hidden = (
        any(part.startswith(".") for part in target.relative_to(base.resolve()).parts) if target.is_relative_to(base.resolve()) else False
    )
    if target.suffix.lower() not in SUFFIXES or str(target).startswith(roots) or hidden or not target.is_file():
        raise refusal(
            "manifest.kind", f"{name} is no plain manifest; only .yaml, .yml and .json files outside of the system's folders are."
        )
    if target.stat().st_size > MAX_BYTES:
        raise refusal("manifest.size", f"{name} is larger than 1 MiB; split it.")
    data = target.read_bytes()
    documents(data, name)
    return _store(data, folder, target.suffix.lower())


def documents(data: bytes, name: str) -> list[Mapping[str, Any]]:
    """The Kubernetes objects of a manifest, those of a List one by one; raises `Refused` for anything else."""
    import yaml

    try:
        found = [document for document in yaml.safe_load_all(data.decode("utf-8")) if document is not None]
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise refusal("manifest.yaml", f"{name} is not readable as YAML: {str(error).splitlines()[0]}.") from error
    objects: list[Mapping[str, Any]] = []
    while found:
        document = found.pop(0)
        if not isinstance(document, dict) or not document.get("kind") or "apiVersion" not in document:
            raise refusal("manifest.yaml", f"{name} holds no Kubernetes objects (each needs apiVersion and kind).")
        if document["kind"] == "Config":
            raise refusal("manifest.kind", f"{name} is a kubeconfig, not a manifest.")
        if isinstance(document.get("items"), list):
            found = [*document["items"], *found]
        else:
            objects.append(document)
    if not objects:
        raise refusal("manifest.yaml", f"{name} holds no Kubernetes objects (each needs apiVersion and kind).")
    return objects


def named_in_files(call: Call, workspace: str) -> Sequence[Mapping[str, Any]] | None:
    """The objects in the files of -f; None when there is no -f, or a file is not a copy of ours that could be read.

    Raises `Refused` for a copy that holds no objects.
    """
    files = files_of(call)
    if not files or not workspace or any(file.parent != Path(workspace) for file in files):
        return None
    try:
        return [document for file in files for document in documents(file.read_bytes(), file.name)]
    except OSError:
        return None


def delete_copies(argv: Sequence[str], folder: Path) -> None:
    """Delete the copies in `folder` that a command names."""
    try:
        files = files_of(read_call(argv)) if argv[0] in PROGRAMS else []
    except Refused:
        return
    for file in files:
        if file.parent == folder:
            file.unlink(missing_ok=True)


def files_of(call: Call) -> list[Path]:
    """The files that -f names."""
    return [Path(name) for value in call.parsed.all("filename") for name in value.split(",") if name and name != "-"]


def _store(data: bytes, folder: Path, suffix: str) -> Path:
    private_folder(folder)
    path = folder / f"{hashlib.sha256(data).hexdigest()[:16]}{suffix}"
    if path.exists() and path.read_bytes() == data:
        return path
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0), 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(data)
    return path

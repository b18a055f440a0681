"""Manifests on their way to kubectl: read once, copied with mode 0600 into the session's folder, and only the copy runs."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

from engine.commands.kubectl.call import read_call, verb_row
from engine.commands.parsing.lexer import Refused, Script, Stage
from engine.commands.parsing.verdicts import refusal, table

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
    if stage.argv[0] not in ("kubectl", "oc"):
        return stage
    try:
        call = read_call(("kubectl", *stage.argv[1:]))
    except Refused:
        return stage
    row = verb_row(call.verb)
    if not row or "files" not in row or not call.parsed.has("filename"):
        return stage
    return dataclasses.replace(stage, argv=_replace(stage.argv, lambda name: str(_copy(name, folder, base))))


def _replace(argv: tuple[str, ...], copy: Callable[[str], str]) -> tuple[str, ...]:
    """argv with each value of -f given as its own word, names replaced by their copies."""
    out: list[str] = []
    rest = list(argv)
    while rest:
        word = rest.pop(0)
        if word == "--":
            return (*out, word, *rest)
        if word in ("-f", "--filename") and rest:
            value = rest.pop(0)
        elif word.startswith("--filename="):
            value = word.partition("=")[2]
        elif word.startswith("-f") and not word.startswith("--"):
            value = word[2:].removeprefix("=")
        else:
            out.append(word)
            continue
        for name in value.split(","):
            out += ["-f", copy(name)]
    return tuple(out)


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
    _check(name, data)
    return _store(data, folder, target.suffix.lower())


def _check(name: str, data: bytes) -> None:
    """Only text that reads as Kubernetes objects goes on, so that no other file is shown or sent by mistake."""
    import yaml

    try:
        documents = [document for document in yaml.safe_load_all(data.decode("utf-8")) if document is not None]
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise refusal("manifest.yaml", f"{name} is not readable as YAML: {str(error).splitlines()[0]}.") from error
    if not documents or not all(isinstance(document, dict) and "kind" in document and "apiVersion" in document for document in documents):
        raise refusal("manifest.yaml", f"{name} holds no Kubernetes objects (each needs apiVersion and kind).")
    if any(document["kind"] == "Config" for document in documents):
        raise refusal("manifest.kind", f"{name} is a kubeconfig, not a manifest.")


def _store(data: bytes, folder: Path, suffix: str) -> Path:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"{hashlib.sha256(data).hexdigest()[:16]}{suffix}"
    if path.exists() and path.read_bytes() == data:
        return path
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0), 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(data)
    return path

"""Questions about whole objects: their YAML."""

from __future__ import annotations

from typing import Any

from engine.cluster.kinds import RESOURCE_OF_KIND
from engine.cluster.source import RawObject
from engine.language.answers.interface import Reply, Scene
from engine.language.request import Request

_NOISE = ("managedFields", "selfLink", "generateName")
_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def yaml_of(raw: RawObject) -> str:
    """An object as YAML in the API's own order, without fields that only machines read."""
    import yaml

    body: dict[str, Any] = {key: raw[key] for key in ("apiVersion", "kind") if key in raw}
    metadata = {key: value for key, value in (raw.get("metadata") or {}).items() if key not in _NOISE}
    if isinstance(metadata.get("annotations"), dict):
        metadata["annotations"] = {key: value for key, value in metadata["annotations"].items() if key != _APPLIED}
    body["metadata"] = metadata
    body.update({key: value for key, value in raw.items() if key not in body})
    return yaml.safe_dump(body, sort_keys=False, allow_unicode=True, width=120)


def as_yaml(request: Request, scene: Scene) -> Reply | None:
    """The YAML of each object that is named."""
    if not request.refs:
        return None
    blocks = [yaml_of(scene.source.get(RESOURCE_OF_KIND[ref.kind], ref.namespace, ref.name)) for ref in request.refs[:5]]
    named = ", ".join(f"{ref} in {ref.namespace}" if ref.namespace else str(ref) for ref in request.refs[:5])
    return Reply(answer=f"{named}, as it is now:", code="---\n".join(blocks), code_language="yaml", objects=request.refs[:5])

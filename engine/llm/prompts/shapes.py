"""The shapes of structured answers: flat, with few fields, and with a word for "I do not know"."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec


class Classified(msgspec.Struct, frozen=True):
    """Which tier a query belongs to."""

    tier: Literal["informational", "troubleshooting", "action", "unclear"]


class ReadPlan(msgspec.Struct, frozen=True):
    """One read command as slots; `namespace` is "" for the current one and "*" for all, `name` "" for every object of the kind."""

    read: str
    kind: str = ""
    name: str = ""
    namespace: str = ""


class Pick(msgspec.Struct, frozen=True):
    """The number of the check to run next, or `finish`."""

    choice: str


class Judgement(msgspec.Struct, frozen=True):
    """What a piece of evidence says about a hypothesis; `evidence` is its id."""

    verdict: Literal["supports", "contradicts", "neither"]
    evidence: str = ""
    why: str = ""


class Guess(msgspec.Struct, frozen=True):
    """A hypothesis of the model's own, and the number of the check that tests it (`none` where no check does)."""

    cause: str
    check: str = "none"


SHAPES: dict[str, type[msgspec.Struct]] = {cls.__name__: cls for cls in (Classified, ReadPlan, Pick, Judgement, Guess)}


def flat_schema(shape: type[msgspec.Struct], allowed: Mapping[str, Sequence[str]] | None = None) -> dict[str, Any]:
    """A JSON schema without references: every field required, no others, and `allowed` fields narrowed to their words.

    Raises ValueError for a shape that is not flat or a field that it lacks.
    """
    whole = msgspec.json.schema(shape)
    body: dict[str, Any] = copy.deepcopy(whole["$defs"][shape.__name__]) if "$defs" in whole else whole
    fields: dict[str, Any] = {}
    for name, field in body["properties"].items():
        if "$ref" in field:
            raise ValueError(f"{shape.__name__}.{name} is not flat")
        fields[name] = {key: value for key, value in field.items() if key in ("type", "enum")}
        if "enum" in field:
            fields[name]["type"] = "string"
    for name, words in (allowed or {}).items():
        if name not in fields:
            raise ValueError(f"{shape.__name__} has no field {name}")
        fields[name] = {"type": "string", "enum": list(words)}
    return {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}

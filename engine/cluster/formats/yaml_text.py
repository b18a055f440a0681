"""YAML as Kubernetes tools write it, read into plain JSON values: no tags, no aliases, no dates, no recursion.

Aliases are refused, since no kubectl writes them and a few lines of them can expand to gigabytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

DEPTH = 100
"""Levels of nesting that are read; Kubernetes objects stay below 30, definitions of custom resources below 60."""
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,18})")
_FLOAT = re.compile(r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?:\.[0-9]*)?[eE][-+]?[0-9]{1,3})")
_WORDS = {"true": True, "True": True, "false": False, "False": False, "null": None, "Null": None, "~": None, "": None}


class WrongYaml(ValueError):
    """The text is not YAML that a Kubernetes tool writes; the message says what and in which line."""


def documents(data: bytes) -> Iterator[Any]:
    """Each document's value: dicts with text keys, lists, text, numbers, booleans, None. Raises WrongYaml."""
    import yaml

    parser: Any = None
    try:
        parser = (yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader)(data)
        while True:
            event = parser.get_event()
            if event is None or isinstance(event, yaml.StreamEndEvent):
                return
            if isinstance(event, yaml.DocumentStartEvent):
                yield _value(parser, yaml)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise WrongYaml(" ".join(str(error).split())[:200]) from error
    finally:
        if parser is not None:
            parser.dispose()


def _value(parser: Any, yaml: Any) -> Any:
    """The value of one document. Collections under construction are on a stack, each with the key that waits for its value."""
    root: list[Any] = []
    stack: list[Any] = [root]
    keys: list[str | None] = [None]
    while True:
        event = parser.get_event()
        kind = type(event)
        value: Any
        if kind is yaml.ScalarEvent:
            value = _scalar(event.value) if event.implicit[0] else event.value
        elif kind is yaml.MappingStartEvent:
            value = {}
        elif kind is yaml.SequenceStartEvent:
            value = []
        elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
            stack.pop()
            keys.pop()
            continue
        elif kind is yaml.DocumentEndEvent:
            return root[0] if root else None
        elif kind is yaml.AliasEvent:
            raise WrongYaml(f"line {event.start_mark.line + 1} has an alias (*{event.anchor}), which no Kubernetes tool writes")
        else:
            raise WrongYaml("it ends too early")
        holder, key = stack[-1], keys[-1]
        if isinstance(holder, list):
            holder.append(value)
        elif key is None:
            if isinstance(value, dict | list):
                raise WrongYaml(f"line {event.start_mark.line + 1} has a key that is not text")
            keys[-1] = str(event.value)
            continue
        else:
            holder[key] = value
            keys[-1] = None
        if isinstance(value, dict | list):
            if len(stack) > DEPTH:
                raise WrongYaml(f"line {event.start_mark.line + 1} is nested more than {DEPTH} levels deep")
            stack.append(value)
            keys.append(None)


def _scalar(text: str) -> Any:
    """A plain scalar as Kubernetes reads it: times and the like stay text."""
    if text in _WORDS:
        return _WORDS[text]
    first = text[0]
    if first in "0123456789+-.":
        if _INTEGER.fullmatch(text):
            return int(text)
        if _FLOAT.fullmatch(text):
            return float(text)
    return text

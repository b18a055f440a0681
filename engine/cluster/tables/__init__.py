"""The rows that `kubectl get` prints, made from raw objects: columns by resource, cells by the words of the object's own fields.

`table()` gives a resource's columns and cells (what an API server answers to `as=Table`), `print_table()` the same as text.
"""

from __future__ import annotations

from engine.cluster.tables.model import Column, Table, human_duration
from engine.cluster.tables.registry import table
from engine.cluster.tables.text import print_table

__all__ = ["Column", "Table", "human_duration", "print_table", "table"]

"""Makes tests/data/demo_tables.json: what the real server and kubectl printed of the objects that the bundled recording holds.

    python tests/data/make_demo_tables.py [RECORDING] [TARGET]

Taken from the tables of the larger development recording, by cells, since the width of a column depends on every row of it.
"""

from __future__ import annotations

import json
import re
import sys
import tarfile
from pathlib import Path

HERE = Path(__file__).resolve()
sys.path.insert(0, str(HERE.parent))

from make_demo import CHECKOUT, NAMESPACES  # noqa: E402

SECONDS = {
    "cronjobs daemonsets deployments jobs pods replicasets services statefulsets": 15,
    "endpoints endpointslices ingresses networkpolicies persistentvolumeclaims": 16,
    "poddisruptionbudgets persistentvolumes": 17,
}
"""How many seconds after the lists were taken each table was printed. That of nodes has a name in it that was made anonymous afterwards."""


def cells(lines: list[str]) -> list[list[str]]:
    """The header and the rows of a table that kubectl printed, cut at where the names of the header begin."""
    starts = [found.start() for found in re.finditer(r"(?:^|(?<=  ))\S", lines[0])]
    return [[line[a:b].strip() for a, b in zip(starts, [*starts[1:], None], strict=True)] for line in lines]


def tables_of(recording: Path) -> dict[str, dict[str, object]]:
    """Each table's moment and cells, of the namespaces that the demo keeps."""
    made: dict[str, dict[str, object]] = {}
    with tarfile.open(recording) as tar:
        for names, seconds in SECONDS.items():
            for name in names.split():
                file = tar.extractfile(f"cluster-dev/tables/{name}.txt")
                assert file is not None
                header, *rows = cells(file.read().decode().split("\n# stderr")[0].rstrip("\n").split("\n"))
                spaced = header[0] == "NAMESPACE"
                made[name] = {"seconds": seconds, "cells": [header, *(row for row in rows if not spaced or row[0] in NAMESPACES)]}
    return made


def main(arguments: list[str]) -> None:
    source = Path(arguments[0]) if arguments else CHECKOUT.parent / "shared/data/clusters/dev.tar.gz"
    target = Path(arguments[1]) if len(arguments) > 1 else HERE.with_name("demo_tables.json")
    tables = ",\n".join(
        f'"{name}": {{"seconds": {table["seconds"]}, "cells": [\n'
        + ",\n".join(json.dumps(row, ensure_ascii=False) for row in table["cells"])  # type: ignore[attr-defined]
        + "\n]}"
        for name, table in tables_of(source).items()
    )
    target.write_text("{\n" + tables + "\n}\n")


if __name__ == "__main__":
    main(sys.argv[1:])

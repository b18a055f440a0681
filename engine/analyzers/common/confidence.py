"""How sure a finding is: arithmetic over what speaks for it and what speaks against it, and nothing else.

Each piece of evidence has a weight, the chance that it would not be there if the claim were false:

- `STATE`   0.80  the API states it in a status field (OOMKilled, CreateContainerConfigError, a condition);
- `EVENT`   0.60  a controller, the scheduler or the kubelet reported it of this very object;
- `RELATION` 0.60 two objects contradict each other (a name that no object has, a selector that no pod matches);
- `LOG`     0.65  the program itself said so in a line that a pattern knows;
- `ERROR`   0.35  a log line marked as an error that no pattern knows;
- `HINT`    0.25  it fits, but other things would look the same (an exit code alone, a number of restarts).

Evidence for: 1 - product(1 - weight), so that another piece never lowers it. Each piece against multiplies by (1 - weight).
The result stays between 0.02 and 0.98, since a cluster seen from outside is never certain.
"""

from __future__ import annotations

from collections.abc import Iterable

STATE = 0.80
EVENT = 0.60
RELATION = 0.60
LOG = 0.65
ERROR = 0.35
HINT = 0.25

LOWEST, HIGHEST = 0.02, 0.98


def confidence(speaks_for: Iterable[float], against: Iterable[float] = ()) -> float:
    """Combine weights of 0..1 as the module's text says; two digits, between 0.02 and 0.98."""
    doubt = 1.0
    for weight in speaks_for:
        doubt *= 1.0 - min(max(weight, 0.0), 1.0)
    sure = 1.0 - doubt
    for weight in against:
        sure *= 1.0 - min(max(weight, 0.0), 1.0)
    return round(min(max(sure, LOWEST), HIGHEST), 2)

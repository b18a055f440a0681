"""At least 400 generated faults, alone and among others: the first cause, with its chain, names what has to be mended."""

from __future__ import annotations

import re

from fakes.generated import Case, cases
from fakes.manifests import NS

from engine.analyzers.diagnosis.rank import Root, diagnose


def told(root: Root) -> str:
    parts = [root.finding.summary, str(root.finding.object), *root.chain, *(e.excerpt[:300] for e in root.evidence[:4])]
    return " ".join(parts)


def right(case: Case, root: Root | None) -> bool:
    return root is not None and all(re.search(pattern, told(root), re.IGNORECASE) for pattern in case.must)


def test_every_generated_fault_is_found_in_every_layout() -> None:
    made = cases()
    wrong: list[str] = []
    answers: list[Root | None] = []
    for case in made:
        found = diagnose(case.lab.view(None if case.everywhere else NS), case.query)
        answers.append(found.root_causes[0] if found.root_causes else None)
        if not right(case, answers[-1]):
            wrong.append(f"{case.id}: {told(answers[-1])[:160] if answers[-1] is not None else 'no cause'}")
    assert len(made) >= 400
    assert not wrong, "\n".join(wrong[:20])
    swapped = [right(case, answers[(i + 137) % len(made)]) for i, case in enumerate(made)]
    assert not any(swapped), "an answer to another fault passes as well: the patterns are too loose"

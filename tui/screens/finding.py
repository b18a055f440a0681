"""A finding as a page: what is wrong, the evidence for it, what it leads to, and its fix."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content

from engine.core.types import Finding
from tui.screens.dialogs.base import Reader
from tui.style.text import one_line, plain
from tui.style.theme import RISK_STYLE
from tui.widgets.text.flow import Para, blank

SEVERITY_STYLE = {"critical": "$bad", "warning": "$wait", "info": "$quiet"}


def finding_screen(finding: Finding, effects: Sequence[Finding]) -> Reader:
    """The page of a finding; `effects` are the findings that it explains."""
    where = f"  {plain(finding.object.namespace)}" if finding.object.namespace else ""
    title = Content.assemble((plain(str(finding.object)), "bold $strong"), (where, "$quiet"), (f"  {plain(finding.code)}", "$wait"))
    return Reader(title, finding_paras(finding, effects))


def finding_paras(finding: Finding, effects: Sequence[Finding]) -> list[Para]:
    """The cause first, then evidence, effect and fix; a part that has nothing is left out."""
    lead = Content.assemble((f"{finding.severity}  ", f"bold {SEVERITY_STYLE[finding.severity]}"))
    paras = [Para(Content(one_line(finding.summary)).stylize("bold $strong"), lead)]
    if finding.owner is not None and finding.owner != finding.object:
        paras.append(Para(Content(plain(str(finding.owner))), Content.assemble(("owned by  ", "$quiet"))))
    if finding.evidence:
        paras += [blank(), _heading("Evidence")]
        for evidence in finding.evidence:
            paras.append(Para(Content.assemble((one_line(evidence.source), "$strong"), (f"  {plain(evidence.at)}".rstrip(), "$quiet"))))
            paras.extend(Para(Content(plain(line)), Content("  "), "on $code") for line in evidence.excerpt.splitlines())
    if effects:
        paras += [blank(), _heading("Impact")]
        paras.extend(Para(Content(one_line(effect.summary)), Content.assemble(("└ ", "$quiet"))) for effect in effects)
    if finding.remedies:
        paras += [blank(), _heading("Fix")]
        for number, remedy in enumerate(finding.remedies, 1):
            paras.append(Para(Content(one_line(remedy.text)), Content.assemble((f"{number} ", "$wait"))))
            if remedy.command:
                risk = Content.assemble(f"  {remedy.risk}").stylize(RISK_STYLE[remedy.risk]) if remedy.risk else Content("")
                paras.append(Para(Content(f" {one_line(remedy.command)} ").stylize("$strong on $code"), Content("  "), tail=risk))
    return paras


def _heading(words: str) -> Para:
    return Para(Content(words).stylize("bold $place"))

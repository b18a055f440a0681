"""An answer as the chat shows it: the root cause first, how it reaches the user, how sure, the fix, where it came from."""

from __future__ import annotations

import re
from collections.abc import Sequence

from textual.content import Content

from engine.core.types import Answer, Remedy, RootCause
from engine.flows.answering.compose import because, impact
from tui.state.run_view import RunView
from tui.style.text import bar, count, cut, one_line, plain, seconds
from tui.style.theme import RISK_STYLE
from tui.widgets.text.block import keys_of
from tui.widgets.text.code import Code, code_paras
from tui.widgets.text.flow import Para, blank
from tui.widgets.text.markdown import Link, Piece, cited, link_to, pieces, prose

OTHERS_SHOWN = 4
OTHER_WIDTH = 150
LIMITS_SHOWN = 4
OUTCOME_WORDS = {
    "refused": "refused",
    "rejected": "rejected, nothing was run",
    "nothing_to_do": "nothing to do",
    "cancelled": "stopped",
    "failed": "could not finish",
}


def link_of(view: RunView) -> Link:
    """Citations of a Run open its evidence or passage."""
    return lambda id: link_to("cite", view.id, id)


def question(view: RunView) -> list[Para]:
    """What the person asked."""
    lead = Content.assemble(("you  ", "bold $you"))
    return [Para(Content(plain(line)), lead if not i else Content("     ")) for i, line in enumerate(view.query.split("\n"))]


def head(view: RunView, now: float) -> Para:
    """`agent  troubleshooting · 4.1 s · 6 commands · 3 passages`."""
    facts = [view.tier] if view.tier else []
    facts.append(f"{seconds(view.took(now))} s")
    if view.commands:
        facts.append(count(len(view.commands), "command"))
    if view.passages:
        facts.append(count(len(view.passages), "passage"))
    if view.outcome in OUTCOME_WORDS:
        facts.append(OUTCOME_WORDS[view.outcome])
    return Para(Content(" · ".join(facts)).stylize("$quiet"), Content.assemble(("agent  ", "bold $place")))


def progress(view: RunView) -> list[Para]:
    """What goes on before there is an answer, in a grey line."""
    if not view.running:
        return []
    if view.waiting:
        return [Para(Content(view.waits_for).stylize("$wait"), Content.assemble(("… ", "$wait")))]
    step = view.step
    return [Para(Content(one_line(step.title) if step else "starting").stylize("$quiet"), Content.assemble(("… ", "$quiet")))]


def before_fix(view: RunView, answer: Answer) -> list[Piece]:
    """All of an answer that stands above the fix: paragraphs, and the code blocks between them."""
    link = link_of(view)
    if not answer.root_causes:
        return pieces(answer.text, link)
    paras = [*(_said(answer.lead, link) if answer.lead else []), *_cause(answer, view)]
    refuted = [h for h in answer.hypotheses if h.status == "refuted"]
    paras.append(blank())
    paras.append(_confidence(answer.root_causes[0], [one_line(h.statement) for h in refuted]))
    return [paras, *(pieces(view.text, link) if view.text.strip() else [])]


def _said(text: str, link: Link) -> list[Para]:
    """Plain lines before or behind the diagnosis."""
    return [*(Para(cited(line, link)) for line in text.splitlines()), blank()]


def elsewhere(view: RunView, answer: Answer) -> list[Para]:
    """One line on troubles that were not asked about."""
    return [blank(), Para(cited(answer.elsewhere, link_of(view), "$quiet"))] if answer.elsewhere and answer.root_causes else []


def joined(found: Sequence[Piece]) -> list[Para]:
    """Pieces as the paragraphs of one widget."""
    paras: list[Para] = []
    for piece in found:
        if paras:
            paras.append(blank())
        paras.extend(code_paras(piece.text, piece.language) if isinstance(piece, Code) else piece)
    return paras


def others(view: RunView, answer: Answer) -> list[Para]:
    """Further causes in a line or two each, below the fix of the first."""
    more = answer.root_causes[1:]
    if not more:
        return []
    paras = [blank(), Para(Content.assemble(("Also wrong", "bold $strong"), (f"  {count(len(more), 'more cause')}", "$quiet")))]
    for cause in more[:OTHERS_SHOWN]:
        summary = Content(cut(one_line(cause.summary), OTHER_WIDTH))
        paras.append(
            Para(
                Content.assemble(summary, "  ", *_ids(cause.evidence[:3], view)), Content.assemble((f" {cause.confidence:.2f} ", "$quiet"))
            )
        )
    if len(more) > OTHERS_SHOWN:
        paras.append(
            Para(
                Content(f"and {len(more) - OTHERS_SHOWN} more: the findings tab of the cluster pane lists all").stylize("$quiet"),
                Content("      "),
            )
        )
    return paras


def _cause(answer: Answer, view: RunView) -> list[Para]:
    cause = answer.root_causes[0]
    summary = _with_culprit(one_line(cause.summary), cause.object.name)
    if cause.evidence:
        summary = Content.assemble(summary, "  ", *_ids(cause.evidence, view))
    paras = [Para(summary, Content.assemble(("Root cause  ", "bold $bad")))]
    link = link_of(view)
    shown = because(answer)
    if shown is not None:
        quoted = cited(f"“{cut(one_line(shown.excerpt), OTHER_WIDTH)}” [{shown.id}]", link)
        paras.append(Para(quoted, Content.assemble(("because     ", "$quiet"))))
    for depth, clause in enumerate(impact(cause)):
        lead = Content.assemble((f"{' ' * 10}{'  ' * depth}└ " if depth else "impact      ", "$quiet"))
        paras.append(Para(cited(one_line(clause), link), lead))
    return paras


def _with_culprit(summary: str, name: str) -> Content:
    """The sentence in bold with what it accuses in amber: quoted words, or else the object's name."""
    content = Content(plain(summary)).stylize("bold $strong")
    quoted = re.search(r"[\"“`']([^\"”`']{2,80})[\"”`']", summary)
    culprit = quoted.group(1) if quoted else name
    at = summary.find(culprit) if culprit else -1
    return content.stylize("bold $wait", at, at + len(culprit)) if at >= 0 else content


def _ids(ids: tuple[str, ...], view: RunView) -> list[Content]:
    link = link_of(view)
    parts: list[Content] = []
    for id in ids:
        parts.append(Content(" ") if parts else Content(""))
        parts.append(Content(plain(id)).stylize("$place").stylize(link(id)))
    return parts


def _confidence(cause: RootCause, refuted: list[str]) -> Para:
    full, rest = bar(cause.confidence)
    look = "$good" if cause.confidence >= 0.7 else "$wait"
    parts: list[str | tuple[str, str]] = [
        ("confidence ", "$quiet"),
        (f"{cause.confidence:.2f} ", f"bold {look}"),
        (full, look),
        (rest, "$quiet"),
    ]
    if refuted:
        parts.append(("   refuted ", "$quiet"))
        parts.append(" · ".join(refuted))
    return Para(Content.assemble(*parts))


def fix_title(answer: Answer) -> list[Para]:
    """The heading over the fix; over the steps of an order that were not done."""
    changes = any(remedy.risk in ("mutate", "destructive") for remedy in answer.fix)
    title = "Not done" if answer.tier == "action" else "Fix"
    return [blank(), Para(Content.assemble((title, "bold $strong"), ("  changes ask first" if changes else "", "$quiet")))]


def fix_text(number: int, remedy: Remedy, view: RunView) -> Para:
    """One step of the fix in words."""
    return Para(cited(one_line(remedy.text), link_of(view)), Content.assemble((f" {number} ", "$wait")))


def fix_command(remedy: Remedy, *, keys: bool) -> list[Para]:
    """A step's command with its class, and the keys that work on it; in an old answer it is a link into the prompt."""
    risk = remedy.risk
    tail: list[str | Content | tuple[str, str]] = [("  ", ""), (risk, RISK_STYLE[risk] if risk else "")]
    command = Content(f" {one_line(remedy.command)} ").stylize("$strong on $code")
    if keys:
        tail.extend(keys_of(remedy.command, runs=True))
    else:
        command = command.stylize(link_to("block", "edit", remedy.command))
    return [Para(command, Content("   "), tail=Content.assemble(*tail))]


def quote(view: RunView, answer: Answer) -> list[Para]:
    """What the runbook says on the fix, in its own words."""
    if not answer.quotes:
        return []
    link = link_of(view)
    said = [Para(cited(line, link), Content.assemble(("   │ ", "$quiet"))) for line in answer.quotes]
    return [blank(), Para(cited(f"From the runbook [{answer.passages[0].id}]", link, "$quiet"), Content("   ")), *said]


def limits(answer: Answer) -> list[Para]:
    """How far the investigation came, where the text that says it is not shown: `not seen`, `could not be tested`, `time is up`."""
    if not answer.root_causes or not answer.limits:
        return []
    shown = [
        Para(Content(cut(one_line(line), OTHER_WIDTH)).stylize("$quiet"), Content.assemble((" ~ ", "$quiet")))
        for line in answer.limits[:LIMITS_SHOWN]
    ]
    more = len(answer.limits) - LIMITS_SHOWN
    return [blank(), *shown, *([Para(Content(f"and {more} more").stylize("$quiet"), Content("   "))] if more > 0 else [])]


def sources(view: RunView, answer: Answer) -> list[Para]:
    """`from D1 pvc-pending.md › StorageClass not found`."""
    if not answer.passages:
        return []
    link = link_of(view)
    parts: list[str | Content | tuple[str, str]] = []
    for number, passage in enumerate(answer.passages[:4], 1):
        id = passage.id or f"D{number}"
        heading = f" › {one_line(passage.heading[-1])}" if passage.heading else ""
        parts.extend(["   " if parts else "", Content(id).stylize("$place").stylize(link(id)), f" {plain(passage.path)}{heading}"])
    return [blank(), Para(Content.assemble(*parts), Content.assemble(("from ", "$quiet")))]


def typed_output(view: RunView) -> list[Para]:
    """What a command that a person typed has printed, a table drawn as one; the rest is in the output pane."""
    if view.answer is not None or view.text or view.tier or not view.commands:
        return []
    command = list(view.commands.values())[-1]
    if not command.head:
        return []
    more = command.lines - len(command.head)
    rest = [Para(Content(f"{count(more, 'more line')} in the output pane").stylize("$quiet"), Content("  "))] if more > 0 else []
    return [blank(), *code_paras("\n".join(command.head), "text"), *rest]


def notices(view: RunView) -> list[Para]:
    """What the person should know beside the answer, and why a Run ended early."""
    looks = {"info": ("i", "$quiet"), "warning": ("!", "$wait"), "error": ("✗", "$bad")}
    paras = [Para(Content(one_line(text)), Content.assemble((f"{looks[level][0]} ", looks[level][1]))) for level, text in view.notices]
    if view.outcome == "failed":
        paras.append(Para(Content(one_line(view.ending)), Content.assemble(("✗ ", "$bad"))))
    elif view.outcome == "cancelled":
        paras.append(
            Para(
                Content(f"{one_line(view.ending)}; results so far are kept").stylize("$quiet"),
                Content.assemble(("✗ stopped: ", "$wait")),
            )
        )
    return [blank(), *paras] if paras else []


def whole(view: RunView, now: float) -> list[Para]:
    """A finished turn as paragraphs of one widget."""
    paras = [*question(view), blank(), head(view, now)]
    answer = view.answer
    if answer is None:
        body = prose(view.text, link_of(view)) if view.text else typed_output(view)[1:]
        return [*paras, *([blank(), *body] if body else []), *notices(view)]
    paras.extend([blank(), *joined(before_fix(view, answer))])
    if answer.fix:
        paras.extend(fix_title(answer))
        for number, remedy in enumerate(answer.fix, 1):
            paras.append(fix_text(number, remedy, view))
            if remedy.command:
                paras.extend(fix_command(remedy, keys=False))
    return [
        *paras,
        *quote(view, answer),
        *others(view, answer),
        *limits(answer),
        *elsewhere(view, answer),
        *sources(view, answer),
        *notices(view),
    ]

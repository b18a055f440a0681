"""`/runbook`: a runbook drafted from the session's newest incident, shown in full, and written only after a yes."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from engine.core.events import AnswerFinished, QueryClassified, QueryReceived
from engine.core.run import Run
from engine.core.target import Place
from engine.core.types import Answer, ApprovalRequest, DryRun, ObjectRef, Verdict
from engine.session.incidents import Incident, front_matter, line, slug
from engine.session.postmortem import fence, span
from index.passage import Passage

EXPIRY = 600.0
SUFFIXES = 50
WRITES = Verdict("mutate", "runbook draft", "writes one new file into your documentation folder; nothing in the cluster changes")
HOW_TO_SET = 'To keep it, name a folder of yours in {config}:\n\n    [index]\n    docs = ["~/runbooks"]\n\nand ask for /runbook again.'


def write_runbook(
    run: Run, place: Place, incident: Incident | None, folders: Sequence[str], config: Path, sections: Callable[[str], Sequence[Passage]]
) -> str:
    """Draft, show, ask, write; the Run's outcome. `sections(path)` reads a runbook's sections, whose Verify and Prevent are quoted."""
    run.emit(QueryReceived(query="/runbook", context=place.context, namespace=place.namespace, mode=place.mode))
    run.emit(QueryClassified(tier="action", reason="drafts a runbook from the newest diagnosis"))
    outcome, text = _write(run, place, incident, folders, config, sections)
    run.emit(AnswerFinished(answer=Answer(tier="action", text=text)))
    return outcome


def _write(
    run: Run, place: Place, incident: Incident | None, folders: Sequence[str], config: Path, sections: Callable[[str], Sequence[Passage]]
) -> tuple[str, str]:
    if incident is None or not incident.answer.root_causes:
        return "nothing_to_do", "No root cause was found in this session yet, so there is nothing to draft from: ask what is wrong first."
    text = draft(incident, sections)
    if not folders:
        return "refused", f"No folder is set for your own runbooks, so nothing was written. {HOW_TO_SET.format(config=config)}\n\n{text}"
    folder = Path(folders[0]).expanduser()
    if not folder.is_dir():
        return (
            "refused",
            f"{folder} ([index] docs) is not a folder, so nothing was written: make it, then ask for /runbook again.\n\n{text}",
        )
    path = _free(folder, incident.slug)
    decision = run.ask(
        ApprovalRequest(
            id="A-runbook",
            command=f"write {path}",
            argv=("write", str(path)),
            verdict=WRITES,
            context=place.context,
            namespace=place.namespace,
            touches_note=f"creates {path.name}, {len(text.splitlines())} lines",
            dry_run=DryRun(True, "the file does not exist yet; nothing is overwritten", how="look at the folder"),
            why=f"a runbook drafted from “{line(incident.query, 80)}”",
            evidence=incident.answer.root_causes[0].evidence,
            undo=f"delete {path}",
            manifest=text,
            expires_at=time.time() + EXPIRY,
        )
    )
    if decision.kind not in ("approve", "approve_session"):
        reason = "edit the file once it is written" if decision.kind == "edit" else decision.reason
        reason = f" ({reason})" if reason else ""
        return "rejected", f"Not written{reason}. The draft is only in this session."
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)
    except FileExistsError:
        return "refused", f"{path} appeared meanwhile, so nothing was written; ask for /runbook again."
    except OSError as error:
        return "refused", f"{path} could not be written: {error.strerror or error}. Check the folder's rights, then ask for /runbook again."
    return "answered", f"Written: {path}. The next question finds it; edit it as you like."


def draft(incident: Incident, sections: Callable[[str], Sequence[Passage]]) -> str:
    """The runbook as text: every line of it comes from the incident, or is quoted from the runbook that the answer cites."""
    answer = incident.answer
    cause = answer.root_causes[0]
    seen = [item for item in answer.evidence if item.id in cause.evidence] or list(answer.evidence[:3])
    title = incident.title
    known = _quoted(answer, sections)
    seen_on = time.strftime("%Y-%m-%d", time.gmtime(incident.at))
    out = [
        *front_matter(
            title, [cause.code], dict.fromkeys(c.object.kind for c in answer.root_causes), [cause.object.name, incident.namespace]
        ),
        f"# {title}",
        "",
        f"Drafted from what was seen on {seen_on}; the question was “{line(incident.query, 200)}”.",
        "",
        "## Symptoms",
        "",
        fence("\n".join(line(text, 160) for item in seen[:4] for text in _words(item.excerpt)[:6])),
        "",
        "## Likely causes",
        "",
        f"- {line(cause.summary, 600)} (found this time, confidence {cause.confidence:.2f})",
        *(f"  - {line(sentence)}" for sentence in cause.chain),
        *(f"- {line(h.statement)} (ruled out this time)" for h in answer.hypotheses if h.status == "refuted"),
        "",
        "## Diagnose",
        "",
        *_commands([record.command for record in answer.commands if record.risk == "read"] or _checks(cause.object)[:1]),
        *(
            f"- Look for {span(line(_words(item.excerpt)[0], 160))} in {line(item.source, 100)}."
            for item in seen[:3]
            if _words(item.excerpt)
        ),
        "",
        "## Fix",
        "",
    ]
    for remedy in answer.fix:
        out.append(f"- {line(remedy.text)}")
        out += ["", *_commands([remedy.command])] if remedy.command else []
    if not answer.fix:
        out += ["A person has to decide: no command fixes it by itself.", ""]
    out += [f"- Done then: {change}" for change in incident.changes] + ([""] if incident.changes else [])
    out += ["## Verify", "", *_commands(_checks(cause.object)), *known.get("Verify", ())]
    out += ["", "## Prevent", "", *(known.get("Prevent") or [f"Alert on {cause.code or 'this'} before a person has to ask."])]
    return "\n".join(_single_blanks(out)).rstrip() + "\n"


def _quoted(answer: Answer, sections: Callable[[str], Sequence[Passage]]) -> dict[str, list[str]]:
    """What the cited runbook says under Verify and Prevent, in words; its commands are examples and stay away."""
    from index.analyzer import analysis
    from index.search import advice

    found: dict[str, list[str]] = {}
    for passage in answer.passages[:1]:
        try:
            parts = sections(passage.path)
        except (LookupError, OSError, ValueError):
            return {}
        for part in parts:
            name = part.heading[-1]
            words = advice(part.text, analysis(), "", blocks=4, characters=400)
            if name in ("Verify", "Prevent") and words and name not in found:
                found[name] = [f"From {passage.path}:", "", *(f"- {sentence}" for sentence in words)]
    return found


def _checks(object: ObjectRef) -> list[str]:
    """Commands that show how an object stands; none where it is not one of the cluster (a log that was pasted)."""
    if not object.name or object.kind == "Log":
        return []
    where = f" -n {object.namespace}" if object.namespace else ""
    name = f"{object.kind.lower()}/{object.name}"
    checks = [f"kubectl get {name}{where}"]
    if object.kind in ("Deployment", "StatefulSet", "DaemonSet"):
        checks.append(f"kubectl rollout status {name}{where} --timeout=120s")
    return checks


def _words(excerpt: str) -> list[str]:
    """The lines of an excerpt that a person would recognise; objects as JSON are for machines."""
    return [text for text in excerpt.splitlines() if text.strip() and not text.lstrip().startswith(("[{", "{"))]


def _commands(commands: Sequence[str]) -> list[str]:
    return ["```bash", *(" ".join(command.split()) for command in commands), "```", ""] if commands else []


def _free(folder: Path, name: str) -> Path:
    """A path in the folder that nothing is at."""
    for number in range(1, SUFFIXES):
        path = folder / f"{slug(name)}{f'-{number}' if number > 1 else ''}.md"
        if not path.exists() and not path.is_symlink():
            return path
    return folder / f"{slug(name)}-{int(time.time())}.md"


def _single_blanks(lines: Sequence[str]) -> list[str]:
    return [text for number, text in enumerate(lines) if text or not number or lines[number - 1]]

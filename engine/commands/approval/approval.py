"""What a person sees before saying yes, and whether it still holds when they did.

`Approvals` reads the touched objects, lets the server try the change (`--dry-run=server`) and shows the difference. The request is
bound to a digest of argv, environment, place, manifest and objects; `changed_since` compares it right before the command runs.
"""

from __future__ import annotations

import dataclasses
import difflib
import hashlib
import json
import shlex
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from engine.cluster.source import ClusterSource
from engine.commands.approval.preview import Preview, preview, undo_sentence
from engine.commands.execution.runner import CommandResult, Runner
from engine.commands.kubectl.call import read_call
from engine.commands.parsing.lexer import Part, Refused, Script, Stage
from engine.commands.policy.policy import Judgement
from engine.core.cancel import CancelToken
from engine.core.redaction.redactor import Redactor
from engine.core.target import Place
from engine.core.types import ApprovalRequest, DryRun, ObjectRef

EXPIRY = 300.0
"""Seconds that a person has for an answer."""
SHOWN_OBJECTS = 200
DIFF_LINES = 400
_KEEP = 16 * 1024 * 1024
_NOISE = ("managedFields", "resourceVersion", "uid", "generation", "creationTimestamp", "selfLink")


class Approvals:
    """Prepares and re-checks approval requests at one place; raises nothing but `Cancelled`."""

    def __init__(self, runner: Runner, source: ClusterSource, place: Place, redactor: Redactor, token: CancelToken) -> None:
        self._runner = Runner(dataclasses.replace(runner.settings, keep_bytes=_KEEP))
        self._source = source
        self._place = place
        self._redactor = redactor
        self._token = token

    def prepare(
        self,
        id: str,
        command: str,
        script: Script,
        judgement: Judgement,
        *,
        why: str = "",
        evidence: tuple[str, ...] = (),
        objects: tuple[ObjectRef, ...] = (),
    ) -> ApprovalRequest:
        """The request for a script that changes something; reads the cluster, changes nothing."""
        stage = script.stages[0]
        plan = _plan(stage.argv)
        live, note = self._live(plan)
        self._token.check()
        dry_run = self._dry_run(plan, live)
        self._token.check()
        touches = _refs(live) or objects
        risk = judgement.verdict.risk
        typed = ""
        if risk == "destructive" or self._place.protected:
            typed = _typed_name(touches, plan, self._place)
        return ApprovalRequest(
            id=id,
            command=command,
            argv=stage.argv,
            verdict=judgement.verdict,
            context=self._place.context,
            namespace=_namespace(stage.argv, self._place),
            server=self._place.server,
            user=self._place.user,
            touches=touches[:SHOWN_OBJECTS],
            touches_note=note or _touches_note(touches, plan),
            dry_run=dry_run,
            why=why,
            evidence=evidence,
            undo=_undo(stage.argv, live, plan),
            protected=self._place.protected,
            typed_name=typed,
            manifest=self._manifest(stage.argv),
            digest=self._digest(script, live),
            expires_at=time.time() + EXPIRY,
        )

    def changed_since(self, request: ApprovalRequest, script: Script) -> str:
        """Why an approval no longer holds, as a sentence, or "" when all is as it was shown."""
        if request.expires_at and time.time() > request.expires_at:
            return "The approval has expired; propose the command again."
        if not script.stages or script.stages[0].argv != request.argv:
            return "The command is not the one that was approved."
        plan = _plan(script.stages[0].argv)
        live, note = self._live(plan)
        self._token.check()
        if self._digest(script, live) == request.digest:
            return ""
        what = note if note and note != request.touches_note else "The objects or the file changed since the approval was shown"
        return f"{what.rstrip('.')}; nothing was run. Propose the command again to see it as it is now."

    def _read(self, argv: Sequence[str]) -> CommandResult:
        return self._runner.run(Script((Part((Stage(tuple(argv)),)),)), cancel=self._token, redactor=self._redactor)

    def _live(self, plan: Preview) -> tuple[list[Mapping[str, Any]], str]:
        """The touched objects as they are, and a note where they could not be read."""
        if not plan.live:
            return [], ""
        result = self._read(plan.live)
        if not result.ok:
            return [], _first_line(result) or "The objects could not be read"
        if plan.secret:
            names = [line.partition("/") for line in result.stdout.split("\n") if "/" in line]
            return [{"kind": "Secret", "metadata": {"name": name, "namespace": self._place.namespace}} for _, _, name in names], ""
        if not result.stdout.strip():
            return [], "Nothing that the command names exists"
        try:
            body = json.loads(result.stdout)
        except ValueError:
            return [], "There are too many objects to show them" if result.truncated else "The objects could not be read"
        items = body.get("items") if body.get("kind") == "List" or "items" in body else [body]
        return [item for item in items or [] if isinstance(item, dict)], ""

    def _dry_run(self, plan: Preview, live: Sequence[Mapping[str, Any]]) -> DryRun | None:
        if not plan.dry_run:
            return None
        result = self._read(plan.dry_run)
        if not result.ok:
            return DryRun(False, _first_line(result) or result.error or "The server refused the dry run.", how=plan.how)
        text = result.stdout.strip().split("\n")[0] if result.stdout.strip() else "The server accepts it."
        diff: tuple[str, ...] = ()
        if plan.result and len(live) == 1:
            after = self._read(plan.result)
            try:
                body = json.loads(after.stdout) if after.ok else None
            except ValueError:
                body = None
            if isinstance(body, dict):
                diff = difference(live[0], body)
        return DryRun(True, text, diff, plan.how)

    def _manifest(self, argv: Sequence[str]) -> str:
        """The text of the files of `-f`, for the dialog."""
        texts = []
        for path in _files(argv):
            try:
                texts.append(self._redactor.text(path.read_text(encoding="utf-8", errors="replace")))
            except OSError as error:
                texts.append(f"{path} could not be read: {error.strerror}")
        return "\n---\n".join(texts)

    def _digest(self, script: Script, live: Sequence[Mapping[str, Any]]) -> str:
        files = []
        for path in _files(script.stages[0].argv if script.stages else ()):
            try:
                files.append(hashlib.sha256(path.read_bytes()).hexdigest())
            except OSError:
                files.append("missing")
        return digest(
            [stage.argv for stage in script.stages],
            self._runner.environment(script.stages[0].argv[0]) if script.stages else {},
            (self._place.context, self._place.namespace, self._place.server, self._place.user),
            files,
            [fingerprint(item) for item in live],
        )


def is_exactly(text: str, request: ApprovalRequest) -> bool:
    """Whether a text names exactly the command that is asked about; the context that pinning added need not be named."""
    if text == request.command:
        return True
    try:
        words = tuple(shlex.split(text))
    except ValueError:
        return False
    return words in (request.argv, request.argv[:-2] if request.argv[-2:] == ("--context", request.context) else request.argv)


def digest(
    argvs: Sequence[Sequence[str]], env: Mapping[str, str], place: Sequence[str], files: Sequence[str], objects: Sequence[str]
) -> str:
    """One hash over all that an approval is bound to."""
    body = json.dumps([[list(argv) for argv in argvs], sorted(env.items()), list(place), list(files), sorted(objects)])
    return hashlib.sha256(body.encode()).hexdigest()


def fingerprint(item: Mapping[str, Any]) -> str:
    """A hash of an object's identity and wanted state: uid, generation, spec, data, labels; not of its status."""
    meta = item.get("metadata", {})
    kept = {key: value for key, value in item.items() if key not in ("status", "metadata")}
    kept["metadata"] = {
        key: meta.get(key) for key in ("uid", "name", "namespace", "generation", "labels", "annotations", "finalizers", "deletionTimestamp")
    }
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[str, ...]:
    """Marked lines between two states of an object as YAML, with two lines around each change; noise of the server left out."""
    lines = [line for line in difflib.unified_diff(_yaml(before), _yaml(after), lineterm="", n=2) if not line.startswith(("---", "+++"))]
    if len(lines) > DIFF_LINES:
        return (*lines[:DIFF_LINES], f"… {len(lines) - DIFF_LINES} more lines")
    return tuple(lines)


def _yaml(item: Mapping[str, Any]) -> list[str]:
    import yaml

    plain = {key: value for key, value in item.items() if key != "status"}
    meta = dict(plain.get("metadata") or {})
    for key in _NOISE:
        meta.pop(key, None)
    annotations = {key: value for key, value in (meta.get("annotations") or {}).items() if not key.endswith("last-applied-configuration")}
    meta.pop("annotations", None)
    if annotations:
        meta["annotations"] = annotations
    plain["metadata"] = meta
    text: str = yaml.safe_dump(plain, sort_keys=True, default_flow_style=False, allow_unicode=True, width=1000)
    return text.splitlines()


def _plan(argv: Sequence[str]) -> Preview:
    try:
        return preview(argv)
    except Refused:
        return Preview()


def _refs(live: Sequence[Mapping[str, Any]]) -> tuple[ObjectRef, ...]:
    return tuple(
        ObjectRef(
            str(item.get("kind", "")), str(item.get("metadata", {}).get("namespace", "")), str(item.get("metadata", {}).get("name", ""))
        )
        for item in live
    )


def _touches_note(touches: Sequence[ObjectRef], plan: Preview) -> str:
    if plan.creates:
        return f"creates {plan.creates}"
    kinds: dict[str, int] = {}
    for ref in touches:
        kinds[ref.kind] = kinds.get(ref.kind, 0) + 1
    return ", ".join(f"{count} {kind}{'s' if count > 1 and not kind.endswith('s') else ''}" for kind, count in kinds.items())


def _typed_name(touches: Sequence[ObjectRef], plan: Preview, place: Place) -> str:
    """What a person types: the object's name, the count of a bulk change, or the context when nothing is named."""
    if plan.creates:
        return plan.creates.rsplit("/", 1)[-1]
    if len(touches) == 1:
        return touches[0].name
    if len(touches) > 1:
        return str(len(touches))
    return place.context or "yes"


def _undo(argv: Sequence[str], live: Sequence[Mapping[str, Any]], plan: Preview) -> str:
    if argv[0] not in ("kubectl", "oc"):
        return "There is no undo for a command on the host."
    try:
        call = read_call(("kubectl", *argv[1:]))
    except Refused:
        return "There is no undo that is known here."
    return undo_sentence(call, live, plan.secret)


def _namespace(argv: Sequence[str], place: Place) -> str:
    if argv[0] != "kubectl":
        return place.namespace
    try:
        return read_call(argv).last("namespace") or place.namespace
    except Refused:
        return place.namespace


def _files(argv: Sequence[str]) -> list[Path]:
    if not argv or argv[0] not in ("kubectl", "oc"):
        return []
    try:
        call = read_call(("kubectl", *argv[1:]))
    except Refused:
        return []
    return [Path(name) for value in call.parsed.all("filename") for name in value.split(",") if name and name != "-"]


def _first_line(result: CommandResult) -> str:
    """The first telling line of what went wrong, in the server's own words."""
    lines = [line for line in (result.stderr or result.error).split("\n") if line.strip() and not line.startswith(("W", "I0", "E0"))]
    return lines[0].strip() if lines else result.error

"""What a person sees before saying yes, and whether it still holds when they did.

`Approvals` reads the touched objects, lets the server try the change (`--dry-run=server`) and shows the difference. The request is
bound to a digest of argv, environment, place, manifest and objects; `recheck` compares it right before the command runs.
"""

from __future__ import annotations

import dataclasses
import difflib
import hashlib
import json
import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.cluster.live.kubeconfig import identity
from engine.cluster.source import RawObject
from engine.commands.approval.preview import Preview, preview, undo_sentence
from engine.commands.execution.runner import CommandResult, Runner
from engine.commands.kubectl.call import PROGRAMS, Call, read_call
from engine.commands.kubectl.manifests import files_of, named_in_files
from engine.commands.parsing.lexer import Part, Refused, Script, Stage
from engine.commands.policy.policy import Judgement, Policy
from engine.core.cancel import CancelToken
from engine.core.redaction.escapes import strip_escapes
from engine.core.redaction.redactor import Redactor
from engine.core.target import Place
from engine.core.types import ApprovalRequest, DryRun, ObjectRef

EXPIRY = 300.0
"""Seconds that a person has for an answer."""
SHOWN_OBJECTS = 200
DIFF_LINES = 400
_KEEP = 16 * 1024 * 1024
_NOISE = ("managedFields", "resourceVersion", "uid", "generation", "creationTimestamp", "selfLink")


@dataclass(frozen=True, slots=True)
class Recheck:
    """What a second look found: why the approval no longer holds ("" when it does), and the objects that its digest covers."""

    changed: str = ""
    objects: tuple[RawObject, ...] = ()


class Approvals:
    """Prepares and re-checks approval requests at one place; raises nothing but `Cancelled`."""

    def __init__(self, runner: Runner, policy: Policy, place: Place, redactor: Redactor, token: CancelToken) -> None:
        self._runner = Runner(dataclasses.replace(runner.settings, keep_bytes=_KEEP))
        self._policy = policy
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
        call = _call(stage.argv)
        plan = self._plan(call)
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
            namespace=(call.last("namespace") if call else None) or self._place.namespace,
            server=self._place.server,
            user=self._place.user,
            touches=touches[:SHOWN_OBJECTS],
            touches_note=note or _touches_note(touches, plan),
            dry_run=dry_run,
            why=why,
            evidence=evidence,
            undo=undo_sentence(call, live, plan.secret) if call else "There is no undo for this command.",
            protected=self._place.protected,
            typed_name=typed,
            manifest=self._manifest(call),
            digest=self._digest(script, call, live),
            expires_at=time.time() + EXPIRY,
        )

    def recheck(self, request: ApprovalRequest, script: Script) -> Recheck:
        """Whether all is still as it was shown, right before the command runs."""
        if request.expires_at and time.time() > request.expires_at:
            return Recheck("The approval has expired; propose the command again.")
        if not script.stages or script.stages[0].argv != request.argv:
            return Recheck("The command is not the one that was approved.")
        call = _call(script.stages[0].argv)
        live, note = self._live(self._plan(call))
        self._token.check()
        if self._digest(script, call, live) == request.digest:
            return Recheck(objects=tuple(live))
        what = (
            note
            if note and note != request.touches_note
            else "The objects, the file or the kubeconfig changed since the approval was shown"
        )
        return Recheck(f"{what.rstrip('.')}; nothing was run. Propose the command again to see it as it is now.")

    def objects_now(self, script: Script) -> tuple[RawObject, ...]:
        """The touched objects as they are at this moment, for instance after the change."""
        return tuple(self._live(self._plan(_call(script.stages[0].argv)))[0])

    def _plan(self, call: Call | None) -> Preview:
        try:
            return preview(call, self._policy.judge_argv, named_in_files(call, self._policy.settings.workspace)) if call else Preview()
        except Refused:
            return Preview()

    def _read(self, argv: Sequence[str]) -> CommandResult:
        return self._runner.run(_script(argv), cancel=self._token, redactor=self._redactor)

    def _read_objects(self, argv: Sequence[str]) -> tuple[CommandResult, str]:
        """The output of a read as the server gave it: undo puts these bytes back, and nobody is shown them unredacted."""
        pieces: list[bytes] = []

        def take(chunk: bytes) -> None:
            if sum(map(len, pieces)) < _KEEP:
                pieces.append(chunk)

        result = self._runner.run(_script(argv), cancel=self._token, redactor=self._redactor, raw=take)
        return result, b"".join(pieces).decode("utf-8", "replace")

    def _live(self, plan: Preview) -> tuple[list[RawObject], str]:
        """The touched objects as they are, and a note where they could not be read."""
        if not plan.live:
            return [], ""
        result, text = self._read_objects(plan.live)
        if not result.ok:
            return [], _first_line(result) or "The objects could not be read"
        if plan.secret:
            return [_named_only(line, self._place.namespace) for line in text.split("\n") if "/" in line], ""
        if not text.strip():
            return [], "Nothing that the command names exists"
        try:
            body = json.loads(text)
        except ValueError:
            return [], "There are too many objects to show them" if len(text) >= _KEEP else "The objects could not be read"
        items = body.get("items") if body.get("kind") == "List" or "items" in body else [body]
        return [item for item in items or [] if isinstance(item, dict)], ""

    def _dry_run(self, plan: Preview, live: Sequence[RawObject]) -> DryRun | None:
        if not plan.dry_run:
            return None
        result = self._read(plan.dry_run)
        if not result.ok:
            return DryRun(False, _first_line(result) or result.error or "The server refused the dry run.", how=plan.how)
        text = result.stdout.strip().split("\n")[0] if result.stdout.strip() else "The server accepts it."
        diff: tuple[str, ...] = ()
        if plan.result and len(live) == 1:
            after, printed = self._read_objects(plan.result)
            try:
                body = json.loads(printed) if after.ok else None
            except ValueError:
                body = None
            if isinstance(body, dict):
                diff = difference(live[0], body, self._redactor.text)
        return DryRun(True, text, diff, plan.how)

    def _manifest(self, call: Call | None) -> str:
        """The text of the files of `-f`, for the dialog."""
        texts = []
        for path in files_of(call) if call else ():
            try:
                texts.append(self._redactor.text(strip_escapes(path.read_text(encoding="utf-8", errors="replace"))))
            except OSError as error:
                texts.append(f"{path} could not be read: {error.strerror}")
        return "\n---\n".join(texts)

    def _digest(self, script: Script, call: Call | None, live: Sequence[RawObject]) -> str:
        files = []
        for path in files_of(call) if call else ():
            try:
                files.append(hashlib.sha256(path.read_bytes()).hexdigest())
            except OSError:
                files.append("missing")
        kubeconfig = self._runner.settings.kubeconfig
        if kubeconfig is not None:
            files.append(identity(kubeconfig))
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


def difference(before: Mapping[str, Any], after: Mapping[str, Any], redact: Callable[[str], str] = lambda text: text) -> tuple[str, ...]:
    """Marked lines between two states of an object as YAML, with two lines around each change; noise of the server left out."""
    old, new = (redact(_yaml(item)).splitlines() for item in (before, after))
    lines = [line for line in difflib.unified_diff(old, new, lineterm="", n=2) if not line.startswith(("---", "+++"))]
    if len(lines) > DIFF_LINES:
        return (*lines[:DIFF_LINES], f"… {len(lines) - DIFF_LINES} more lines")
    return tuple(lines)


def _yaml(item: Mapping[str, Any]) -> str:
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
    return text


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


def _call(argv: Sequence[str]) -> Call | None:
    """The kubectl or oc call of an argv; None for other programs and for what cannot be read."""
    try:
        return read_call(argv) if argv[0] in PROGRAMS else None
    except Refused:
        return None


def _named_only(line: str, namespace: str) -> RawObject:
    """What `-o name` says of an object whose content is not read."""
    kind, _, name = line.partition("/")
    return {"kind": kind.split(".")[0].title(), "metadata": {"name": name, "namespace": namespace}}


def _script(argv: Sequence[str]) -> Script:
    return Script((Part((Stage(tuple(argv)),)),))


def _first_line(result: CommandResult) -> str:
    """The first telling line of what went wrong, in the server's own words."""
    lines = [line for line in (result.stderr or result.error).split("\n") if line.strip() and not line.startswith(("W", "I0", "E0"))]
    return lines[0].strip() if lines else result.error

"""From a command's text to its verdict: tables, not heuristics; what no table knows is refused.

The verdict of a script is the strictest of its stages. A command that changes something stands alone. A verdict never depends
on what is installed here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from engine.commands.kubectl import rules
from engine.commands.parsing.lexer import Part, Refused, Script, Stage, parse
from engine.commands.parsing.verdicts import stricter
from engine.commands.policy import filters
from engine.core.redaction.redactor import Redactor
from engine.core.types import Verdict

DEFECT = "policy.defect"
"""The rule of a verdict that a defect of the policy itself led to."""
_WHOLE_LINES = frozenset(["grep", "egrep", "fgrep", "head", "tail", "sort", "uniq", "wc", "cat", "nl", "tac"])
"""Filters that leave lines whole."""
_UNKNOWN = frozenset(["policy.unknown", "kubectl.verb", "oc.verb", "host.command"])
"""Refusals of what no table knows; only these can be lifted by the settings."""


@dataclass(frozen=True, slots=True)
class PolicySettings:
    """What a person set in `[policy]`, and what is known of the place.

    `allowed` are command beginnings as words ("crictl inspect", "velero backup get"): they are read commands from then on, if every
    further word is a plain operand. `allowed_flags` are kubectl flags (`--warnings-as-errors`). `forbidden_patterns` are regular
    expressions over the text. `contexts` are the kubeconfig's (empty: any name). `workspace` is the folder that holds copied manifests.
    """

    read_only: bool = False
    allowed: tuple[str, ...] = ()
    allowed_flags: tuple[str, ...] = ()
    forbidden_patterns: tuple[str, ...] = ()
    contexts: tuple[str, ...] = ()
    workspace: str = ""


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict, the script that it is about (None when the text was refused unread), and how it came about, line by line."""

    verdict: Verdict
    script: Script | None
    explain: tuple[str, ...] = ()


class Policy:
    """Judges text and argv under settings; cheap, and the same at every call."""

    def __init__(self, settings: PolicySettings | None = None) -> None:
        self.settings = settings or PolicySettings()
        self._patterns = tuple(re.compile(pattern) for pattern in self.settings.forbidden_patterns)

    def judge(self, text: str) -> Judgement:
        """The verdict on a text; never raises."""
        try:
            script = parse(text)
        except Refused as refused:
            verdict = Verdict("forbidden", refused.rule, refused.reason)
            return Judgement(verdict, None, (f"not parsed: {refused.rule}", refused.reason))
        return self.judge_script(script, text)

    def judge_script(self, script: Script, text: str = "") -> Judgement:
        """The verdict on a script, for instance one that was pinned to a place."""
        explain: list[str] = []
        verdict: Verdict | None = None
        for number, part in enumerate(script.parts, 1):
            for position, stage in enumerate(part.stages):
                own = self._stage(part, position, stage)
                explain.append(f"{number}.{position + 1} {' '.join(map(_quoted, stage.argv))}: {own.risk} by {own.rule}: {own.reason}")
                verdict = own if verdict is None else stricter(verdict, own)
        if verdict is None:
            verdict = Verdict("forbidden", "lexer.empty", "There is no command in the text.")
        verdict = self._whole(script, text, verdict)
        explain.append(f"verdict: {verdict.risk} by {verdict.rule}: {verdict.reason}")
        return Judgement(verdict, script, tuple(explain))

    def judge_argv(self, argv: Sequence[str]) -> Verdict:
        """The verdict on a single command that needs no text."""
        return self.judge_script(Script((Part((Stage(tuple(argv)),)),))).verdict

    def _whole(self, script: Script, text: str, verdict: Verdict) -> Verdict:
        """What holds for the script as a whole."""
        if verdict.risk == "forbidden":
            return verdict
        for part in script.parts:
            first = part.stages[0].argv
            if any(first[at : at + 2] == ("set", "env") for at in range(len(first))) and any(
                stage.argv[0] not in _WHOLE_LINES for stage in part.stages[1:]
            ):
                return Verdict(
                    "forbidden", "policy.values", "Variables are listed with their names, so that secrets among them are recognised."
                )
        written = text or " ".join(word for stage in script.stages for word in stage.argv)
        for pattern in self._patterns:
            if pattern.search(written):
                return Verdict("forbidden", "policy.pattern", f"The settings forbid commands that match {pattern.pattern!r}.")
        if verdict.risk == "read":
            return verdict
        if len(script.stages) > 1:
            return Verdict(
                "forbidden",
                "policy.alone",
                "A command that changes something stands alone, so that it can be judged and approved: run it by itself. "
                f"({verdict.reason})",
            )
        if self.settings.read_only:
            return Verdict(
                "forbidden", "policy.read-only", f"The session is read-only here, and this would be {verdict.risk}: {verdict.reason}"
            )
        return verdict

    def _stage(self, part: Part, position: int, stage: Stage) -> Verdict:
        try:
            _check_words(stage, position)
            _check_secrets(stage)
            return self._program(stage.argv, position)
        except Refused as refused:
            unknown = refused.rule in _UNKNOWN and position == 0
            return (self._allowed(stage.argv) if unknown else None) or Verdict("forbidden", refused.rule, refused.reason)
        except Exception as error:  # noqa: BLE001 — a defect in a judge must refuse, never pass
            return Verdict(
                "forbidden", DEFECT, f"The command could not be judged ({type(error).__name__}), so it is not run. Please report it."
            )

    def _program(self, argv: tuple[str, ...], position: int) -> Verdict:
        program = argv[0]
        settings = self.settings
        if "/" in program:
            raise Refused("policy.path", "Programs are given by name, not by path; the session decides where they come from.")
        if position > 0 and not filters.known(program):
            advice = filters.advice(program)
            raise Refused("policy.pipe", f"{program!r} does not stand behind a pipe here: {advice or 'only known filters do'}.")
        if program == "kubectl":
            return rules.judge(argv, contexts=settings.contexts, workspace=settings.workspace, allowed_flags=settings.allowed_flags)
        if program == "oc":
            from engine.commands.kubectl import openshift

            return openshift.judge(argv, contexts=settings.contexts, workspace=settings.workspace, allowed_flags=settings.allowed_flags)
        if filters.known(program):
            return filters.judge(argv, piped=position > 0)
        from engine.commands.policy import host_programs

        if host_programs.known(program):
            return host_programs.judge(argv)
        if program in ("sudo", "su", "doas", "pkexec", "runuser"):
            raise Refused("policy.privilege", "Rights are not raised here; start the session as the user that may do this.")
        advice = filters.advice(program)
        raise Refused(
            "policy.unknown",
            f"{program!r} is in no table, so what it does is not known{': ' + advice if advice else ''}. It can be allowed in [policy].",
        )

    def _allowed(self, argv: tuple[str, ...]) -> Verdict | None:
        """A read by the settings: the words begin as allowed, and no further word is a flag that was not allowed with them."""
        for entry in self.settings.allowed:
            words = tuple(entry.split())
            if words and argv[: len(words)] == words and not any(word.startswith("-") for word in argv[len(words) :]):
                return Verdict("read", "policy.allowed", f"The settings allow {entry!r}.")
        return None


def _check_words(stage: Stage, position: int) -> None:
    """Letters beyond ASCII only as values of filters, where they cannot be mistaken for a name or a flag."""
    for place, word in enumerate(stage.argv):
        if word.isascii():
            continue
        if place == 0 or word.startswith("-") or not filters.known(stage.argv[0]):
            raise Refused(
                "policy.letters", f"{word!r} holds letters beyond ASCII, which look like others; names and flags are plain letters here."
            )


def _check_secrets(stage: Stage) -> None:
    if filters.known(stage.argv[0]):
        return
    line = " ".join(stage.argv)
    if Redactor().holds_secret(line):
        raise Refused(
            "policy.secret",
            "The command itself holds what looks like a secret; it would end up in the history and in the audit. "
            "Use a manifest or the settings.",
        )


def _quoted(word: str) -> str:
    return word if word and re.fullmatch(r"[A-Za-z0-9_./:=@%,+-]+", word) else "'" + word.replace("'", "'\"'\"'") + "'"

"""Judges filters: programs that read the pipe and write to the next one. No file operands, and jq, awk and sed programs are read too."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from engine.commands.parsing.flags import Parsed, read_getopt
from engine.commands.parsing.verdicts import refusal, row_flags, table
from engine.core.types import Verdict

_ADVICE = {
    "xargs": "take the names from the output and give one command for each object",
    "parallel": "give one command after the other",
    "tee": "files are not written; the output is kept by the session",
    "less": "leave the pager out; the output scrolls here",
    "more": "leave the pager out; the output scrolls here",
    "most": "leave the pager out; the output scrolls here",
    "watch": "give the command itself, with -w if kubectl offers it",
    "sh": "no shell runs here",
    "bash": "no shell runs here",
    "python": "use jq, awk or sort for this",
    "python3": "use jq, awk or sort for this",
    "perl": "use sed or awk for this",
    "yq": "ask kubectl for -o json and use jq",
    "curl": "nothing is sent to other hosts",
    "nc": "nothing is sent to other hosts",
    "timeout": "leave it out; every command has a time limit here",
}


def known(program: str) -> bool:
    """Whether the program is in the filters' table."""
    return program in table("filters")


def row_of(program: str) -> dict[str, Any]:
    """The table row of a filter, aliases resolved."""
    rows = table("filters")
    row: dict[str, Any] = rows[program]
    return rows[row["same"]] if "same" in row else row


def judge(argv: Sequence[str], *, piped: bool) -> Verdict:
    """The verdict on a filter; raises `Refused`. Without a pipe in front only listed files may be its input."""
    program = argv[0]
    row = row_of(program)
    words = list(argv[1:])
    if program in ("echo", "printf", "true", "false"):
        if piped:
            raise refusal("filters.place", f"{program} does not read a pipe.")
        if program == "printf" and words[:1] and words[0].startswith("-"):
            raise refusal("filters.flag", "printf is run without flags.")
        return Verdict("read", f"filters.{program}", f"{program} prints its own words.")
    if program == "jq":
        from engine.commands.policy import jq

        words = jq.take_arguments(words)
    if row.get("program") in ("awk", "sed") and any(
        word.startswith("--") and (word, at) != ("--sandbox", 0) for at, word in enumerate(words)
    ):
        raise refusal("filters.flag", f"{program} is run with short flags only, since its versions read long ones differently.")
    parsed = read_getopt(words, row_flags(row), program, digits=bool(row.get("digits")), first=row.get("program") in ("awk", "sed"))
    if program == "tr":
        return _count(program, parsed, row)
    if "program" in row:
        _program(program, parsed, row)
        if not piped and not (program == "jq" and parsed.has("-n", "--null-input")):
            raise refusal("filters.place", f"{program} stands behind a pipe here; put a reading command in front of it.")
        return Verdict("read", f"filters.{program}", f"{program} only transforms what it is given.")
    operands = list(parsed.operands)
    if piped and program == "tail" and parsed.has("-f", "-F", "--follow", "--retry"):
        raise refusal("filters.flag", f"{program} follows files only; leave the flag out behind a pipe.")
    if row.get("pattern") and not parsed.has("-e", "--regexp"):
        if not operands:
            raise refusal("filters.pattern", f"{program} needs a pattern.")
        operands.pop(0)
    if row.get("files") and operands and not piped:
        return _files(program, operands)
    if "words" in row:
        operands = [word for word in operands if word != row["words"]]
    elif program != "seq" and operands == ["-"] and piped:
        operands = []
    if program == "seq":
        return _count(program, parsed, row)
    if operands:
        raise refusal("filters.file", f"{program} reads only the pipe here, so the file {operands[0]!r} is refused.")
    if not piped and not row.get("source"):
        raise refusal("filters.place", f"{program} stands behind a pipe here; put a reading command in front of it.")
    return Verdict("read", f"filters.{program}", f"{program} only transforms what it is given.")


def advice(program: str) -> str:
    """What to do instead of an unknown program, or ""."""
    return _ADVICE.get(program, "")


def _count(program: str, parsed: Parsed, row: dict[str, Any]) -> Verdict:
    least, most = row["operands"]
    if not least <= len(parsed.operands) <= most:
        raise refusal("filters.operands", f"{program} takes {least} to {most} operands here.")
    return Verdict("read", f"filters.{program}", f"{program} only transforms what it is given.")


def _files(program: str, operands: Sequence[str]) -> Verdict:
    from engine.commands.policy.host_programs import listed_file

    for file in operands:
        if not listed_file(file):
            raise refusal(
                "filters.file", f"{file!r} is not among the files that may be read; see the list in the guide, or ask for the fact itself."
            )
    return Verdict("read", f"host.file.{program}", "It reads a listed file of this host.")


def _program(program: str, parsed: Parsed, row: dict[str, Any]) -> None:
    if program == "sed":
        from engine.commands.policy import sed

        scripts = list(parsed.all("-e"))
        operands = list(parsed.operands)
        if not scripts and operands:
            scripts.append(operands.pop(0))
        if not scripts or operands:
            raise refusal("filters.sed", "sed takes one script and reads only the pipe here.")
        for script in scripts:
            sed.check(script)
        return
    if program == "jq":
        from engine.commands.policy import jq

        if len(parsed.operands) > 1:
            raise refusal("filters.file", f"jq reads only the pipe here, so the file {parsed.operands[1]!r} is refused.")
        for text in parsed.operands:
            jq.check(text)
        return
    if len(parsed.operands) != 1:
        raise refusal("filters.awk", "awk takes one program and reads only the pipe here.")
    for value in parsed.all("-v"):
        if not re.match(r"^(?:[a-z][a-z0-9_]*|OFS|ORS|FS|RS|SUBSEP|CONVFMT|OFMT)=", value):
            raise refusal("filters.awk", "-v sets only variables in small letters and OFS, ORS, FS, RS.")
    if any((len(value) > 1 and value.startswith("-")) or not value for value in parsed.all("-F")):
        raise refusal("filters.awk", "-F takes a separator.")
    from engine.commands.policy import awk

    awk.check(parsed.operands[0])

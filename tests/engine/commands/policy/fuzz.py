"""A fuzz run of policy and lexer, by hand: python tests/engine/commands/policy/fuzz.py [SECONDS] [SEED]

It mutates the labelled commands and checks what must hold for any text: judging ends with a verdict and quickly; what runs by
itself names no program, verb or flag that is refused; text with more around it is never weaker; quotes change nothing.
"""

from __future__ import annotations

import random
import shlex
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[4]))

from engine.commands.parsing.lexer import Refused, parse
from engine.commands.parsing.verdicts import table
from engine.commands.policy.policy import DEFECT, Policy
from engine.core.types import RISKS

FOLDER = Path(__file__).parents[3] / "data" / "safety"
ROWS = [
    line.split("\t", 1)[1]
    for name in ("commands.tsv", "more_commands.tsv")
    for line in (FOLDER / name).read_text(encoding="utf-8").split("\n")
    if line and not line.startswith("#")
]
REDIRECTIONS = ("2>&1", "2>/dev/null")
WORDS = sorted({word for row in ROWS for word in row.split()})
MARKS = [
    "'",
    '"',
    "\\",
    "$",
    "`",
    "|",
    "&",
    ";",
    "<",
    ">",
    "(",
    ")",
    "#",
    "~",
    "!",
    "=",
    ",",
    "/",
    ".",
    "-",
    "--",
    " ",
    "\t",
    "\n",
    "\u00a0",
    "\u202e",
    "е",
    "\uff0d",
    "\0",
]
POLICY = Policy()
REFUSED_FLAGS = tuple(
    f"--{name}" for name in table("kubectl_rules")["refused"] if name not in ("env", "filename", "recursive", "raw", "local", "interactive")
)
PROGRAMS = {"kubectl", "oc", *table("filters"), *table("host")}
WRITING = {
    "delete",
    "apply",
    "create",
    "edit",
    "patch",
    "replace",
    "scale",
    "exec",
    "run",
    "cp",
    "drain",
    "cordon",
    "taint",
    "attach",
    "proxy",
    "port-forward",
    "debug",
}


def splice(random_: random.Random, text: str) -> str:
    at = random_.randrange(len(text) + 1)
    return text[:at] + random_.choice(MARKS) + text[at:]


def drop(random_: random.Random, text: str) -> str:
    at = random_.randrange(len(text) + 1)
    return text[:at] + text[at + random_.randrange(1, 4) :]


def insert_word(random_: random.Random, text: str) -> str:
    words = text.split(" ")
    words.insert(random_.randrange(len(words) + 1), random_.choice(WORDS))
    return " ".join(words)


def swap_words(random_: random.Random, text: str) -> str:
    words = text.split(" ")
    first, second = random_.randrange(len(words)), random_.randrange(len(words))
    words[first], words[second] = words[second], words[first]
    return " ".join(words)


def cross(random_: random.Random, text: str) -> str:
    other = random_.choice(ROWS)
    return text[: random_.randrange(len(text) + 1)] + other[random_.randrange(len(other) + 1) :]


def flip_case(random_: random.Random, text: str) -> str:
    at = random_.randrange(len(text) + 1)
    return text[:at] + text[at : at + 1].swapcase() + text[at + 1 :]


MUTATIONS: list[Callable[[random.Random, str], str]] = [splice, drop, insert_word, insert_word, swap_words, cross, flip_case]


def problem(text: str) -> str:
    """What is wrong with the verdict on this text, or ""."""
    started = time.perf_counter()
    judgement = POLICY.judge(text)
    if time.perf_counter() - started > 1.0:
        return "slow"
    risk = judgement.verdict.risk
    if judgement.verdict.rule == DEFECT:
        return judgement.verdict.reason
    if not judgement.verdict.reason:
        return "no reason"
    for frame in ("{} | cat", "kubectl get pods; {}", "{} && kubectl get pods"):
        if judgement.script is not None and RISKS.index(POLICY.judge(frame.format(text)).verdict.risk) < RISKS.index(risk):
            return f"weaker in {frame!r}"
    if risk == "forbidden" or judgement.script is None:
        return ""
    for stage in judgement.script.stages:
        argv = stage.argv
        if argv[0] not in PROGRAMS:
            return f"runs {argv[0]!r}"
        quoted = " ".join("'" + word.replace("'", "'\\\"'\\\"'") + "'" for word in argv)
        if len(judgement.script.stages) == 1:
            try:
                ours = [word for word in parse(text).stages[0].argv if word not in REDIRECTIONS]
                theirs = [word for word in shlex.split(text.rstrip(" ;")) if word not in REDIRECTIONS]
                if ours != theirs and "\\$" not in text:
                    return "another argv than shlex"
                if "'" not in text and POLICY.judge(quoted).verdict.risk != risk:
                    return "quotes change the class"
            except (ValueError, Refused):
                return "not read by shlex"
        if argv[0] == "kubectl" and risk == "read" and "can-i" not in argv:
            end = next((at for at, word in enumerate(argv) if word == "--" and not _value(argv, at)), len(argv))
            words = argv[:end]  # behind a flag that takes a value, `--` is that value to kubectl too
            if any(word.startswith(("-h", "--help")) for word in words):
                continue  # kubectl prints help, whatever else is there
            if any(word.split("=", 1)[0] in REFUSED_FLAGS for at, word in enumerate(words) if not _value(words, at)):
                return "a refused flag in a read"
            if len(words) > 1 and words[1] in WRITING and not any(word.startswith("--dry-run") for word in words):
                return "a writing verb in a read"
    return ""


def _value(words: tuple[str, ...], at: int) -> bool:
    """Whether a word may be the value of the flag before it."""
    return at > 0 and words[at - 1].startswith("-") and "=" not in words[at - 1]


def main() -> None:
    """Fuzz for so many seconds and say what was found."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 60.0
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    random_ = random.Random(seed)
    until = time.monotonic() + seconds
    tried = found = 0
    classes = dict.fromkeys(RISKS, 0)
    while time.monotonic() < until:
        text = random_.choice(ROWS)
        for _ in range(random_.randrange(1, 5)):
            text = random_.choice(MUTATIONS)(random_, text)
        tried += 1
        classes[POLICY.judge(text).verdict.risk] += 1
        wrong = problem(text)
        if wrong:
            found += 1
            print(f"{wrong}: {text!r}")
    print(f"seed {seed}: {tried} texts in {seconds:.0f} s, {found} problems; {classes}")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()

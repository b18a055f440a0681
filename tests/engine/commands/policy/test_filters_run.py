"""What the policy takes for a filter is run under every awk, sed and jq that is installed: none starts a process or touches a file."""

from __future__ import annotations

import random
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.commands.parsing.lexer import Part, Script, Stage
from engine.commands.policy.policy import Policy

MOST = 60
"""Accepted programs that are run, under each interpreter."""
INTERPRETERS = {
    "awk": (("gawk",), ("mawk",), ("original-awk",), ("busybox", "awk")),
    "sed": (("sed",), ("busybox", "sed")),
    "jq": (("jq",),),
}
EVIL = {
    "awk": (
        'system("touch PWNED")',
        'print > "PWNED"',
        '"touch PWNED" | getline',
        'getline l < "SECRET"; print l',
        'print | "cat > PWNED"',
    ),
    "sed": ("w PWNED", "s/a/b/w PWNED", "e touch PWNED", "s/.*/touch PWNED/e", "r SECRET", "R SECRET", "W PWNED"),
    "jq": ("env", "$ENV", "input_filename", 'import "SECRET" as x; .', 'include "SECRET"; .', "$__prog_args"),
}
PIECES = {
    "awk": (
        'if (1) /"/',
        "while (n++ < 1) /x/",
        "$ /a=/",
        "y = 1 / 2",
        "x = a / b",
        '"/"',
        "/[/]/",
        "/[^/]/",
        "/a\\//",
        "/=/",
        "a /= 2",
        "n++ / 2",
        "(1) /x/",
        "$1 ~ /x/",
        "length /x/",
        "! /x/",
        "a[1] / 2",
        "{",
        "}",
        "(",
        ")",
        ";",
        ";",
        " ; ",
        "BEGIN",
        "END",
        "print",
        "print $1",
        "for (k in a) /x/",
        "do /x/",
        "else /x/",
        "return /x/",
        "1 ? /x/ : /y/",
        "/x/ /y/",
        '/"/',
        '"\\""',
        "#",
        "NR",
        'printf "%s", $1',
        'gsub(/x/, "y")',
        "switch (1) { case /x/: }",
        "print (1)(2)",
        "> 3",
        "in",
        ",",
        "-1",
        "/[[:alpha:]]/",
        "/[]/]/",
        "/\\[/",
        "/(/",
        "0",
    ),
    "sed": (
        "s/a/b/",
        "s,a,b,g",
        "s/[/]/x/",
        "s/[\\/]/x/",
        "s/\\c/e/",
        "y/a/b/",
        "/x/",
        "1",
        "$!",
        "N",
        "P",
        "D",
        "p",
        "d",
        "q",
        "{",
        "}",
        ";",
        ";",
        "\\",
        ":a",
        "ba",
        "ta",
        "$!ba",
        "1,3",
        "=",
        "l",
        "a x",
        "i\\",
        "s/x/\\\n/",
        "s|a|b|",
        "s/a/b/I",
        "s/\\//e/",
        "\\,x,",
        "#n",
        "[",
        "]",
        "/[/",
        "b;",
    ),
    "jq": (
        ".",
        ".items[]",
        ".a",
        ".[0]",
        "|",
        ",",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        '"x"',
        '"\\(',
        ')"',
        "env",
        ".env",
        "{env: 1}",
        "{env}",
        "$x",
        "as $x",
        "select(.a)",
        "keys",
        "1e9",
        "range(3)",
        "@base64d",
        "if . then 1 else 2 end",
        "reduce .[] as $i (0; . + 1)",
        "try",
        "//",
        "?",
        ":",
        "-1",
        'test("a")',
        "def f: env; f",
        "#",
        "input",
        "limit(1; .[])",
        "..",
        "tojson",
        "label $a | break $a",
        '.["env"]',
        "inputs",
    ),
}


def programs(kind: str, count: int) -> Iterator[str]:
    """Programs of random pieces, each with something evil in it or beside it; the same at every run."""
    chance = random.Random(kind)
    for _ in range(count):
        words = chance.choices(PIECES[kind], k=chance.randint(1, 6))
        words.insert(chance.randint(0, len(words)), chance.choice(EVIL[kind]))
        if chance.random() < 0.4:
            words.pop(chance.randrange(len(words)))
        text = chance.choice((" ", " ; ", "")).join(words)
        yield f"{{ {text} }}" if kind == "awk" and chance.random() < 0.6 else text


def argvs(kind: str, program: str, chance: random.Random) -> tuple[str, ...]:
    flags: dict[str, tuple[tuple[str, ...], ...]] = {
        "awk": ((), ("-F", ","), ("-F/",), ("-v", "x=1"), ("-v", "/=1"), ("--assign", "x=1"), ("--", "-f"), ("-f", "SECRET"), ("-e",)),
        "sed": ((), ("-n",), ("-E",), ("-e",), ("-ne",), ("-i",), ("-f", "SECRET"), ("--expression",), ("-s",)),
        "jq": (
            (),
            ("-r",),
            ("-n",),
            ("-R",),
            ("--arg", "x", "SECRET"),
            ("--slurpfile", "x", "SECRET"),
            ("-f", "SECRET"),
            ("--",),
            ("-nR",),
        ),
    }
    tails: tuple[tuple[str, ...], ...] = ((), (), (), ("SECRET",), ("--", "SECRET"), ("--arg", "y", "SECRET"), ("-F,",), ("-n",))
    return (kind, *chance.choice(flags[kind]), program, *chance.choice(tails))


@pytest.mark.parametrize("kind", ["awk", "sed", "jq"])
def test_an_accepted_filter_starts_nothing_and_touches_no_file(kind: str, tmp_path: Path) -> None:
    installed = [words for words in INTERPRETERS[kind] if shutil.which(words[0])]
    if not installed:
        pytest.skip(f"no {kind} is installed")
    policy = Policy()
    chance = random.Random(f"{kind} flags")
    canary = "canary-4d1f"
    accepted = 0
    problems: list[str] = []
    for program in programs(kind, 6000):
        argv = argvs(kind, program, chance)
        script = Script((Part((Stage(("kubectl", "get", "pods")), Stage(argv))),))
        if policy.judge_script(script).verdict.risk != "read":
            continue
        accepted += 1
        if accepted > MOST:
            break
        for words in installed:
            folder = tmp_path / "empty"
            folder.mkdir()
            (folder / "SECRET").write_text(canary)
            try:
                done = subprocess.run(
                    [*words, *argv[1:]],
                    input=b'{"items":[{"a":1,"env":"x"}]}\n',
                    capture_output=True,
                    cwd=folder,
                    env={"PATH": "/usr/bin:/bin", "EVIL": canary, "HOME": str(folder)},
                    timeout=0.5,
                    check=False,
                )
                output = done.stdout + done.stderr
            except subprocess.TimeoutExpired as late:
                output = (late.stdout or b"") + (late.stderr or b"")
            left = {path.name: path.read_text(errors="replace") for path in folder.iterdir()}
            if left != {"SECRET": canary} or canary.encode() in output:
                problems.append(f"{words}: {argv}: {sorted(left)}")
            shutil.rmtree(folder)
    assert not problems, problems[:5]
    assert accepted > 20, f"only {accepted} programs were accepted, so the test says little"

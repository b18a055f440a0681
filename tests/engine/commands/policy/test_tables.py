"""The tables are whole, and true of the kubectl that is installed."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest

from engine.commands.kubectl.call import accepted_flags, flag_table
from engine.commands.parsing.verdicts import row_flags, table
from engine.commands.policy import filters, host_programs
from engine.commands.tables import generate
from engine.core.types import RISKS

KUBECTL = next(
    (str(path) for path in (Path(sys.executable).parent / "kubectl", Path(shutil.which("kubectl") or "/nowhere")) if path.exists()),
    "",
)
SAMPLED = ("get", "logs", "delete", "apply", "scale", "rollout restart", "create deployment", "exec", "drain", "label")


@pytest.mark.kubectl
@pytest.mark.skipif(not KUBECTL, reason="no kubectl is installed")
@pytest.mark.parametrize("words", SAMPLED)
def test_no_flag_of_the_installed_kubectl_is_read_otherwise(words: str) -> None:
    text = generate.section(generate.run(KUBECTL, *words.split(), "--help"), "Options")
    ours = table("kubectl")["commands"][words] | table("kubectl")["global"]
    theirs = {match["name"]: match for match in generate.FLAG.finditer(text)}
    assert theirs
    for name, match in theirs.items():
        if name not in ours:
            continue  # an unknown flag is refused, so a newer kubectl is safe
        assert (ours[name]["shape"] == "bool") == (match["default"] in ("true", "false")), name
        assert match["short"] is None or ours[name].get("short") == match["short"], name


@pytest.mark.kubectl
@pytest.mark.skipif(not KUBECTL, reason="no kubectl is installed")
def test_the_global_flags_of_the_installed_kubectl_are_read_the_same() -> None:
    text = generate.run(KUBECTL, "options")
    ours = table("kubectl")["global"]
    for match in generate.FLAG.finditer(text):
        if match["name"] in ours:
            assert (ours[match["name"]]["shape"] == "bool") == (match["default"] in ("true", "false"))


@pytest.mark.parametrize("verb", table("kubectl_rules")["verbs"])
def test_every_accepted_flag_exists(verb: str) -> None:
    known = {flag.name for flag in flag_table(verb).values()} | set(table("kubectl_rules")["print"].split())
    missing = accepted_flags(verb) - known - {"help"}
    assert not missing


def test_every_verb_that_kubectl_has_is_in_a_table() -> None:
    written = table("kubectl_rules")
    judged = {*written["verbs"], *written["forbidden_verbs"]}
    left = set(table("kubectl")["commands"]) - judged
    assert left == {"certificate", "create service", "plugin", "set"}


def test_every_class_is_one_of_the_four() -> None:
    text = json.dumps([table(name) for name in ("kubectl_rules", "host", "openshift")])
    classes = set(
        json.loads(f"[{','.join(part.split(',')[0].split('}')[0] for part in text.split(chr(34) + 'risk' + chr(34) + ': ')[1:])}]")
    )
    assert classes <= set(RISKS)


@pytest.mark.parametrize("program", table("host"))
def test_no_host_flag_is_both_harmless_and_risky(program: str) -> None:
    row = table("host")[program]
    risky = {*row.get("risky_bool", "").split(), *row.get("risky_value", "").split()}
    assert not risky & row_flags(row).keys()
    assert risky <= row.get("flag_risk", {}).keys()


def test_no_program_is_in_two_tables() -> None:
    assert not [name for name in table("host") if filters.known(name)]
    assert not {"kubectl", "oc"} & {*table("host"), *table("filters")}
    assert host_programs.known("journalctl")

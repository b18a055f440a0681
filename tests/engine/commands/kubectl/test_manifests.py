"""Manifests are read once, checked, and copied where nobody else writes."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from engine.commands.kubectl.manifests import copy_manifests
from engine.commands.parsing.lexer import Refused, parse

GOOD = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n"


def copied(text: str, base: Path) -> tuple[str, ...]:
    return copy_manifests(parse(text), base / "kept", base).stages[0].argv


@pytest.mark.parametrize("spelling", ["-f a.yaml", "-fa.yaml", "-f=a.yaml", "--filename=a.yaml", "--filename a.yaml", "-f ./a.yaml"])
def test_every_spelling_of_the_flag_gets_the_copy(tmp_path: Path, spelling: str) -> None:
    (tmp_path / "a.yaml").write_text(GOOD)
    argv = copied(f"kubectl apply {spelling} -n web", tmp_path)
    (copy,) = (tmp_path / "kept").iterdir()
    assert argv == ("kubectl", "apply", "-f", str(copy), "-n", "web")
    assert copy.read_text() == GOOD
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600


def test_a_copy_stays_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(GOOD)
    script = copy_manifests(parse("kubectl apply -f a.yaml"), tmp_path / "kept", tmp_path)
    assert copy_manifests(script, tmp_path / "kept", tmp_path) == script


@pytest.mark.parametrize(
    ("name", "content", "rule"),
    [
        ("missing.yaml", None, "manifest.missing"),
        ("a.txt", GOOD, "manifest.kind"),
        (".hidden.yaml", GOOD, "manifest.kind"),
        ("kubeconfig.yaml", "apiVersion: v1\nkind: Config\nusers: []\n", "manifest.kind"),
        ("notes.yaml", "just: text\n", "manifest.yaml"),
        ("broken.yaml", "a: [\n", "manifest.yaml"),
        ("empty.yaml", "", "manifest.yaml"),
    ],
)
def test_what_is_no_manifest_is_refused(tmp_path: Path, name: str, content: str | None, rule: str) -> None:
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(Refused) as refused:
        copied(f"kubectl apply -f {name}", tmp_path)
    assert refused.value.rule == rule
    assert not (tmp_path / "kept").exists()


def test_a_link_is_judged_by_what_it_points_to(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").symlink_to("/etc/hostname")
    with pytest.raises(Refused):
        copied("kubectl apply -f a.yaml", tmp_path)


@pytest.mark.parametrize("name", ["-", "https://example.com/a.yaml"])
def test_streams_and_addresses_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(Refused):
        copied(f"kubectl apply -f {name}", tmp_path)


def test_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "all").mkdir()
    with pytest.raises(Refused, match="folder"):
        copied("kubectl apply -f all", tmp_path)


def test_other_commands_stay_as_they_are(tmp_path: Path) -> None:
    script = parse("kubectl get pods -n web | grep -f x")
    assert copy_manifests(script, tmp_path, tmp_path) == script

"""`setup`: does what it may, asks before it downloads or installs, and may be run again."""

from __future__ import annotations

import dataclasses
import tomllib
from pathlib import Path

from fakes.ollama_server import OllamaServer

from engine.agent.first_run import Interaction, check_contexts, fetch_model, install_completion, shell_of, write_config, write_defaults
from engine.core.cancel import CancelToken
from engine.core.config import ModelSection, Settings, load


class Person:
    """Says yes or no to everything, and remembers what was asked and shown."""

    def __init__(self, *, yes: bool) -> None:
        self.yes = yes
        self.asked: list[str] = []
        self.shown: list[tuple[str, int, int]] = []
        self.interaction = Interaction(self._answer, lambda *step: self.shown.append(step), CancelToken())

    def _answer(self, text: str) -> bool:
        self.asked.append(text)
        return self.yes


def model_at(url: str) -> Settings:
    return dataclasses.replace(Settings(), model=ModelSection(host=url))


def test_the_commented_config_is_written_once_and_means_the_defaults(tmp_path: Path) -> None:
    target = tmp_path / "k8sagent" / "k8sagent.toml"
    assert write_config(target).outcome == "done"
    assert target.stat().st_mode & 0o777 == 0o600
    assert load(target, env={}) == Settings()
    uncommented = [line.removeprefix("# ") if "= " in line and line.startswith("# ") else line for line in target.read_text().splitlines()]
    assert tomllib.loads("\n".join(line for line in uncommented if "K8SAGENT_" not in line))["model"]["name"] == "llama3.1:8b"
    target.write_text("[ui]\n")
    assert write_config(target).outcome == "there"
    assert target.read_text() == "[ui]\n"
    write_defaults(target)
    assert (target.parent / "k8sagent.toml.bak").read_text() == "[ui]\n"


def test_a_config_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    step = write_config(tmp_path / "file" / "k8sagent.toml")
    assert step.outcome == "failed"
    assert "XDG_CONFIG_HOME" in step.next


def test_a_missing_model_is_pulled_with_progress_after_a_yes() -> None:
    pulls = [
        {"status": "pulling", "total": 100, "completed": 40},
        {"status": "pulling", "total": 100, "completed": 100},
        {"status": "success"},
    ]
    with OllamaServer(models=["other"], pulls=pulls) as server:
        person = Person(yes=True)
        step = fetch_model(model_at(server.url), person.interaction)
    assert step.outcome == "done", step
    assert "llama3.1:8b" in person.asked[0]
    assert ("pulling", 40, 100) in person.shown


def test_without_a_yes_nothing_is_downloaded() -> None:
    with OllamaServer(models=["other"], pulls=[{"status": "success"}]) as server:
        step = fetch_model(model_at(server.url), Person(yes=False).interaction)
        assert "/api/pull" not in [request.path for request in server.requests]
    assert step.outcome == "left"
    assert "ollama pull llama3.1:8b" in step.next


def test_a_model_that_is_there_is_left_alone_and_a_server_that_is_not_is_explained() -> None:
    with OllamaServer() as server:
        person = Person(yes=True)
        assert fetch_model(model_at(server.url), person.interaction).outcome == "there"
        assert person.asked == []
    step = fetch_model(model_at("http://127.0.0.1:9"), Person(yes=True).interaction)
    assert step.outcome == "left"
    assert "setup again" in step.next


def test_a_download_that_breaks_is_told() -> None:
    with OllamaServer(models=["other"], pulls=[{"status": "pulling", "total": 9, "completed": 1}]) as server:
        assert fetch_model(model_at(server.url), Person(yes=True).interaction).outcome == "failed"


def test_completion_is_installed_after_a_yes_renewed_when_old_and_never_over_somebody_elses_file(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "k8sagent"
    assert install_completion("bash", target, "# k8sagent 1\n", Person(yes=False).interaction).outcome == "left"
    assert not target.exists()
    assert install_completion("bash", target, "# k8sagent 1\n", Person(yes=True).interaction).outcome == "done"
    assert install_completion("bash", target, "# k8sagent 1\n", Person(yes=False).interaction).outcome == "there"
    assert install_completion("bash", target, "# k8sagent 2\n", Person(yes=True).interaction).outcome == "done"
    target.write_text("mine")
    assert install_completion("bash", target, "# k8sagent 2\n", Person(yes=True).interaction).outcome == "left"
    assert target.read_text() == "mine"
    assert "fpath" in install_completion("zsh", tmp_path / "_k8sagent", "# k8sagent\n", Person(yes=True).interaction).next


def test_only_known_shells_count() -> None:
    assert shell_of({"SHELL": "/usr/bin/fish"}) == "fish"
    assert shell_of({"SHELL": "/bin/tcsh"}) == ""
    assert shell_of({}) == ""


def test_no_kubeconfig_leads_to_the_demo() -> None:
    step = check_contexts(Settings())
    assert step.outcome == "left"
    assert "--demo" in step.next

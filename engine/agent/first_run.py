"""What `k8sagent setup` does, step by step: each says what it found, does what it may, and names what is left. Running it again is fine."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from engine.core.cancel import CancelToken
from engine.core.config import Settings
from engine.core.paths import resource_path
from engine.llm import ModelSettings, open_model
from engine.llm.chat_model import ChatModel, ModelError
from engine.llm.settings import host_of

Outcome = Literal["done", "there", "left", "failed"]


@dataclass(frozen=True, slots=True)
class Step:
    """One step's end: `done` now, `there` already, `left` for the person, or `failed`; `next` is what to do then."""

    name: str
    outcome: Outcome
    detail: str
    next: str = ""


@dataclass(frozen=True, slots=True)
class Interaction:
    """What a step may do: `ask` puts a yes-or-no question, `progress` shows how far a download is (bytes, 0 = unknown)."""

    ask: Callable[[str], bool]
    progress: Callable[[str, int, int], None]
    token: CancelToken


def write_config(target: Path) -> Step:
    """Write the commented settings where there are none."""
    if target.exists():
        return Step("config", "there", str(target))
    try:
        write_defaults(target)
    except OSError as error:
        return Step("config", "failed", f"{target} cannot be written: {error.strerror or error}", "set XDG_CONFIG_HOME to a folder you own")
    return Step("config", "done", f"wrote {target}with every setting and its description")


def write_defaults(target: Path) -> None:
    """Every setting with its default, commented out, so that a later version's better default still counts. Raises OSError.

    A file that is there already stays beside it, as `….bak`.
    """
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if target.exists():
        target.replace(target.with_name(f"{target.name}.bak"))
    lines = resource_path("defaults").read_text(encoding="utf-8").splitlines()
    text = "\n".join(f"# {line}" if line and line[0] not in "#[" else line for line in lines) + "\n"
    target.touch(mode=0o600)
    target.write_text(text, encoding="utf-8")


def check_kubectl(path: Path | str) -> Step:
    """Say where kubectl is, or that there is none."""
    if isinstance(path, str):
        return Step("kubectl", "left", path, "https://kubernetes.io/docs/tasks/tools/ (questions work without it; changes do not)")
    return Step("kubectl", "there", str(path))


def check_contexts(settings: Settings) -> Step:
    """Say which contexts the kubeconfig has; nothing is asked of a cluster."""
    from engine.cluster.source import ClusterError
    from engine.session.connection import Opening, contexts

    try:
        found = contexts(Opening(), settings.cluster.kubeconfig)
    except ClusterError as error:
        return Step("kubeconfig", "left", str(error), "until then: k8sagent --demo")
    names = ", ".join(f"{context.name} (current)" if context.current else context.name for context in found[:8])
    return Step("kubeconfig", "there", names or "no contexts")


def fetch_model(settings: Settings, interaction: Interaction) -> Step:
    """Pull the model from a running Ollama, after a yes."""
    wanted = settings.model
    if wanted.provider == "none":
        return Step("model", "there", "disabled in the settings; answers come from the analyzers alone")
    try:
        model = open_model(ModelSettings(provider=wanted.provider, name=wanted.name, host=wanted.host, api_key_env=wanted.api_key_env))
    except ValueError as error:
        return Step("model", "failed", str(error), "fix [model] host")
    if model is None:
        return Step("model", "left", "no model is named", "set [model] name")
    try:
        host = host_of(model.server)
        if host and host not in wanted.allow_remote and not interaction.ask(f"Use the model server on another machine, {host}?"):
            return Step(
                "model",
                "left",
                f"{model.server} is on another machine and was not contacted",
                f'allow it: [model] allow_remote = ["{host}"]',
            )
        health = model.health()
        if health.ok:
            return Step("model", "there", health.detail)
        pull = getattr(model, "pull", None)
        if not _answers(model) or pull is None:
            return Step("model", "left", health.detail, _start_hint() if wanted.provider == "ollama" else health.fix)
        if not interaction.ask(f"Download {wanted.name} (some gigabytes) from Ollama's library?"):
            return Step(
                "model",
                "left",
                f"{wanted.name} is not on {model.server}",
                f"ollama pull {wanted.name}, or name another: k8sagent config path",
            )
        pull(lambda step: interaction.progress(step.status, step.completed, step.total), interaction.token)
        return Step("model", "done", f"{wanted.name} is on {model.server}")
    except ModelError as error:
        return Step("model", "failed", str(error), error.remedy)
    finally:
        model.close()


def _answers(model: ChatModel) -> bool:
    """Whether the server is there at all."""
    try:
        model.models()
    except ModelError:
        return False
    return True


def _start_hint() -> str:
    if shutil.which("ollama"):
        return "start it: ollama serve, then k8sagent setup again"
    return "install it from https://ollama.com/download and start it, then k8sagent setup again (it is optional)"


def install_completion(shell: str, target: Path, script: str, interaction: Interaction) -> Step:
    """Put a shell's completion where the shell finds it, after a yes; a file of somebody else's stays."""
    if not shell:
        return Step("completion", "left", "your shell was not recognized", "k8sagent completion bash|zsh|fish prints it")
    if target.exists():
        try:
            ours = target.read_text(encoding="utf-8", errors="replace")
        except OSError as error:
            return Step("completion", "failed", f"{target} cannot be read: {error.strerror or error}")
        if ours == script:
            return Step("completion", "there", str(target))
        if "k8sagent" not in ours:
            return Step("completion", "left", f"{target} exists and is not ours", f"k8sagent completion {shell} prints it")
    if not interaction.ask(f"Install completion for {shell} as {target}?"):
        return Step("completion", "left", f"not installed for {shell}", f"k8sagent completion {shell} prints it")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(script, encoding="utf-8")
    except OSError as error:
        return Step(
            "completion", "failed", f"{target} cannot be written: {error.strerror or error}", f"k8sagent completion {shell} prints it"
        )
    note = f'add to ~/.zshrc before compinit: fpath=("{target.parent}" $fpath)' if shell == "zsh" else ""
    return Step("completion", "done", f"{target}; new shells pick it up", note)


def role() -> str:
    """The read-only ClusterRole with its binding, as YAML."""
    from engine.analyzers.registry import needs
    from engine.cluster.live.permissions import read_only_role

    return read_only_role(needs())


def steps(
    settings: Settings, config: Path, kubectl: Path | str, interaction: Interaction, completion: Callable[[Interaction], Step]
) -> Iterator[Step]:
    """All steps in order, each when it is done."""
    yield write_config(config)
    yield check_kubectl(kubectl)
    yield check_contexts(settings)
    yield fetch_model(settings, interaction)
    yield completion(interaction)
    yield Step("role", "left", "a read-only role for the cluster", "k8sagent setup --print-role, read it, then kubectl apply -f -")


def shell_of(environment: Mapping[str, str] | None = None) -> str:
    """The person's shell, when it is one that completion is made for."""
    name = Path((os.environ if environment is None else environment).get("SHELL", "")).name
    return name if name in ("bash", "zsh", "fish") else ""

"""Completion as the shells themselves ask for it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pexpect
import pytest

from engine.session.transcript import Session, sessions_folder

BIN = Path(sys.executable).parent
needs_bash = pytest.mark.skipif(not shutil.which("bash"), reason="bash is not installed")
needs_fish = pytest.mark.skipif(not shutil.which("fish"), reason="fish is not installed")
needs_zsh = pytest.mark.skipif(not shutil.which("zsh"), reason="zsh is not installed")

ASK_BASH = """
eval "$(k8sagent completion bash)"
while IFS= read -r line; do
  COMP_LINE=$line COMP_POINT=${#line} COMP_TYPE=9 COMP_WORDBREAKS=' ' COMPREPLY=()
  _python_argcomplete k8sagent
  echo "$line => ${COMPREPLY[*]}"
done
"""

KUBECONFIG = """
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "https://127.0.0.1:9"}}]
contexts: [{name: prod-eu, context: {cluster: c}}, {name: prod-us, context: {cluster: c}}, {name: staging, context: {cluster: c}}]
"""


def shell(*argv: str, text: str = "") -> str:
    env = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}"}
    done = subprocess.run(argv, input=text, capture_output=True, text=True, env=env, timeout=90, check=False)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    return done.stdout


@needs_bash
def test_bash_completes_commands_flags_and_what_only_this_machine_knows(tmp_path: Path) -> None:
    config = tmp_path / "kubeconfig"
    config.write_text(KUBECONFIG)
    Session(sessions_folder(), "20260102-030405-abcdef").close()
    asked = {
        "k8sagent tro": {"troubleshoot"},
        "k8sagent --de": {"--demo"},
        "k8sagent sessions ": {"list", "show", "export", "undo", "resume"},
        "k8sagent sessions show ": {"20260102-030405-abcdef"},
        f"k8sagent check --kubeconfig {config} --context prod": {"prod-eu", "prod-us"},
        "k8sagent check --demo -n sho": {"shop"},
        "k8sagent check --demo -n shop deploy/checkout": {"deploy/checkout-api"},
        "k8sagent schema docs-s": {"docs-search"},
    }
    told = shell("bash", "--norc", "-c", ASK_BASH, text="".join(f"{line}\n" for line in asked))
    found = dict(line.split(" => ") for line in told.splitlines())
    for line, wanted in asked.items():
        assert wanted <= set(found[line].split()), (line, found[line])
    assert set(found["k8sagent check --demo -n sho"].split()) == {"shop"}


@needs_bash
def test_a_name_is_one_harmless_word_and_never_a_control_character(tmp_path: Path) -> None:
    names = ["prod$(touch ran)", "prod;touch ran", "prod\\n`touch ran`", "prod\\e]0;x\\a", "prod\\u000btouch", "prod it's"]
    rows = ", ".join(f'{{name: "{name}", context: {{cluster: c}}}}' for name in names)
    config = tmp_path / "kubeconfig"
    config.write_text(KUBECONFIG.replace("{name: prod-eu, context: {cluster: c}}", rows))
    ask = ASK_BASH.replace('echo "$line => ${COMPREPLY[*]}"', 'for word in "${COMPREPLY[@]}"; do eval "printf \'<%s>\\n\' $word"; done')
    told = shell("bash", "--norc", "-c", f"cd {tmp_path}; {ask}", text=f"k8sagent check --kubeconfig {config} --context prod\n")
    assert set(told.splitlines()) == {"<prod$(touch ran)>", "<prod;touch ran>", "<prod it's>", "<prod-us>"}
    assert not (tmp_path / "ran").exists()


@needs_bash
def test_a_cluster_that_does_not_answer_gives_nothing_and_says_nothing(tmp_path: Path) -> None:
    config = tmp_path / "kubeconfig"
    config.write_text(KUBECONFIG)
    line = f"k8sagent check --kubeconfig {config} --context prod-eu -n sh"
    assert shell("bash", "--norc", "-c", ASK_BASH, text=f"{line}\n") == f"{line} => \n"


@needs_fish
def test_fish_completes() -> None:
    told = shell("fish", "--no-config", "-c", "k8sagent completion fish | source; complete -C'k8sagent tro'")
    assert told.split()[0] == "troubleshoot"


@needs_zsh
@pytest.mark.terminal
def test_zsh_completes() -> None:
    env = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "TERM": "dumb"}
    child = pexpect.spawn("zsh", ["-f", "-i"], env=env, encoding="utf-8", timeout=60)  # type: ignore[arg-type]
    try:
        child.sendline("PS1='>> '; autoload -Uz compinit; compinit -u; eval \"$(k8sagent completion zsh)\"; echo rea''dy")
        child.expect("ready")
        child.send("echo k8sagent; k8sagent tro\t")
        child.expect("troubleshoot")
    finally:
        child.close(force=True)


def test_a_shell_that_is_not_known_is_told() -> None:
    argv = [sys.executable, "-m", "tui.cli", "completion"]
    done = subprocess.run(argv, capture_output=True, text=True, env={**os.environ, "SHELL": "/bin/tcsh"}, check=False)
    assert done.returncode == 2
    assert "bash, zsh, fish" in done.stderr

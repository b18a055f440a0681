"""Processes run without a shell, streamed, bounded, and stopped as a group."""

from __future__ import annotations

import base64
import codecs
import os
import threading
import time
from pathlib import Path

import pytest

from engine.commands.execution.programs import ProgramError, Programs, environment
from engine.commands.execution.runner import Runner, RunnerSettings
from engine.commands.parsing.lexer import Part, Script, Stage, parse
from engine.core.cancel import CancelToken


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    return Runner(RunnerSettings(search_path=f"{tmp_path}:/usr/bin:/bin"))


def program(folder: Path, name: str, text: str, mode: int = 0o755) -> Path:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(mode)
    return path


def alive(pid: int) -> bool:
    """Whether a process still runs; one that only waits to be collected does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def gone(pids: list[int]) -> bool:
    deadline = time.monotonic() + 2
    while time.monotonic() < deadline:
        if not any(alive(pid) for pid in pids):
            return True
        threading.Event().wait(0.01)
    return False


def test_a_pipeline_hands_output_on(runner: Runner) -> None:
    result = runner.run(parse("printf 'b\\na\\nb\\n' | sort | uniq -c"))
    assert [line.split() for line in result.stdout.split("\n")] == [["1", "a"], ["2", "b"]]
    assert result.ok


@pytest.mark.parametrize(
    ("text", "stdout", "code"),
    [
        ("echo a && echo b", "a\nb", 0),
        ("false && echo b", "", 1),
        ("false || echo b", "b", 0),
        ("echo a || echo b", "a", 0),
        ("false; echo c", "c", 0),
        ("false && echo b || echo c", "c", 0),
        ("echo '$HOME `id` *'", "$HOME `id` *", 0),
    ],
)
def test_operators_mean_what_they_mean_in_a_shell(runner: Runner, text: str, stdout: str, code: int) -> None:
    result = runner.run(parse(text))
    assert (result.stdout, result.exit_code) == (stdout, code)


def test_stderr_is_kept_apart_merged_or_dropped(runner: Runner, tmp_path: Path) -> None:
    program(tmp_path, "both", "echo out; echo err >&2")
    assert (runner.run(parse("both")).stdout, runner.run(parse("both")).stderr) == ("out", "err")
    assert sorted(runner.run(parse("both 2>&1 | cat")).stdout.split("\n")) == ["err", "out"]
    assert runner.run(parse("both 2>/dev/null")).stderr == ""


def test_a_failing_first_stage_is_no_success(runner: Runner, tmp_path: Path) -> None:
    program(tmp_path, "broken", "echo half; exit 3")
    assert runner.run(parse("broken | cat")).exit_code == 3


def test_a_reader_that_has_enough_makes_no_failure(runner: Runner) -> None:
    result = runner.run(parse("seq 1 1000000 | head -2"))
    assert (result.stdout, result.exit_code, result.error) == ("1\n2", 0, "")


def test_a_killed_process_says_so(runner: Runner, tmp_path: Path) -> None:
    program(tmp_path, "dies", "echo half; kill -SEGV $$")
    result = runner.run(parse("dies"))
    assert result.exit_code is None
    assert "SIGSEGV" in result.error
    assert result.stdout == "half"


def test_a_missing_program_is_named(runner: Runner) -> None:
    result = runner.run(parse("nosuchprogram --x"))
    assert result.exit_code is None
    assert "nosuchprogram was not found" in result.error


def test_the_time_limit_stops_the_whole_group(runner: Runner, tmp_path: Path) -> None:
    program(tmp_path, "forks", "sleep 60 & echo $! $$; wait")
    result = runner.run(parse("forks"), seconds=0.3)
    assert result.exit_code is None
    assert "time was up" in result.error
    assert gone([int(pid) for pid in result.stdout.split()])


def test_cancel_is_quiet_within_300_ms_also_for_processes_that_ignore_sigterm(runner: Runner, tmp_path: Path) -> None:
    program(tmp_path, "stubborn", "trap '' TERM; echo $$; while true; do sleep 1; done")
    token = CancelToken()
    seen: list[str] = []
    cancelled_at: list[float] = []

    def heard(stream: str, lines: tuple[str, ...]) -> None:
        seen.extend(lines)
        cancelled_at.append(time.monotonic())
        token.cancel("stopped by the user")

    result = runner.run(parse("stubborn | cat"), on_output=heard, cancel=token, seconds=20)
    assert time.monotonic() - cancelled_at[0] < 0.3
    assert result.exit_code is None
    assert "stopped by the user" in result.error
    assert gone([int(seen[0])])


def test_nothing_starts_after_cancel(runner: Runner, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    program(tmp_path, "marks", f"touch {mark}")
    token = CancelToken()
    token.cancel("no")
    assert runner.run(parse("marks"), cancel=token).exit_code is None
    assert not mark.exists()


def test_much_output_keeps_head_and_tail(tmp_path: Path) -> None:
    runner = Runner(RunnerSettings(keep_bytes=2000))
    lines: list[str] = []
    result = runner.run(parse("seq 1 5000"), on_output=lambda _, batch: lines.extend(batch))
    assert lines == [str(n) for n in range(1, 5001)]
    assert result.truncated
    assert result.stdout.startswith("1\n2\n")
    assert result.stdout.endswith("\n4999\n5000")
    assert "lines left out" in result.stdout
    assert len(result.stdout) < 2200


def test_endless_output_is_stopped_by_its_size() -> None:
    result = Runner(RunnerSettings(max_bytes=1 << 20)).run(parse("seq 1 999999999"))
    assert result.exit_code is None
    assert "ask for less" in result.error


def test_output_is_plain_text_without_secrets(runner: Runner, tmp_path: Path) -> None:
    program(tmp_path, "dirty", "printf 'a\\033[31mb\\033]52;c;eA==\\007c\\nDB_PASSWORD=hun'; sleep 0.1; printf 'ter2\\n\\377\\n'")
    result = runner.run(parse("dirty"))
    assert result.stdout.split("\n") == ["abc", "DB_PASSWORD=[redacted:password#1]", "\ufffd"]


def test_stdin_is_empty_the_folder_is_empty_and_files_are_private(runner: Runner, tmp_path: Path) -> None:
    program(tmp_path, "looks", "cat; ls -A; umask; ps -o sid= -p $$ | tr -d ' '; echo $$")
    result = runner.run(parse("looks"))
    umask, session, pid = result.stdout.split("\n")
    assert int(umask, 8) == 0o077
    assert session == pid


def test_the_environment_is_built_from_nothing() -> None:
    ours = {
        "HOME": "/home/me",
        "OPENAI_API_KEY": "canary",
        "LD_PRELOAD": "/tmp/x",
        "AWS_PROFILE": "dev",
        "HTTPS_PROXY": "http://proxy:3128",
        "EDITOR": "vi",
        "KUBECONFIG": "/elsewhere",
        "MY_PLUGIN": "on",
    }
    for_kubectl = environment("kubectl", search_path="/usr/bin", kubeconfig=Path("/k"), extra_names=("MY_PLUGIN",), source=ours)
    assert for_kubectl["AWS_PROFILE"] == "dev"
    assert for_kubectl["HTTPS_PROXY"] == "http://proxy:3128"
    assert for_kubectl["MY_PLUGIN"] == "on"
    assert for_kubectl["KUBECONFIG"] == "/k"
    assert for_kubectl["KUBERC"] == "off"
    assert not {"OPENAI_API_KEY", "LD_PRELOAD", "EDITOR"} & for_kubectl.keys()
    for_grep = environment("grep", search_path="/usr/bin", kubeconfig=Path("/k"), extra_names=("MY_PLUGIN",), source=ours)
    assert not {"AWS_PROFILE", "HTTPS_PROXY", "KUBECONFIG", "MY_PLUGIN"} & for_grep.keys()


def test_a_credential_plugin_gets_its_variables_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, "plugin", "env")
    kubectl = program(tmp_path, "kubectl", "plugin")
    monkeypatch.setenv("AWS_PROFILE", "dev")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")
    monkeypatch.setenv("CANARY", "never")
    result = Runner(RunnerSettings(kubectl=kubectl, search_path=f"{tmp_path}:/usr/bin:/bin")).run(parse("kubectl get pods"))
    names = {line.split("=", 1)[0] for line in result.stdout.split("\n")}
    assert {"AWS_PROFILE", "HTTPS_PROXY"} <= names
    assert "CANARY" not in names


def test_programs_that_others_could_change_are_not_run(tmp_path: Path) -> None:
    program(tmp_path, "opened", "true", 0o777)
    (tmp_path / "linked").symlink_to(tmp_path / "opened")
    programs = Programs(search_path=str(tmp_path))
    for name in ("opened", "linked"):
        with pytest.raises(ProgramError, match="changed by others"):
            programs.resolve(name)


def test_relative_folders_of_the_path_are_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, "mine", "true")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ProgramError):
        Programs(search_path=".::bin").resolve("mine")


def test_a_program_is_never_named_by_path(runner: Runner) -> None:
    script = Script((Part((Stage(("/bin/echo", "x")),)),))
    assert "by name, not by path" in runner.run(script).error


def test_awk_and_sed_run_in_their_sandbox_where_there_is_one(tmp_path: Path) -> None:
    program(tmp_path, "gawk", "echo $@")
    runner = Runner(RunnerSettings(search_path=str(tmp_path)))
    hardened = runner.harden(parse("kubectl get pods | awk '{print $1}' | sed -n 1p"))
    assert hardened.stages[1].argv == ("gawk", "--sandbox", "{print $1}")
    if os.uname().sysname == "Linux":
        assert hardened.stages[2].argv == ("sed", "--sandbox", "-n", "1p")
    assert runner.harden(hardened) == hardened


def test_input_is_in_the_pipe_at_once_and_stays_open_as_long_as_the_process_runs(runner: Runner, tmp_path: Path) -> None:
    program(tmp_path, "reads", "read line; echo got $line; read more && echo open || echo closed")
    result = runner.run(parse("reads"), stdin=b"one\n", seconds=0.6)
    assert result.stdout == "got one"
    assert "time was up" in result.error, "it waited for more instead of seeing an end"


def test_more_input_than_a_pipe_surely_takes_is_refused_before_anything_starts(runner: Runner) -> None:
    with pytest.raises(ValueError, match="at most"):
        runner.run(parse("cat"), stdin=b"x" * 8193)


def test_raw_output_comes_as_bytes_and_nothing_of_it_is_kept(runner: Runner, tmp_path: Path) -> None:
    program(tmp_path, "odd", r"printf '\033[31m\377'; printf err >&2")
    chunks: list[bytes] = []
    result = runner.run(parse("odd"), raw=chunks.append)
    assert b"".join(chunks) == b"\x1b[31m\xff"
    assert (result.stdout, result.stderr, result.bytes) == ("", "err", 9)


def test_output_that_nobody_can_take_ends_the_process(runner: Runner, tmp_path: Path) -> None:
    program(tmp_path, "talk", f"echo $$ >{tmp_path}/pid; echo one; exec sleep 600")

    def refuse(chunk: bytes) -> None:
        raise RuntimeError(chunk.decode())

    ended = threading.Event()

    def run() -> None:
        try:
            runner.run(parse("talk"), raw=refuse, seconds=30)
        except RuntimeError:
            ended.set()

    threading.Thread(target=run, daemon=True).start()
    assert ended.wait(10), "it waits for a process that nobody will ever stop"
    assert gone([int((tmp_path / "pid").read_text())])


def test_the_agent_of_ssh_is_told_to_ssh_alone() -> None:
    ours = {"SSH_AUTH_SOCK": "/run/agent", "SSH_ASKPASS": "/bin/ask", "DISPLAY": ":0"}
    assert environment("ssh", search_path="/bin", kubeconfig=None, source=ours)["SSH_AUTH_SOCK"] == "/run/agent"
    assert not {"SSH_ASKPASS", "DISPLAY"} & set(environment("ssh", search_path="/bin", kubeconfig=None, source=ours))
    assert "SSH_AUTH_SOCK" not in environment("kubectl", search_path="/bin", kubeconfig=None, source=ours)


def test_no_filter_sees_a_secret_that_it_could_hide() -> None:
    for text in (
        "echo 'password=hunter2longsecret' | rev",
        "echo 'password=hunter2longsecret' | base64",
        "echo 'password=hunter2longsecret' | fold -w 1",
        "echo 'password=hunter2longsecret' | cut -c10-",
        "echo 'password=hunter2longsecret' | cat | tr a-z n-za-m",
    ):
        result = Runner().run(parse(text))
        plain = result.stdout
        forms = (plain, plain[::-1], "".join(plain.split("\n")), codecs.decode(plain, "rot13"))
        assert result.ok
        assert not any("hunter2" in form for form in forms), text
        assert base64.b64encode(b"hunter2")[2:8].decode() not in plain


def test_a_filter_that_reads_only_the_beginning_ends_the_pipeline() -> None:
    started = time.monotonic()
    result = Runner().run(parse("seq 1 100000000 | head -2"))
    assert result.stdout.split() == ["1", "2"]
    assert time.monotonic() - started < 20
    whole = Runner().run(parse("seq 1 300000 | tail -1"))
    assert whole.stdout.strip() == "300000"


def test_one_endless_line_is_cut_between_words_and_the_message_names_what_was_cut() -> None:
    result = Runner(RunnerSettings(keep_bytes=1000)).run(Script((Part((Stage(("seq", "-s", " ", "1", "3000000")),)),)))
    assert result.truncated
    assert "characters of this line left out" in result.stdout
    assert len(result.stdout) < 20_000

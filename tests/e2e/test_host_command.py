"""`k8sagent host check` as a shell drives it: this machine, hosts over SSH, what is refused, exit codes, ctrl+c."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest
from fakes import sshd

from engine.agent.json_documents import schema

ROOT = Path(__file__).parents[2]


def command(*argv: str) -> list[str]:
    return [sys.executable, "-m", "tui.cli", "host", "check", *argv]


def run(*argv: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*argv), capture_output=True, text=True, cwd=ROOT, timeout=60, check=False)


def settings(folder: Path, names: list[str], ssh_config: str, **more: object) -> str:
    """A settings file that allows these hosts."""
    path = folder / "k8sagent.toml"
    lines = ["[hosts]", "enabled = true", f"names = {json.dumps(names)}", f"ssh_config = {json.dumps(ssh_config)}"]
    path.write_text("\n".join([*lines, *(f"{key} = {value}" for key, value in more.items())]) + "\n")
    return str(path)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sshd.Server]:
    if sshd.MISSING:
        pytest.skip(sshd.MISSING)
    made = sshd.start(tmp_path_factory.mktemp("sshd"))
    yield made
    made.stop()


def test_this_machine_needs_no_setting_no_cluster_and_no_model() -> None:
    done = run("--output", "json")
    assert done.returncode in (0, 1), done.stderr
    assert done.stderr == ""
    report = json.loads(done.stdout)
    jsonschema.validate(report, schema("check"))
    ((name, seen),) = report["scanned"].items()
    assert seen > 10
    assert {finding["object"]["kind"] for finding in report["findings"]} <= {"Host"}
    assert name


def test_no_host_is_connected_to_before_the_settings_allow_it() -> None:
    done = run("web-1")
    assert (done.returncode, done.stdout) == (4, "")
    assert "[hosts] enabled = true" in done.stderr


def test_an_option_in_a_name_s_clothes_is_refused(tmp_path: Path) -> None:
    config = settings(tmp_path, ["web-1"], "/dev/null")
    done = run("--config", config, "--", "-oProxyCommand=id")
    assert done.returncode == 4
    assert "starts with a dash" in done.stderr
    assert "uid=" not in done.stdout + done.stderr


def test_names_and_all_nodes_together_are_wrong_usage() -> None:
    assert run("web-1", "--nodes").returncode == 2


def test_a_host_over_ssh(server: sshd.Server, tmp_path: Path) -> None:
    config = settings(tmp_path, ["web-1"], server.config("cli"))
    done = run("web-1", "--output", "json", "--config", config)
    assert done.returncode in (0, 1), done.stderr
    report = json.loads(done.stdout)
    jsonschema.validate(report, schema("check"))
    assert report["scanned"]["web-1"] > 10
    assert done.stderr == "", "progress is for terminals only"


def test_a_host_that_is_not_reached_is_exit_3_and_a_finding_with_the_way_to_mend_it(server: sshd.Server, tmp_path: Path) -> None:
    config = settings(tmp_path, ["web-1"], server.config("cli-unknown", known=""))
    done = run("web-1", "--config", config)
    assert done.returncode == 3, done.stderr
    assert "HostUnreachable" in done.stdout
    assert "compare the fingerprint" in done.stdout


def test_ctrl_c_ends_with_130_and_leaves_no_ssh(server: sshd.Server, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as quiet:
        quiet.settimeout(30)
        ssh_config = server.config("cli-quiet", extra=f"Host *\n  Port {quiet.getsockname()[1]}\n")
        config = settings(tmp_path, ["web-1"], ssh_config, connect_seconds=50)
        process = subprocess.Popen(command("web-1", "--config", config), stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT)
        connection, _ = quiet.accept()
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
        connection.settimeout(20)
        while connection.recv(4096):
            pass  # ssh's own greeting, then the end: the client is gone
        connection.close()
    for stream in (process.stdout, process.stderr):
        assert stream is not None
        assert b"Traceback" not in stream.read()
        stream.close()

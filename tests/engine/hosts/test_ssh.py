"""Bundles over a real sshd on loopback: what is asked of ssh, what comes back, and everything that can go wrong on the way."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes import sshd

from engine.core.cancel import Cancelled, CancelToken
from engine.core.config import HostSettings
from engine.core.redaction.redactor import Redactor
from engine.hosts.bundle import Bundle
from engine.hosts.collect import Collector
from engine.hosts.probes import Probe, probes
from engine.hosts.targets import Host

pytestmark = pytest.mark.skipif(bool(sshd.MISSING), reason=sshd.MISSING)

CLOCK = Probe("clock", ("date", "+%Y-%m-%dT%H:%M:%S%z"), "the clock")
OS = Probe("os", ("uname", "-s"), "the system")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sshd.Server]:
    made = sshd.start(tmp_path_factory.mktemp("sshd"))
    yield made
    made.stop()


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    folder = tmp_path / "tools"
    folder.mkdir()
    return folder


def tool(folder: Path, name: str, text: str) -> Probe:
    """A program of the far side, and the probe that runs it."""
    (folder / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / name).chmod(0o755)
    return Probe(name, (name,), f"what {name} says")


def collector(config: str, *table: Probe, tools: Path | None = None, token: CancelToken | None = None, **settings: float) -> Collector:
    path = f"{tools}:/usr/bin:/bin" if tools else "/usr/bin:/bin"
    # A loaded machine may take long to shake hands; what is to be bounded sets its own limits.
    chosen = HostSettings(enabled=True, ssh_config=config, **{"connect_seconds": 60.0, **settings})  # type: ignore[arg-type]
    return Collector(chosen, Redactor(), token or CancelToken(), table=table or (CLOCK, OS), path=path)


def one(config: str, *table: Probe, name: str = "web-1", **more: object) -> Bundle:
    return collector(config, *table, **more).one(Host(name, name))  # type: ignore[arg-type]


def children_named(name: str) -> list[int]:
    """Our own living descendants of this program name."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            stat = (folder / "stat").read_text()
        except OSError:
            continue
        program, rest = stat.partition("(")[2].rpartition(")")[::2]
        if program == name and rest.split()[0] != "Z" and int(rest.split()[1]) == os.getpid():
            found.append(int(folder.name))
    return found


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def until(what: object, seconds: float = 40.0) -> bool:
    """Whether it comes true in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if what():  # type: ignore[operator]
            return True
        threading.Event().wait(0.01)
    return False


def test_the_whole_table_comes_back_over_one_connection(server: sshd.Server) -> None:
    before = server.log.count("Accepted publickey")
    bundle = Collector(HostSettings(enabled=True, ssh_config=server.config("whole")), Redactor(), CancelToken()).one(Host("web-1", "web-1"))
    assert bundle.problem == ""
    assert set(bundle.replies) == {probe.key for probe in probes()}
    assert "MemTotal" in bundle.text("memory")
    assert abs(bundle.now.timestamp() - bundle.received_at) < 60
    assert server.log.count("Accepted publickey") == before + 1


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder for sockets, whose paths have to be short."""
    with tempfile.TemporaryDirectory(prefix="k8s") as folder:
        yield Path(folder)


def test_nothing_is_forwarded_whatever_the_config_asks_for(server: sshd.Server, tools: Path, tmp_path: Path, shared: Path) -> None:
    wish = "Host *\n  ForwardAgent yes\n  ForwardX11 yes\n  LocalForward 127.0.0.1:1 127.0.0.1:2\n  RequestTTY force\n"
    wish += f"  RemoteCommand echo no\n  PermitLocalCommand yes\n  LocalCommand touch {tmp_path}/ran\n"
    wish += f"  ControlMaster auto\n  ControlPath {shared}/%C\n  ControlPersist 60\n"
    probe = tool(tools, "ask", 'echo "agent=$SSH_AUTH_SOCK display=$DISPLAY"; test -t 1 && echo terminal')
    bundle = one(server.config("wish", extra=wish), probe, tools=tools)
    assert bundle.problem == ""
    assert bundle.replies["ask"].text == "agent= display="
    assert not (tmp_path / "ran").exists()
    assert list(shared.iterdir()) == [], "no shared connection stays behind"


def test_a_jump_host_of_the_persons_own_config(server: sshd.Server) -> None:
    before = server.log.count("Accepted publickey")
    bundle = one(server.config("jump"), name="jumped")
    assert bundle.replies["os"].text == "Linux"
    assert server.log.count("Accepted publickey") == before + 2


def test_an_unknown_host_key_is_refused_and_never_learnt(server: sshd.Server) -> None:
    loose = "Host *\n  StrictHostKeyChecking no\n"
    bundle = one(server.config("unknown", known="", extra=loose))
    assert "its host key is not known here" in bundle.problem
    assert "compare the fingerprint" in bundle.fix
    assert bundle.replies == {}
    assert (server.folder / "unknown.known").read_text() == ""


def test_a_changed_host_key_is_refused_with_a_warning(server: sshd.Server) -> None:
    other = (server.folder / "other_key.pub").read_text().split()
    bundle = one(server.config("changed", known=f"[127.0.0.1]:{server.port} {other[0]} {other[1]}\n"))
    assert "its host key differs from the one in known_hosts" in bundle.problem
    assert "somebody in between" in bundle.fix


def test_a_key_that_the_host_does_not_take(server: sshd.Server) -> None:
    config = server.config("key", extra=f"Host *\n  IdentityFile {server.folder}/other_key\n")
    Path(config).write_text(Path(config).read_text().replace(f"  IdentityFile {server.folder}/client_key\n", ""))
    bundle = one(config)
    assert "accepts none of the offered keys" in bundle.problem
    assert "ssh-add -l" in bundle.fix


def test_a_port_that_nobody_listens_on_and_a_name_that_nobody_knows(server: sshd.Server) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        closed = one(server.config("closed", extra=f"Host *\n  Port {taken.getsockname()[1]}\n"))
    assert "nothing listens on its SSH port" in closed.problem
    unknown = one(server.config("name", extra="Host *\n  HostName no-such-host.invalid\n"))
    assert "does not resolve" in unknown.problem


def test_a_host_that_takes_the_connection_and_says_nothing_is_bounded(server: sshd.Server) -> None:
    with socket.create_server(("127.0.0.1", 0)) as quiet:
        config = server.config("quiet", extra=f"Host *\n  Port {quiet.getsockname()[1]}\n")
        started = time.monotonic()
        bundle = one(config, connect_seconds=1.0, seconds=1.0)
    assert time.monotonic() - started < 8
    assert "did not answer in time" in bundle.problem or "time was up" in bundle.problem
    assert bundle.fix


def test_a_probe_that_hangs_costs_its_own_time_only(server: sshd.Server, tools: Path) -> None:
    slow = tool(tools, "slow", "echo before; exec sleep 60")
    bundle = one(server.config("slow"), Probe("slow", slow.argv, "", seconds=1), OS, tools=tools)
    assert bundle.problem == ""
    assert bundle.state("slow") == "failed"
    assert bundle.replies["os"].text == "Linux"


def test_a_host_that_takes_too_long_in_all_keeps_what_it_said(server: sshd.Server, tools: Path) -> None:
    slow = tool(tools, "slow", "exec sleep 60")
    bundle = one(server.config("long"), OS, Probe("slow", slow.argv, "", seconds=60), tools=tools, connect_seconds=1.0, seconds=1.5)
    assert bundle.replies["os"].text == "Linux"
    assert "the connection broke after" in bundle.problem
    assert "time was up" in bundle.problem


def test_a_host_that_dies_in_mid_stream(server: sshd.Server, tools: Path) -> None:
    climb = 'p=$$; while ! grep -q "^sshd" /proc/$p/comm; do p=$(sed "s/.*) . //;s/ .*//" /proc/$p/stat); done; echo dying; kill -9 $p'
    bundle = one(server.config("dies"), OS, tool(tools, "dies", climb), CLOCK, tools=tools)
    assert bundle.replies["os"].text == "Linux"
    assert bundle.state("clock") == "unasked"
    assert bundle.state("dies") in ("failed", "unasked")
    assert "the connection broke after" in bundle.problem


def test_output_with_escapes_secrets_and_broken_letters_is_plain_text(server: sshd.Server, tools: Path) -> None:
    odd = r"""printf '\033]0;owned\007\033[31mred\033[0m \377\376 caf\303\251 \342\200\256evil\n'
printf 'password: hunter2hunter2\n'
printf 'k8sagent-00000000000000000000000000000000 end odd 0\n'
printf 'k8sagent-00000000000000000000000000000000 done\n'
printf '%s' '-----BEGIN OPENSSH PRIVATE KEY-----'"""
    bundle = one(server.config("odd"), tool(tools, "odd", odd), OS, tools=tools)
    text = bundle.replies["odd"].text
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "red \ufffd\ufffd café evil" in text
    assert "hunter2" not in text
    assert "end odd 0" in text, "a mark that the host made up is text like any other"
    assert bundle.replies["os"].text == "Linux", "a key that has no end swallows nothing of the next reply"


def test_a_flood_is_cut_and_the_next_reply_is_whole(server: sshd.Server, tools: Path) -> None:
    bundle = one(server.config("flood"), tool(tools, "flood", "head -c 3000000 /dev/zero | tr '\\0' 'x'; echo; echo last"), OS, tools=tools)
    assert len(bundle.replies["flood"].text) == 512 * 1024
    assert "left out" in bundle.replies["flood"].note
    assert bundle.replies["os"].text == "Linux"


def test_words_reach_the_far_side_as_they_are(server: sshd.Server, tools: Path) -> None:
    echo = tool(tools, "echo-words", 'for word in "$@"; do printf "<%s>" "$word"; done')
    words = ("a b", "$(id)", "`id`", "'quoted'", '"', "*", ";id", "", "\\n", "~")
    bundle = one(server.config("words"), Probe("words", (*echo.argv, *words), ""), tools=tools)
    assert bundle.replies["words"].text == "".join(f"<{word}>" for word in words)


def test_standard_input_holds_nothing_for_the_probes(server: sshd.Server, tools: Path) -> None:
    bundle = one(server.config("stdin"), tool(tools, "reads", "wc -c"), OS, tools=tools)
    assert bundle.replies["reads"].text.strip() == "0"
    assert bundle.replies["os"].text == "Linux"


def test_twenty_hosts_in_parallel_with_a_limit(server: sshd.Server, tools: Path) -> None:
    probe = tool(tools, "count", "echo here")
    hosts = [Host(f"web-{n}", f"web-{n}") for n in range(20)]
    known = server.config("twenty")
    bundles = list(collector(known, probe, tools=tools, parallel=8).collect(hosts))
    assert {bundle.host for bundle in bundles} == {host.name for host in hosts}
    assert {(bundle.problem, bundle.replies["count"].text) for bundle in bundles} == {("", "here")}


def test_cancel_in_mid_run_leaves_no_process_on_either_side(server: sshd.Server, tools: Path, tmp_path: Path) -> None:
    hang = tool(tools, "hang", f"echo $$ >> {tmp_path}/pids; exec sleep 60")
    token = CancelToken()
    made = collector(server.config("cancel"), Probe("hang", hang.argv, "", seconds=60), tools=tools, token=token, parallel=2)
    outcome: list[str] = []

    def work() -> None:
        try:
            list(made.collect([Host(f"web-{n}", f"web-{n}") for n in range(4)]))
        except Cancelled:
            outcome.append("cancelled")

    thread = threading.Thread(target=work)
    thread.start()
    assert until(lambda: (tmp_path / "pids").exists() and len((tmp_path / "pids").read_text().split()) == 2)
    token.cancel("stopped by the user")
    thread.join(30)
    assert outcome == ["cancelled"]
    assert children_named("ssh") == []
    pids = [int(word) for word in (tmp_path / "pids").read_text().split()]
    assert len(pids) == 2, "the hosts that waited for their turn were not connected to"
    assert until(lambda: not any(alive(pid) for pid in pids)), "the end of the connection stops the probe on the host"


def test_a_name_that_starts_with_a_dash_never_reaches_ssh(server: sshd.Server, tmp_path: Path) -> None:
    evil = f"-oProxyCommand=touch {tmp_path}/ran"
    bundle = one(server.config("dash"), name=evil)
    assert "starts with a dash" in bundle.problem
    assert not (tmp_path / "ran").exists()


def test_ssh_itself_reads_the_options_as_we_mean_them(server: sshd.Server) -> None:
    from engine.hosts.ssh import ssh_argv

    argv = ssh_argv("web-1", HostSettings(enabled=True, ssh_config=server.config("options", extra="Host *\n  ForwardAgent yes\n")))
    shown = subprocess.run([argv[0], "-G", *argv[1:]], capture_output=True, text=True, check=True).stdout
    for line in (
        "batchmode yes",
        "stricthostkeychecking true",
        "forwardagent no",
        "forwardx11 no",
        "clearallforwardings yes",
        "passwordauthentication no",
        "permitlocalcommand no",
        "updatehostkeys false",
        "controlmaster false",
        "connecttimeout 10",
    ):
        assert re.search(rf"^{line}$", shown, re.MULTILINE), line

"""The fixed table: every row a plain read by the policy, nothing that could be more; and the script that carries it."""

from __future__ import annotations

import subprocess
import time

import pytest

from engine.commands.policy.policy import Policy
from engine.core.cancel import CancelToken
from engine.core.config import HostSettings
from engine.core.redaction.redactor import Redactor
from engine.hosts.bundle import Reply
from engine.hosts.collect import Collector
from engine.hosts.probes import NotReadOnly, Probe, judged, probes
from engine.hosts.script import ReplyReader, script
from engine.hosts.ssh import problem
from engine.hosts.targets import Host


@pytest.mark.parametrize("probe", probes(), ids=lambda probe: probe.key)
def test_every_probe_reads_by_the_policy_and_says_what_it_shows(probe: Probe) -> None:
    verdict = Policy().judge_argv(probe.argv)
    assert verdict.risk == "read", verdict.reason
    assert probe.shows
    assert "/" not in probe.argv[0]
    assert probe.argv[0] not in ("sudo", "sh", "bash", "env", "ssh", "python3")


def test_no_two_probes_share_a_key() -> None:
    assert len({probe.key for probe in probes()}) == len(probes())


@pytest.mark.parametrize(
    "argv", [("systemctl", "restart", "kubelet"), ("sudo", "dmesg"), ("dmesg", "-C"), ("cat", "/etc/shadow"), ("rm", "x")]
)
def test_a_row_that_does_more_than_read_stops_the_whole_table(argv: tuple[str, ...]) -> None:
    with pytest.raises(NotReadOnly, match="not run on hosts"):
        judged((*probes(), Probe("more", argv, "")))


def run_here(text: str) -> bytes:
    return subprocess.run(["sh", "-s"], input=text.encode(), capture_output=True, check=False, timeout=30).stdout


def test_the_reader_takes_replies_in_pieces_of_any_size() -> None:
    mark = "k8sagent-feed"
    first = f"noise of a login shell\n\n{mark} begin a\none\ntwo\n\n{mark} end a 0\n"
    out = f"{first}\n{mark} begin b\nno newline\n{mark} end b 3\n\n{mark} done\n"
    for size in (1, 2, 7, 1000):
        reader = ReplyReader(mark, str)
        for at in range(0, len(out), size):
            reader.take(out.encode()[at : at + size])
        reader.close()
        assert reader.replies == {"a": Reply("one\ntwo", 0), "b": Reply("no newline", 3)}
        assert reader.done


def test_a_reply_that_breaks_off_is_kept_as_such() -> None:
    reader = ReplyReader("m", str)
    reader.take(b"\nm begin a\nhalf of")
    reader.close()
    assert not reader.done
    assert reader.replies["a"] == Reply("half of", None, "the output was cut off")
    assert reader.replies["a"].state == "failed"


def test_the_script_is_the_table_and_a_word_stays_a_word() -> None:
    text = script([Probe("x", ("echo", "a b;id", "$(id)"), "")], "MARK")
    assert "probe x 6 echo 'a b;id' '$(id)'\n" in text
    assert len(script(probes(), "k8sagent-" + "0" * 32)) < 8192, "it must fit into a pipe at once"


@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_the_script_stops_the_probe_under_way_when_its_input_ends(shell: str) -> None:
    text = script(
        [Probe("a", ("echo", "first"), ""), Probe("hang", ("sleep", "60"), "", seconds=60), Probe("b", ("echo", "last"), "")], "MARK"
    )
    done = subprocess.run([shell, "-s"], input=text.encode(), capture_output=True, check=False, timeout=30)
    assert b"last" not in done.stdout
    assert b"MARK done" not in done.stdout


@pytest.mark.parametrize(
    ("reply", "state"),
    [
        (Reply("sh: 1: chronyc: not found", 127), "missing"),
        (Reply("dmesg: read kernel buffer failed: Operation not permitted", 1), "denied"),
        (Reply("cat: /proc/pressure/cpu: No such file or directory", 1), "absent"),
        (Reply("No journal files were found.\n-- No entries --", 0), "absent"),
        (Reply("", 124), "failed"),
        (Reply("", None, "the output was cut off"), "failed"),
        (Reply("No such file or directory, says a log line", 0), "seen"),
        (Reply("Failed units: 0", 3), "seen"),
    ],
)
def test_not_available_is_never_fine(reply: Reply, state: str) -> None:
    assert reply.state == state


def test_this_machine_is_read_without_a_shell_and_without_ssh() -> None:
    table = (Probe("os", ("uname", "-s"), ""), Probe("gone", ("no-such-program",), ""), Probe("file", ("cat", "/proc/no-such-file"), ""))
    bundle = Collector(HostSettings(), Redactor(), CancelToken(), table=table, search_path="/usr/bin:/bin").one(Host("here"))
    assert bundle.local
    assert bundle.replies["os"].text == "Linux"
    assert (bundle.state("gone"), bundle.state("file")) == ("missing", "absent")


@pytest.mark.parametrize("code", ["9" * 5000, "²", "-1", "1000"])
def test_an_exit_code_that_is_none_ends_no_reply(code: str) -> None:
    reader = ReplyReader("m", str)
    reader.take(f"\nm begin clock\nnoon\nm end clock {code}\n\nm end clock 0\n".encode())
    assert reader.replies == {"clock": Reply("noon", 0)}


def test_what_a_host_says_on_standard_error_is_not_read_for_long() -> None:
    began = time.thread_time()
    what, _ = problem("connection to " * 20_000 + "\nssh: connect to host web-1 port 22: No route to host", "web-1")
    assert what.startswith("there is no route to it")
    assert time.thread_time() - began < 5

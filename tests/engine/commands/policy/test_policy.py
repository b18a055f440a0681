"""Which class a command belongs to: labelled rows, and the rules that hold whatever the row."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.commands.kubectl.call import flag_table, read_call
from engine.commands.parsing.lexer import Refused, parse
from engine.commands.policy.explain import explain
from engine.commands.policy.policy import Policy, PolicySettings
from engine.core.types import RISKS

FOLDER = Path(__file__).parents[3] / "data" / "safety"
DATA = (FOLDER / "commands.tsv", FOLDER / "more_commands.tsv")
SHARED = Path(__file__).parents[5] / "shared" / "data" / "safety" / "commands.jsonl"
ROWS = [
    tuple(line.split("\t", 1))
    for file in DATA
    for line in file.read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
]
POLICY = Policy()


def risk(text: str, policy: Policy = POLICY) -> str:
    return policy.judge(text).verdict.risk


def test_labelled_commands_get_their_class() -> None:
    verdicts = [(accepted, command, POLICY.judge(command).verdict) for accepted, command in ROWS]
    wrong = [(command, verdict) for accepted, command, verdict in verdicts if verdict.risk not in accepted.split(",")]
    assert len(verdicts) > 900
    assert not wrong, wrong[:20]


def test_attackers_rows_get_their_class() -> None:
    """Rows of people who wanted to get past: none runs by itself, and what is forbidden is never asked about."""
    problems: list[str] = []
    strict = alarms = 0
    for name in ("commands-2", "commands-a"):
        for line in (FOLDER / f"{name}.jsonl").read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            accepted = row.get("accept", [row["label"]])
            got = risk(row["command"])
            if RISKS.index(got) < min(map(RISKS.index, accepted)):
                problems.append(f"{row['id']} {got}: {row['command']}")
            strict += accepted == ["read"]
            alarms += accepted == ["read"] and got != "read"
    assert not problems, problems[:10]
    assert alarms < 0.02 * strict


def test_a_template_ends_in_no_field_that_is_named_like_a_credential() -> None:
    for output in (
        "jsonpath='{.spec.authToken}'",
        "jsonpath='{.spec.bind_password}'",
        "jsonpath=\"{.spec['password']}\"",
        "custom-columns=P:.spec.adminPassword",
        "go-template='{{index .spec \"password\"}}'",
    ):
        assert risk(f"kubectl get foo x -o {output}") == "forbidden", output
    for output in ("jsonpath='{.items[*].spec.tls[*].secretName}'", "custom-columns=A:.automountServiceAccountToken"):
        assert risk(f"kubectl get foo x -o {output}") == "read", output


def test_the_second_half_of_the_attack_gets_no_worse() -> None:
    """Set B of the attackers' rows: 6 unsafe and 9 too weak before its failures were read, which is what to expect of new attacks."""
    unsafe = weak = strict = alarms = 0
    for line in (FOLDER / "commands-b.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        accepted = row.get("accept", [row["label"]])
        got = risk(row["command"])
        below = RISKS.index(got) < min(map(RISKS.index, accepted))
        unsafe += below and got == "read"
        weak += below and got != "read"
        strict += accepted == ["read"]
        alarms += accepted == ["read"] and got != "read"
    assert unsafe == 0
    assert weak <= 2
    assert alarms < 0.02 * strict


@pytest.mark.skipif(not SHARED.exists(), reason="the larger corpus is not here")
def test_no_unsafe_command_of_the_corpus_runs_by_itself() -> None:
    rows = [json.loads(line) for line in SHARED.read_text(encoding="utf-8").split("\n") if line]
    unsafe: list[str] = []
    weak: list[str] = []
    alarms: list[str] = []
    strict = 0
    for row in rows:
        accepted = row.get("accept", [row["label"]])
        low = min(RISKS.index(label) for label in accepted)
        at = RISKS.index(POLICY.judge(row["command"]).verdict.risk)
        if at < low:
            (unsafe if at == 0 else weak).append(row["id"])
        strict += accepted == ["read"]
        if accepted == ["read"] and at > 0:
            alarms.append(row["id"])
    assert not unsafe
    assert not weak
    assert len(alarms) < 0.03 * strict


def test_every_reason_is_a_sentence() -> None:
    verdicts = [POLICY.judge(command).verdict for _, command in ROWS]
    assert not [verdict for verdict in verdicts if not verdict.reason.endswith((".", ")")) or not verdict.rule]


def test_a_refused_script_says_how_it_was_read() -> None:
    judgement = POLICY.judge("kubectl get pods | tee x")
    assert judgement.script is not None
    assert any("kubectl get pods: read" in line for line in judgement.explain)
    assert judgement.explain[-1].startswith("verdict: forbidden")


def test_read_only_mode_refuses_changes_and_says_what_they_would_be() -> None:
    policy = Policy(PolicySettings(read_only=True))
    verdict = policy.judge("kubectl scale deploy web --replicas=2").verdict
    assert verdict.risk == "forbidden"
    assert "mutate" in verdict.reason
    assert risk("kubectl get pods", policy) == "read"


def test_a_forbidden_pattern_stands_above_the_tables() -> None:
    policy = Policy(PolicySettings(forbidden_patterns=(r"kube-system",)))
    assert risk("kubectl get pods -n kube-system", policy) == "forbidden"
    assert risk("kubectl get pods -n web", policy) == "read"


def test_allowed_words_do_not_allow_flags_behind_them() -> None:
    policy = Policy(PolicySettings(allowed=("velero backup get",)))
    assert risk("velero backup get nightly", policy) == "read"
    assert risk("velero backup get --kubeconfig=/tmp/x", policy) == "forbidden"
    assert risk("velero backup delete nightly", policy) == "forbidden"


def test_allowed_words_do_not_reopen_what_a_shell_would_do() -> None:
    policy = Policy(PolicySettings(allowed=("velero",)))
    assert risk("velero get > x", policy) == "forbidden"
    assert risk("velero get | sh", policy) == "forbidden"


def test_settings_cannot_allow_what_a_table_forbids() -> None:
    policy = Policy(PolicySettings(allowed=("kubectl", "cat", "oc")))
    assert risk("kubectl edit deployment web", policy) == "forbidden"
    assert risk("kubectl proxy", policy) == "forbidden"
    assert risk("cat /etc/shadow", policy) == "forbidden"
    assert risk("kubectl neat", policy) == "read"


def test_a_context_must_be_one_of_the_kubeconfig() -> None:
    policy = Policy(PolicySettings(contexts=("dev", "prod")))
    assert risk("kubectl get pods --context=prod", policy) == "read"
    assert risk("kubectl get pods --context=elsewhere", policy) == "forbidden"


def test_manifests_of_the_session_folder_are_accepted() -> None:
    policy = Policy(PolicySettings(workspace="/home/me/.local/state/k8sagent/m"))
    assert risk("kubectl apply -f /home/me/.local/state/k8sagent/m/a.yaml --dry-run=server", policy) == "read"
    assert risk("kubectl apply -f /home/me/.local/state/k8sagent/m/../a.yaml --dry-run=server", policy) == "forbidden"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "kubectl -n web scale deploy/x --replicas=0",
            ("verb 'scale'", "--namespace=web", "--replicas=0", "row kubectl.scale", "no pod is left"),
        ),
        ("kubectl get pods | grep -c x", ("1.2 read as: grep -c x", "row filters.grep", "verdict: read by")),
        ("systemctl restart crio && kubectl get pods", ("row host.systemctl.restart", "2.1 read as after &&", "policy.alone")),
        ("kubectl exec web-0 -- id", ("behind --: id", "kubectl.exec")),
        ("kubectl edit cm x", ("never run", "kubectl.edit")),
        ("nosuch -x", ("row: none", "policy.unknown")),
        ("kubectl get pods > x", ("not parsed",)),
    ],
)
def test_an_explanation_shows_the_parse_the_row_and_the_rule(text: str, words: tuple[str, ...]) -> None:
    shown = "\n".join(explain(POLICY, text))
    assert not [word for word in words if word not in shown], shown


def test_a_command_that_holds_a_secret_is_refused() -> None:
    token = "ghp_" + "a1B2" * 9
    assert POLICY.judge(f"kubectl annotate deploy web token={token}").verdict.rule == "policy.secret"


def _single(text: str) -> bool:
    try:
        return len(parse(text).stages) == 1
    except Refused:
        return False


SINGLE = [command for _, command in ROWS if _single(command)]
INDEX = st.integers(min_value=0, max_value=len(SINGLE) - 1)


def _weaker(before: str, after: str) -> bool:
    return RISKS.index(risk(after)) < RISKS.index(risk(before))


@given(INDEX, st.integers(0, 200))
def test_quotes_spliced_into_a_word_change_nothing(index: int, seed: int) -> None:
    argv = list(parse(SINGLE[index]).stages[0].argv)
    at = seed % len(argv)
    word = argv[at]
    cut = seed % (len(word) + 1)
    spliced = " ".join([*map(shlex.quote, argv[:at]), shlex.quote(word[:cut]) + shlex.quote(word[cut:]), *map(shlex.quote, argv[at + 1 :])])
    assert risk(spliced) == risk(shlex.join(argv))


@given(INDEX, st.integers(0, 200))
def test_a_flag_value_means_the_same_attached_or_apart(index: int, seed: int) -> None:
    argv = list(parse(SINGLE[index]).stages[0].argv)
    try:
        table = flag_table(read_call(argv).verb) if argv[0] == "kubectl" else {}
    except Refused:
        return
    end = argv.index("--") if "--" in argv else len(argv)
    attached = [
        at for at, word in enumerate(argv[:end]) if "=" in word and (flag := table.get(word.split("=", 1)[0])) and flag.shape == "value"
    ]
    if not attached:
        return
    at = attached[seed % len(attached)]
    name, _, value = argv[at].partition("=")
    assert risk(shlex.join([*argv[:at], name, value, *argv[at + 1 :]])) == risk(shlex.join(argv))


@given(INDEX, st.sampled_from(["-n web", "--namespace=web", "--request-timeout=5s", "-n=web"]))
def test_a_harmless_global_flag_in_front_of_the_verb_changes_nothing(index: int, flag: str) -> None:
    argv = list(parse(SINGLE[index]).stages[0].argv)
    if argv[0] != "kubectl" or any(word.startswith(("-n", "--namespace", "--request-timeout")) for word in argv):
        return
    assert risk(shlex.join([argv[0], *flag.split(), *argv[1:]])) == risk(shlex.join(argv))


@given(INDEX, st.integers(0, 200))
def test_another_case_of_a_word_is_never_weaker(index: int, seed: int) -> None:
    argv = list(parse(SINGLE[index]).stages[0].argv)
    words = [at for at, word in enumerate(argv) if not word.startswith("-")]
    at = words[seed % len(words)]
    changed = [*argv[:at], argv[at].swapcase(), *argv[at + 1 :]]
    assert not _weaker(shlex.join(argv), shlex.join(changed))


@given(
    INDEX,
    st.sampled_from(
        ["{} | cat", "{} | head -5", "kubectl get pods; {}", "{} && kubectl get pods", "{} || echo no", "{} 2>&1", "{} 2>/dev/null"]
    ),
)
def test_a_list_or_a_pipeline_around_a_command_is_never_weaker(index: int, frame: str) -> None:
    command = SINGLE[index]
    if ">" in command.replace("->", ""):
        return
    assert not _weaker(command, frame.format(command))


@given(INDEX, st.sampled_from(["attached", "equals", "front"]))
def test_a_namespace_means_the_same_wherever_and_however_it_is_written(index: int, form: str) -> None:
    argv = list(parse(SINGLE[index]).stages[0].argv)
    end = argv.index("--") if "--" in argv else len(argv)
    at = next((at for at, word in enumerate(argv[: end - 1]) if word == "-n" and argv[0] == "kubectl"), 0)
    if not at or not argv[at + 1]:
        return
    value, rest = argv[at + 1], [*argv[:at], *argv[at + 2 :]]
    changed = {
        "attached": [*argv[:at], f"-n{value}", *argv[at + 2 :]],
        "equals": [*argv[:at], f"--namespace={value}", *argv[at + 2 :]],
        "front": [rest[0], "-n", value, *rest[1:]],
    }[form]
    assert risk(shlex.join(changed)) == risk(shlex.join(argv))


@given(
    INDEX,
    st.integers(1, 40),
    st.sampled_from(
        ["--server=https://x", "-shttps://x", "--kubeconfig=/tmp/x", "--token=abc", "--as=admin", "--insecure-skip-tls-verify"]
    ),
)
def test_a_flag_that_moves_identity_or_server_is_refused_wherever_it_stands(index: int, place: int, flag: str) -> None:
    argv = list(parse(SINGLE[index]).stages[0].argv)
    end = argv.index("--") if "--" in argv else len(argv)
    if argv[0] != "kubectl" or "can-i" in argv:
        return
    at = min(place, end)
    changed = [*argv[:at], flag, *argv[at:]]
    if argv[at - 1].startswith("-") and "=" not in argv[at - 1]:
        return  # it could be the value of the flag before it
    assert risk(shlex.join(changed)) == "forbidden"

"""Secrets go, what a diagnosis needs stays, and a stream says the same as the whole text."""

from __future__ import annotations

import base64
import json
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.redaction.escapes import strip_escapes
from engine.core.redaction.redactor import Redactor

SHARED = Path(__file__).parents[5] / "shared" / "data" / "safety" / "redaction.jsonl"
GHP = "ghp_" + "aB3d" * 9
AKIA = "AKIA" + "ABCDEFGH12345678"
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJrdWJlIn0.c2lnbmF0dXJl-_" + "A" * 20
KEY_LINES = [base64.b64encode(bytes([n] * 48)).decode() for n in range(1, 6)]


def pem(kind: str, *, begin: bool = True, end: bool = True, indent: str = "") -> str:
    lines = [f"-----BEGIN {kind}-----"] * begin + KEY_LINES + [f"-----END {kind}-----"] * end
    return "\n".join(indent + line for line in lines)


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


GONE = {
    "jwt": (f"Authorization: Bearer {JWT}", JWT),
    "forge token": (f'level=error msg="failed" auth={GHP} status=401', GHP),
    "aws": (f'{{"AccessKeyId": "{AKIA}", "SecretAccessKey": "abcd/efgh+ijkl"}}', "abcd/efgh+ijkl"),
    "aws config": ("aws_secret_access_key = abcd/efgh+ijklmnop", "abcd/efgh+ijklmnop"),
    "slack": ("xoxb-" + "12345678901-abcdefGHIJ", "abcdefGHIJ"),
    "stripe": ("using sk_live_" + "4eC39HqLyjWDarjtT1zdp7dc", "4eC39HqLyjWDarjtT1zdp7dc"),
    "url password": ("dial postgres://app:s3cr3t#x@db.web.svc:5432/main", "s3cr3t#x"),
    "url password with at": ("amqp://u:p@ss!w0rd@mq:5672/", "p@ss!w0rd"),
    "redis": ("redis://:topsecret@cache:6379/0", "topsecret"),
    "go dsn": ("root:hunter22@tcp(mysql:3306)/shop", "hunter22"),
    "ado": ("Server=db;User Id=sa;Password=Pa55;word=1;Encrypt=true".replace(";word", "word"), "Pa55word"),
    "jdbc": ("jdbc:mysql://db/x?user=a&password=hunter22&ssl=true", "hunter22"),
    "env": ("export DB_PASSWORD=a%b,c d", "a%b,c d"),
    "env pass": ("REDIS_PASS=R-x7", "R-x7"),
    "yaml": ("  password: changeme", "changeme"),
    "yaml quoted": ('  clientSecret: "with space"', "with space"),
    "json": ('{"user":"bob","apiKey":"k-123"}', "k-123"),
    "escaped json": ('{"log":"{\\"token\\":\\"t-123456\\"}\\n"}', "t-123456"),
    "basic": ("authorization: Basic " + b64("a:b c d e f"), b64("a:b c d e f")),
    "header": ("X-Vault-Token: hv-abcdef", "hv-abcdef"),
    "cookie": ("Set-Cookie: session=abcdef123456; Path=/", "abcdef123456"),
    "option": ("mytool --token abcdef123 --verbose", "abcdef123"),
    "docker login": ("docker login -u a -p hunter22 quay.io", "hunter22"),
    "mysql": ("mysql -u root -phunter22 shop", "hunter22"),
    "curl": ("curl -u admin:hunter22 https://x", "hunter22"),
    "docker config": ('{"auths":{"quay.io":{"auth":"' + b64("robot:hunter22") + '"}}}', b64("robot:hunter22")),
    "env list": ("- name: DB_PASSWORD\n  value: hunter22", "hunter22"),
    "env list json": ('[{"name":"API_TOKEN","value":"t-12345"}]', "t-12345"),
    "pretty env list json": ('{\n  "name": "API_TOKEN",\n  "value": "t-12345"\n}', "t-12345"),
    "kubeconfig": ("users:\n- name: a\n  user:\n    client-key-data: QUJDREVGRw==", "QUJDREVGRw=="),
    "bootstrap token alone": ("created abc123.0123456789uvwxyz", "0123456789uvwxyz"),
    "bootstrap token": ("kubeadm join 10.0.0.1:6443 --token abc123.0123456789abcdef", "0123456789abcdef"),
    "openshift": ("sha256~" + "aB3" * 14, "aB3aB3"),
    "azure": ("AccountName=x;AccountKey=" + "abcd" * 10 + "==;EndpointSuffix=y", "abcd" * 10),
    "pem": (pem("RSA PRIVATE KEY"), KEY_LINES[2]),
    "pem indented": (pem("PRIVATE KEY", indent="    "), KEY_LINES[0]),
    "after a certificate that was cut off": (pem("CERTIFICATE", end=False) + "\nDB_PASSWORD=hunter22", "hunter22"),
    "pem without end": (pem("PRIVATE KEY", end=False), KEY_LINES[4]),
    "pem without begin": (pem("EC PRIVATE KEY", begin=False), KEY_LINES[0]),
    "pem on one line": ('{"key":"' + pem("PRIVATE KEY").replace("\n", "\\n") + '"}', KEY_LINES[1]),
    "pem in base64": ("tls.key: " + b64(pem("PRIVATE KEY")), b64(pem("PRIVATE KEY"))[40:80]),
    "secret": ("apiVersion: v1\nkind: Secret\ndata:\n  a: aGVsbG8td29ybGQ=", "aGVsbG8td29ybGQ="),
    "secret, data first": ("apiVersion: v1\ndata:\n  a: aGVsbG8td29ybGQ=\nkind: Secret\nmetadata:\n  name: x", "aGVsbG8td29ybGQ="),
    "secret, stringData": ("kind: Secret\nstringData:\n  conf: |\n    user=a\n    line two\n", "line two"),
    "secret in a list": ("items:\n- data:\n    a: aGVsbG8=\n  kind: Secret\n- data:\n    b: plain\n  kind: ConfigMap", "aGVsbG8="),
    "secret, flow": ("kind: Secret\ndata: {a: aGVsbG8=, b: d29ybGQ=}", "d29ybGQ="),
    "secret, json": (json.dumps({"kind": "Secret", "data": {"a": "aGVsbG8="}}), "aGVsbG8="),
    "secret, pretty json": (json.dumps({"apiVersion": "v1", "data": {"a": "aGVsbG8="}, "kind": "Secret"}, indent=4), "aGVsbG8="),
    "secret list, json": (json.dumps({"kind": "List", "items": [{"kind": "Secret", "data": {"a": "aGVsbG8="}}]}), "aGVsbG8="),
    "last applied": (
        "metadata:\n  annotations:\n    kubectl.kubernetes.io/last-applied-configuration: |\n      "
        + json.dumps({"data": {"a": "aGVsbG8="}, "kind": "Secret"}),
        "aGVsbG8=",
    ),
    "last applied, json": (
        json.dumps({"metadata": {"annotations": {"x/last-applied": json.dumps({"stringData": {"a": "pl ain"}, "kind": "Secret"})}}}),
        "pl ain",
    ),
    "secret whose kind was cut off": ("apiVersion: v1\ndata:\n  a: aGVsbG8td29ybGQhIQ==", "aGVsbG8td29ybGQhIQ=="),
    "env list, value first": ("- value: hunter22\n  name: DB_PASSWORD", "hunter22"),
    "env list json, value first": ('[{"value":"t-12345","name":"API_TOKEN"}]', "t-12345"),
    "pretty env list json, value first": ('{\n  "value": "t-12345",\n  "name": "API_TOKEN"\n}', "t-12345"),
    "diff of a secret, before": (" data:\n-  pass: aHVudGVyMjIh\n+  pass: aHVudGVyMjMh\n kind: Secret", "aHVudGVyMjIh"),
    "diff of a secret, after": (" data:\n-  pass: aHVudGVyMjIh\n+  pass: aHVudGVyMjMh\n kind: Secret", "aHVudGVyMjMh"),
    "diff of a secret, taken away": ("-apiVersion: v1\n-data:\n-  pass: aHVudGVyMjIh\n-kind: Secret", "aHVudGVyMjIh"),
    "diff of a secret, added": ("+kind: Secret\n+stringData:\n+  a: hello there", "hello there"),
    "diff of an env list": ("  - name: DB_PASSWORD\n-   value: hunter22\n+   value: hunter23", "hunter23"),
    "diff of an env list, value first": ("-    value: hunter22\n+    value: hunter23\n     name: DB_PASSWORD", "hunter22"),
    "diff of a secret, json": ('   "kind": "Secret",\n   "data": {\n-    "a": "aGVsbG8="\n   }', "aGVsbG8="),
    "a default password": ("DB_PASSWORD=changeme", "changeme"),
    "value asked for": ("$ kubectl get secret db -o jsonpath={.data.password}\naGVsbG8=", "aGVsbG8="),
}

STAYS = [
    "image: registry.example.com/web@sha256:" + "ab12" * 16,
    "uid: 8f14e45f-ceea-467f-a0e6-2d3c9d1b7a11",
    'resourceVersion: "123456789"',
    "commit 3b18e512dba79e4c8300dd08aeb37f8e728b8dad",
    "sha256 Fingerprint=AA:BB:CC:DD:EE:FF:00:11",
    "containerID: containerd://" + "0f" * 32,
    "--discovery-token-ca-cert-hash sha256:" + "0f" * 32,
    'secret "db-credentials" not found',
    "DB_PASSWORD:  <set to the key 'password' in secret 'db'>  Optional: false",
    "token:      1234 bytes",
    "password: REDACTED",
    "kubectl set env deployment/x -n shop STRIPE_API_KEY=VALUE",
    "kubectl set env deployment/x DB_PASSWORD=<value> API_TOKEN=<your token>",
    "kubectl create secret generic x --from-literal=token=your-token-here",
    "API_KEY=YOUR_API_KEY DB_PASSWORD=REPLACE_ME",
    "DB_PASSWORD=${NAME} API_TOKEN=$TOKEN SECRET_KEY=xxxxx",
    'password: "TODO"',
    "- value: plain\n  name: MODE\n- value: other\n  name: LEVEL",
    "- name: DB_PASSWORD\n  valueFrom:\n    secretKeyRef:\n      name: db\n- name: MODE\n  value: fast",
    " data:\n-  mode: fast\n+  mode: slow\n kind: ConfigMap",
    "-    privileged: true\n+    privileged: false",
    "client-key-data: DATA+OMITTED",
    "secretName: web-tls",
    "serviceAccountName: token-reader",
    "automountServiceAccountToken: true",
    "expirationSeconds: 3607",
    "path: /var/run/secrets/kubernetes.io/serviceaccount",
    "error: invalid token: expired",
    "FATAL:  password authentication failed for user app",
    "https://registry.example.com:5000/v2/team/web/tags/list",
    "git@github.com:acme/app.git",
    "trace_id=f83ea5969b4fc2d7810fc53acec7d43f span_id=097c583106cbc5cc",
    "pod-template-hash: 7d9f8c6b5",
    "name: mailer.18ea9a6866259c16",
    pem("CERTIFICATE"),
    "kind: ConfigMap\ndata:\n  mode: debug\n  LOG: info",
    "data:\n  mode: debug\n  level: info\nkind: ConfigMap\nmetadata:\n  name: x",
    "- name: DB_PASSWORD\n  valueFrom:\n    secretKeyRef:\n      name: db\n      key: password",
    "prompt_tokens=512 max_tokens: 1024",
    "NAME TYPE DATA AGE\ndb-credentials Opaque 2 3d",
    "author: bob\nauthor=alice keyboard=us monkey: banana",
]


@pytest.mark.parametrize("name", GONE)
def test_a_secret_goes(name: str) -> None:
    text, secret = GONE[name]
    out = Redactor().text(text)
    assert secret not in out
    assert "[redacted:" in out


@pytest.mark.parametrize("text", STAYS, ids=lambda text: text[:40])
def test_a_look_alike_stays_byte_for_byte(text: str) -> None:
    assert Redactor().text(text) == text


def test_keys_and_neighbours_stay() -> None:
    out = Redactor().text("apiVersion: v1\nkind: Secret\nmetadata:\n  name: db\ndata:\n  user: YWxpY2U=\ntype: Opaque")
    assert out == "apiVersion: v1\nkind: Secret\nmetadata:\n  name: db\ndata:\n  user: [redacted:secret#1]\ntype: Opaque"


def test_the_same_secret_keeps_its_number_in_a_session() -> None:
    redactor = Redactor()
    first = redactor.text("password=hunter22 token=abcdef99")
    again = redactor.text("the token=abcdef99 and DB_PASSWORD=hunter22")
    assert first == "password=[redacted:password#1] token=[redacted:password#2]"
    assert again == "the token=[redacted:password#2] and DB_PASSWORD=[redacted:password#1]"
    assert sum(redactor.counts.values()) == 4


@pytest.mark.parametrize("name", GONE)
def test_what_was_redacted_stays_as_it_is_the_second_time(name: str) -> None:
    redactor = Redactor()
    once = redactor.text(GONE[name][0])
    assert redactor.text(once) == once


@given(st.sampled_from(sorted(GONE)), st.lists(st.integers(1, 5), max_size=12))
def test_a_stream_says_the_same_whatever_the_borders(name: str, sizes: list[int]) -> None:
    text = GONE[name][0]
    lines = text.split("\n")
    stream = Redactor().stream()
    out: list[str] = []
    for size in sizes:
        out += stream.feed(lines[:size])
        lines = lines[size:]
    out += stream.feed(lines)
    out += stream.flush()
    assert "\n".join(out) == Redactor().text(text)


BLOCK = st.sampled_from(
    [
        "data:",
        "kind: Secret",
        "  a: aGVsbG8td29ybGQ=",
        "- value: x1",
        "  value: x2",
        "  name: DB_PASSWORD",
        "  name: a",
        "",
        "}",
        "---",
        KEY_LINES[0],
    ]
)


@given(st.text(alphabet="abkeyd: =\n-+{}\"'S/", max_size=80))
def test_no_line_is_lost_or_made(text: str) -> None:
    assert Redactor().text(text).count("\n") == text.count("\n")


@given(st.lists(st.tuples(st.sampled_from(["", " ", "+", "-"]), BLOCK), max_size=12))
def test_lines_of_a_diff_keep_their_order_and_their_marks(lines: list[tuple[str, str]]) -> None:
    text = "\n".join(mark + line for mark, line in lines)
    out = Redactor().text(text).split("\n")
    assert len(out) == len(text.split("\n"))
    for before, after in zip(text.split("\n"), out, strict=True):
        assert before == after or before[:1] == after[:1]
        assert before.partition(":")[0] == after.partition(":")[0] or "[redacted:" in after


@pytest.mark.skipif(not SHARED.exists(), reason="the larger samples are not here")
def test_the_labelled_samples() -> None:
    for line in SHARED.read_text(encoding="utf-8").split("\n"):
        if not line:
            continue
        row = json.loads(line)
        text, gone, kept = (
            base64.b64decode(row["text_b64"]).decode(),
            [base64.b64decode(s).decode() for s in row["must_redact_b64"]],
            [base64.b64decode(s).decode() for s in row["must_keep_b64"]],
        )
        out = Redactor().text(text)
        assert not [secret for secret in gone if secret in out], row["id"]
        assert not [keep for keep in kept if keep not in out], row["id"]


def test_plain_log_lines_cost_little() -> None:
    lines = tuple(f"2026-11-23T10:00:{n % 60:02d}Z info request handled path=/cart status=200 ms={n}" for n in range(5000))
    stream = Redactor().stream()
    started = time.process_time()
    assert stream.feed(lines) == lines
    assert time.process_time() - started < 1.0


@pytest.mark.parametrize("lines", [["data:"] * 20_000, ["data:", *[" data:"] * 20_000], [" " * n + "data:" for n in range(1500)]])
def test_nested_and_repeated_blocks_cost_no_more_than_their_length(lines: list[str]) -> None:
    started = time.process_time()
    count = Redactor().text("\n".join(lines)).count("\n")
    assert count == len(lines) - 1
    assert time.process_time() - started < 4.0


@pytest.mark.parametrize(("name", "most"), [("redaction-2", 0), ("redaction-a", 0), ("redaction-b", 7)])
def test_attackers_texts_lose_their_secrets_and_nothing_else(name: str, most: int) -> None:
    """Set B leaked 9 before any of its failures was read, which is what to expect of new texts."""
    problems: list[str] = []
    for line in (Path(__file__).parents[3] / "data" / "safety" / f"{name}.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        out = Redactor().text(strip_escapes(base64.b64decode(row["text_b64"]).decode()))
        for secret in (base64.b64decode(field).decode() for field in row["must_redact_b64"]):
            pieces = [secret[at : at + 12] for at in range(0, len(secret) - 12, 12)] if len(secret) >= 24 else []
            if any(piece in out for piece in (secret, *pieces)):
                problems.append(f"{row['id']} {row['kind']} leaks")
        problems += [f"{row['id']} {row['kind']} lost" for kept in row["must_keep_b64"] if base64.b64decode(kept).decode() not in out]
    assert len(problems) <= most, problems

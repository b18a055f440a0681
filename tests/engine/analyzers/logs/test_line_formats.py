"""Level and message of one line in the formats of many programs, and what is made of lines that belong together."""

# ruff: noqa: E501 - log lines are as long as programs write them
from __future__ import annotations

from engine.analyzers.logs.entries import entries, grouped
from engine.analyzers.logs.line_formats import innermost, parse_line
from engine.analyzers.logs.reader import explain, quoted

LINES = [
    ('{"level":"error","msg":"failed","error":"boom"}', "error", "failed: boom"),
    ('{"level":50,"msg":"db","err":{"message":"too many"}}', "error", "db: too many"),
    ('{"@timestamp":"2026-11-20T08:00:00Z","log.level":"WARN","message":"slow","error.message":"late"}', "warn", "slow: late"),
    ('{"@t":"2026-11-20T08:00:00Z","@l":"Error","@m":"Order failed"}', "error", "Order failed"),
    ('{"s":"E","c":"NETWORK","msg":"refused","attr":{"error":"no route"}}', "error", "refused: no route"),
    ('time="2026-11-20T08:00:00Z" level=error msg="cannot sync" error="no route to host"', "error", "cannot sync: no route to host"),
    ('ts=2026-11-20T08:00:00Z caller=main.go:1 level=warn msg="late"', "warn", "late"),
    ("E1120 08:00:00.000001       1 main.go:10] cannot watch", "error", "cannot watch"),
    ('E1120 08:00:00.000001       1 main.go:10] "Unhandled Error" err="no such pod" logger="x"', "error", "Unhandled Error: no such pod"),
    ("Nov 20 08:00:00 node-a kubelet[912]: E1120 08:00:00.000001     912 kubelet.go:10] not ready", "error", "not ready"),
    ("2026-11-20 08:00:00.101 UTC [17] FATAL:  sorry", "fatal", "sorry"),
    ("2026-11-20T08:00:00.004811Z 1 [ERROR] [MY-012574] [InnoDB] Unable to lock ./ibdata1 error: 11", "error", "Unable to lock ./ibdata1 error: 11"),
    ("2026-11-20  8:00:00 0 [Warning] Aborted connection", "warn", "Aborted connection"),
    ("1:M 20 Nov 2026 08:00:00.313 # Short read", "warn", "Short read"),
    ("2026/11/20 08:00:00 [error] 7#7: *1 connect() failed", "error", "connect() failed"),
    ("[2026-11-20 08:00:00.512][1][critical][main] [source/server/server.cc:131] exiting", "fatal", "exiting"),
    ("[2026-11-20T08:00:00,391][ERROR][o.e.b.Elasticsearch      ] [es-0] node validation exception", "error", "node validation exception"),
    ("[2026-11-20 08:00:00,904] WARN [Broker id=1] Stopping (kafka.server.ReplicaManager)", "warn", "Stopping (kafka.server.ReplicaManager)"),
    ("2026-11-20 08:00:00,377 [myid:2] - ERROR [main:QuorumPeerMain@114] - Unexpected exception", "error", "Unexpected exception"),
    ("ERROR [main] 2026-11-20 08:00:00,443 CassandraDaemon.java:900 - Cannot start node", "error", "Cannot start node"),
    ("2026-11-20 08:00:00.611+00:00 [warning] <0.254.0> Peer discovery failed", "warn", "Peer discovery failed"),
    ("[1] 2026/11/20 08:00:00.010411 [ERR] JetStream out of resources", "error", "JetStream out of resources"),
    ("2026-11-20T08:00:00.022Z [ERROR] agent.anti_entropy: failed to sync", "error", "agent.anti_entropy: failed to sync"),
    ("2026-11-20T08:00:00Z ERR Unable to obtain certificate error=\"no record\" provider=acme", "error", "Unable to obtain certificate: no record"),
    ("2026-11-20T08:00:00Z\tERROR\tscale_handler\terror getting decision\t{\"error\": \"query failed\"}", "error", "error getting decision: query failed"),
    ("2026-11-20T08:00:00.101Z ERROR vector::topology: msg=\"x\" error=Unexpected status: 401 Unauthorized component_id=es", "error", "vector::topology: Unexpected status: 401 Unauthorized"),
    ("2026-11-20 08:00:00.090 ERROR 1 --- [nio-8080-exec-1] c.e.pay.Client : call failed", "error", "call failed"),
    ("08:00:00.101 [io-executor-1] WARN  c.e.Reports - slow", "warn", "slow"),
    ("[08:00:00 ERR] Order 17 failed", "error", "Order 17 failed"),
    ("[2026-11-20 08:00:00 +0000] [1] [CRITICAL] WORKER TIMEOUT (pid:7)", "fatal", "WORKER TIMEOUT (pid:7)"),
    ("[20-Nov-2026 08:00:00] WARNING: [pool www] server reached pm.max_children", "warn", "server reached pm.max_children"),
    ("NOTICE: PHP message: PHP Fatal error:  Allowed memory size", "error", "PHP message: PHP Fatal error:  Allowed memory size"),
    ("E, [2026-11-20T08:00:00.001010 #1] ERROR -- : no luck", "error", "no luck"),
    ("2026-11-20T08:00:00.684Z pid=27 tid=4k7 WARN: heartbeat", "warn", "heartbeat"),
    ("[Fri Nov 20 08:00:00.123456 2026] [core:error] [pid 1:tid 1] AH00037: Symbolic link not allowed", "error", "AH00037: Symbolic link not allowed"),
    ("[ALERT]    (8) : backend 'web' has no server available!", "fatal", "backend 'web' has no server available!"),
    ("debug 2026-11-20T08:00:00.212+0000 7f3a6d0a5640 -1 auth: no keyring", "error", "auth: no keyring"),
    ("2026.11.20 08:00:00.029193 [ 41 ] {} <Error> Merge: Code: 243", "error", "Merge: Code: 243"),
    ("[2026-11-20T08:00:00.700+0000] {scheduler_job.py:994} ERROR - Exception in loop", "error", "Exception in loop"),
    ("[Nest] 1  - 11/20/2026, 8:00:00 AM   ERROR [ExceptionHandler] cannot resolve", "error", "cannot resolve"),
    ("mongodb 08:00:00.47 INFO  ==> Deploying", "info", "Deploying"),
    ("17:24:20 web.1  | Could not find gem", "error", "Could not find gem"),
    ("10.0.0.1 - - [20/Nov/2026:08:00:00 +0000] \"GET /error HTTP/1.1\" 500 20", "info", "10.0.0.1 - - "),
    ("Error reading settings", "error", "Error reading settings"),
    ("Process terminated. Couldn't find a valid ICU package", "error", "Process terminated. Couldn't find"),
    ("listening on 3000", "", "listening on 3000"),
]  # fmt: skip


def test_level_and_message_of_a_line() -> None:
    wrong = []
    for line, level, text in LINES:
        found = parse_line(line)
        if found[0] != level or not found[1].startswith(text):
            wrong.append(f"{line[:70]} -> {found}")
    assert wrong == []


def test_the_innermost_exception_of_a_trace_in_one_field() -> None:
    java = "java.lang.RuntimeException: outer\n\tat a.B.c(B.java:1)\nCaused by: java.io.IOException: inner\n\tat d.E.f(E.java:2)"
    go = "1 error occurred:\n\t* Failed to join 10.0.0.1:7946: connection refused\n\n"
    assert innermost(java) == "java.io.IOException: inner"
    assert innermost("boom\n\tgithub.com/x/y.go:17\nmain.main\n\t/src/main.go:3") == "boom"
    assert innermost(go) == "* Failed to join 10.0.0.1:7946: connection refused"


def test_a_python_exception_that_was_the_cause_of_another_explains() -> None:
    text = (
        "Traceback (most recent call last):\n  File \"a.py\", line 1, in <module>\nKeyError: 'region'\n\n"
        "The above exception was the direct cause of the following exception:\n\n"
        'Traceback (most recent call last):\n  File "b.py", line 2, in <module>\nRuntimeError: settings could not be read'
    )
    (entry,) = entries(text.split("\n"))
    assert entry.text == "KeyError: 'region'" and "settings could not be read" in "\n".join(entry.lines)


def test_the_fields_below_an_exception_belong_to_its_message() -> None:
    text = "java.io.IOException: Failed to load: audit plugin\n - Update required: server 2.4 to be updated to 2.6\n\tat a.B.c(B.java:1)"
    (entry,) = entries(text.split("\n"))
    assert "Update required" in entry.text and len(entry.lines) == 3


def test_json_over_several_lines_is_one_entry() -> None:
    text = '{"level": "ERROR", "message": "uncaught exception in thread [main]" ,\n"stacktrace": ["a.B: outer",\n"Caused by: c.D: inner"] }\nnext'
    found = entries(text.split("\n"))
    assert [e.text for e in found] == ["uncaught exception in thread [main]: c.D: inner", "next"]


def test_repeats_keep_the_names_that_differ() -> None:
    lines = [f"WARN peer {name} does not answer: i/o timeout" for name in ("mq-0.mq", "mq-1.mq", "mq-2.mq") for _ in range(3)]
    (only,) = grouped(entries(lines))
    assert only.count == 9 and only.also == ["mq-1.mq", "mq-2.mq"]
    story = explain(lines, ended=True)
    assert story is not None and "mq-2.mq" in story.message


def test_a_long_message_is_cut_before_its_reason_and_at_its_end() -> None:
    text = "could not reconcile: " + "outer layer: " * 40 + "the bucket does not exist"
    assert quoted(text).endswith("the bucket does not exist") and len(quoted(text)) <= 262
    assert quoted("x" * 400).endswith("…")

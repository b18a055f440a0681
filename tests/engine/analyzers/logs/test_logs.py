"""A log explains itself: what programs in many languages say, which line counts, and what is only noise."""

# ruff: noqa: E501 - log lines are as long as programs write them
from __future__ import annotations

import pytest

from engine.analyzers.log_patterns import known_patterns
from engine.analyzers.logs.entries import entries, grouped, template
from engine.analyzers.logs.reader import analyze_text, explain

SAYINGS = [
    # Go
    ('time=2031-05-04T10:00:00Z level=ERROR msg="config" err="required key DATABASE_DSN missing value"', "MissingEnvironment", "DATABASE_DSN"),
    ('{"level":"fatal","ts":1,"msg":"startup","error":"environment variable QUEUE_TOKEN is not set"}', "MissingEnvironment", "QUEUE_TOKEN"),
    ("2031/05/04 10:00:00 missing env var: PAYMENT_KEY", "MissingEnvironment", "PAYMENT_KEY"),
    ('panic: strconv.Atoi: parsing "5s": invalid syntax', "InvalidConfigurationValue", "'5s'"),
    ('level=fatal msg="bad timeout" err="time: unknown unit \\"sek\\" in duration \\"5sek\\""', "InvalidConfigurationValue", "5sek"),
    ("panic: runtime error: invalid memory address or nil pointer dereference\n\ngoroutine 1 [running]:\nmain.main()\n\t/app/main.go:12 +0x1d", "Panic", "nil pointer"),
    ("listen tcp :8080: bind: address already in use", "PortInUse", "8080"),
    ("listen tcp 0.0.0.0:80: bind: permission denied", "PrivilegedPort", "80"),
    ('E0504 10:00:00.000000 1 main.go:10] "boot" err="open /etc/app/config.yaml: no such file or directory"', "MissingFile", "/etc/app/config.yaml"),
    ("open /var/lib/app/state.db: permission denied", "PermissionDenied", "/var/lib/app/state.db"),
    ("mkdir /app/tmp: read-only file system", "ReadOnlyFileSystem", "/app/tmp"),
    ("dial tcp: lookup kafka.stream.svc.cluster.local on 10.96.0.10:53: no such host", "NameNotResolved", "kafka.stream.svc.cluster.local"),
    ("dial tcp: lookup pg on 10.96.0.10:53: read udp 10.1.0.4:4242->10.96.0.10:53: i/o timeout", "DnsFailing", "pg"),
    ("dial tcp 10.96.4.4:5432: connect: connection refused", "ConnectionRefused", "refused"),
    ("dial tcp 10.96.4.4:5432: i/o timeout", "ConnectionTimeout", "times out"),
    ("dial tcp 10.96.4.4:5432: connect: no route to host", "NoRoute", "no route"),
    ("Get \"https://vault:8200/v1\": x509: certificate has expired or is not yet valid: current time 2031-05-04T10:00:00Z is after 2031-05-01T00:00:00Z", "CertificateExpired", "expired"),
    ("Get \"https://idp/\": tls: failed to verify certificate: x509: certificate signed by unknown authority", "CertificateUntrusted", "authority"),
    ("x509: certificate is valid for a.example, not b.example", "CertificateNameMismatch", "another name"),
    ("http: server gave HTTP response to HTTPS client", "TlsMismatch", "TLS"),
    ("flag provided but not defined: -verbos", "UnknownOption", "-verbos"),
    ("Error: unknown flag: --listen-adress", "UnknownOption", "--listen-adress"),
    ("fatal error: runtime: out of memory", "HeapExhausted", "memory"),
    ('level=fatal msg="leader election lost"', "LeaseLost", "lease"),
    ("write /data/wal/0001: no space left on device", "DiskFull", "full"),
    # Java
    ("java.lang.OutOfMemoryError: Java heap space", "HeapExhausted", "Java heap space"),
    ("Exception in thread \"main\" java.lang.NumberFormatException: For input string: \"ten\"\n\tat java.lang.Integer.parseInt(Integer.java:652)", "InvalidConfigurationValue", "'ten'"),
    ("java.lang.IllegalArgumentException: Could not resolve placeholder 'billing.url' in value \"${billing.url}\"", "MissingConfiguration", "billing.url"),
    ("2031-05-04 10:00:00.000 ERROR 1 --- [main] o.s.boot : Caused by: java.net.UnknownHostException: mysql-primary", "NameNotResolved", "mysql-primary"),
    ("Caused by: org.postgresql.util.PSQLException: FATAL: password authentication failed for user \"shop\"", "AuthenticationFailed", "shop"),
    ("HikariPool-1 - Connection is not available, request timed out after 30000ms.", "TooManyConnections", "no connection left"),
    ("Error: Could not find or load main class com.acme.Main", "MissingModule", "com.acme.Main"),
    ("Error: Unable to access jarfile /app/app.jar", "MissingModule", "/app/app.jar"),
    ("Exception in thread \"main\" java.lang.UnsupportedClassVersionError: com/acme/Main has been compiled by a more recent version", "MissingModule", "more recent version"),
    ("sun.security.validator.ValidatorException: PKIX path building failed: unable to find valid certification path to requested target", "CertificateUntrusted", "PKIX"),
    ("Unrecognized VM option 'UseConcMarkSweepGC'", "UnknownOption", "JVM"),
    ("Web server failed to start. Port 8080 was already in use.", "PortInUse", "8080"),
    ("org.flywaydb.core.api.FlywayException: Validate failed: Migration checksum mismatch for migration version 7", "MigrationFailed", "checksum mismatch"),
    ("liquibase.exception.LockException: Could not acquire change log lock.  Currently locked by web-1 since 5/4/31", "LockHeld", "lock"),
    ("org.apache.kafka.clients.NetworkClient [Producer clientId=p] Connection to node -1 (kafka/10.1.1.1:9092) could not be established. Broker may not be available.", "BrokerUnavailable", "Kafka"),
    # Python
    ("Traceback (most recent call last):\n  File \"/app/main.py\", line 3, in <module>\n    os.environ[\"SMTP_HOST\"]\nKeyError: 'SMTP_HOST'", "MissingEnvironment", "SMTP_HOST"),
    ("Traceback (most recent call last):\n  File \"/app/main.py\", line 3, in <module>\nValueError: invalid literal for int() with base 10: 'many'", "InvalidConfigurationValue", "'many'"),
    ("ModuleNotFoundError: No module named 'psycopg2'", "MissingModule", "psycopg2"),
    ("PermissionError: [Errno 13] Permission denied: '/data/out'", "PermissionDenied", "/data/out"),
    ("OSError: [Errno 30] Read-only file system: '/srv/cache/x'", "ReadOnlyFileSystem", "/srv/cache/x"),
    ("OSError: [Errno 28] No space left on device", "DiskFull", "full"),
    ("FileNotFoundError: [Errno 2] No such file or directory: '/etc/keys/id.pem'", "MissingFile", "/etc/keys/id.pem"),
    ("MemoryError", "HeapExhausted", "memory"),
    ("socket.gaierror: [Errno -3] Temporary failure in name resolution", "DnsFailing", "DNS"),
    ("socket.gaierror: [Errno -2] Name or service not known", "NameNotResolved", "DNS"),
    ("redis.exceptions.AuthenticationError: WRONGPASS invalid username-password pair or user is disabled.", "AuthenticationFailed", "WRONGPASS"),
    ("sqlalchemy.exc.TimeoutError: QueuePool limit of size 5 overflow 10 reached, connection timed out, timeout 30.00", "TooManyConnections", "QueuePool"),
    ("yaml.scanner.ScannerError: mapping values are not allowed here", "InvalidConfigurationFile", "YAML"),
    ("json.decoder.JSONDecodeError: Expecting property name enclosed in double quotes: line 3 column 1 (char 20)", "InvalidConfigurationFile", "JSON"),
    ("pydantic_core._pydantic_core.ValidationError: 1 validation error for Settings\nAPI_TOKEN\n  Field required [type=missing]", "MissingEnvironment", "API_TOKEN"),
    # Node.js
    ("Error: connect ECONNREFUSED 10.96.0.9:6379", "ConnectionRefused", "refused"),
    ("Error: getaddrinfo ENOTFOUND search-api.shop.svc", "NameNotResolved", "search-api.shop.svc"),
    ("Error: getaddrinfo EAI_AGAIN search-api", "DnsFailing", "DNS"),
    ("Error: listen EADDRINUSE: address already in use :::3000", "PortInUse", "3000"),
    ("Error: listen EACCES: permission denied 0.0.0.0:80", "PrivilegedPort", "80"),
    ("Error: Cannot find module './server'\nRequire stack:\n- /app/index.js", "MissingModule", "./server"),
    ("<--- Last few GCs --->\n\nFATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory", "HeapExhausted", "heap"),
    ("Error: self-signed certificate in certificate chain", "CertificateUntrusted", "certificate"),
    ('{"level":50,"msg":"db","err":{"message":"sorry, too many clients already"}}', "TooManyConnections", "too many clients"),
    ("Error: EACCES: permission denied, open '/app/logs/app.log'", "PermissionDenied", "/app/logs/app.log"),
    ("MongoServerError: Authentication failed.", "AuthenticationFailed", "refuses"),
    # nginx
    ('2031/05/04 10:00:00 [emerg] 1#1: host not found in upstream "api.shop" in /etc/nginx/conf.d/a.conf:3', "NameNotResolved", "api.shop"),
    ('2031/05/04 10:00:00 [emerg] 1#1: unknown directive "proxy_passs" in /etc/nginx/conf.d/default.conf:4', "InvalidConfigurationFile", "/etc/nginx/conf.d/default.conf"),
    ('2031/05/04 10:00:00 [emerg] 1#1: cannot load certificate "/etc/tls/tls.crt": BIO_new_file() failed (SSL: error:80000002:system library::No such file or directory)', "MissingFile", "/etc/tls/tls.crt"),
    ("2031/05/04 10:00:00 [emerg] 1#1: bind() to 0.0.0.0:80 failed (98: Address already in use)", "PortInUse", "80"),
    ("nginx: [emerg] bind() to 0.0.0.0:80 failed (13: Permission denied)", "PrivilegedPort", "80"),
    ("2031/05/04 10:00:00 [error] 7#7: *1 upstream timed out (110: Connection timed out) while connecting to upstream, client: 10.0.0.1", "ConnectionTimeout", "times out"),
    # databases and caches
    ('2031-05-04 10:00:00.000 UTC [1] FATAL:  data directory "/var/lib/postgresql/data" has wrong ownership', "PermissionDenied", "/var/lib/postgresql/data"),
    ("Error: Database is uninitialized and superuser password is not specified.\n       You must specify POSTGRES_PASSWORD to a non-empty value for the\n       superuser.", "MissingConfiguration", "POSTGRES_PASSWORD"),
    ('initdb: error: directory "/var/lib/postgresql/data" exists but is not empty', "DataDirectoryNotEmpty", "PGDATA"),
    ("2031-05-04 10:00:00.000 UTC [1] FATAL:  database files are incompatible with server", "IncompatibleData", "version"),
    ('FATAL:  database "orders" does not exist', "MissingDatabase", "orders"),
    ('ERROR:  relation "customers" does not exist at character 15', "MissingTable", "customers"),
    ("ERROR 1045 (28000): Access denied for user 'app'@'10.1.2.3' (using password: YES)", "AuthenticationFailed", "app"),
    ("1:M 04 May 2031 10:00:00.000 # Fatal error, can't open config file '/etc/redis/redis.conf': No such file or directory", "MissingFile", "/etc/redis/redis.conf"),
    ("(error) OOM command not allowed when used memory > 'maxmemory'.", "RedisOutOfMemory", "maxmemory"),
    ("*** FATAL CONFIG FILE ERROR (Redis 7.2) ***", "InvalidConfigurationFile", "configuration"),
    ("error: Dirty database version 7. Fix and force version.", "DirtyMigration", "7"),
    ("max virtual memory areas vm.max_map_count [65530] is too low, increase to at least [262144]", "KernelSetting", "max_map_count"),
    # shells
    ("/bin/sh: 1: pyton: not found", "MissingCommand", "pyton"),
    ("/entrypoint.sh: line 12: aws: command not found", "MissingCommand", "aws"),
    ("sh: syntax error: unexpected end of file (expecting \"fi\")", "ShellSyntax", "syntax"),
    ("sh: can't open '/scripts/run.sh': No such file or directory", "MissingFile", "/scripts/run.sh"),
    ("/start.sh: line 3: API_URL: unbound variable", "MissingEnvironment", "API_URL"),
    ("exec /usr/bin/app: exec format error", "ExecFormat", "architecture"),
    ("nc: bad address 'postgres'", "NameNotResolved", "postgres"),
    ("Waiting for database to be ready...", "Waiting", "database"),
    # the cloud
    ("botocore.exceptions.NoCredentialsError: Unable to locate credentials", "AuthenticationFailed", "credentials"),
    ("An error occurred (AccessDenied) when calling the PutObject operation: Access Denied", "AuthorizationFailed", "not allowed"),
    ("upstream returned 429 Too Many Requests", "RateLimited", "rate"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "code", "word"), SAYINGS, ids=[f"{i}-{s[1]}" for i, s in enumerate(SAYINGS)])
def test_a_saying_is_understood(text: str, code: str, word: str) -> None:
    story = explain(text.split("\n"), ended=True)
    assert story is not None
    assert story.code == code, story.says
    assert word.lower() in f"{story.says} {story.message}".lower()


@pytest.mark.parametrize(
    "text",
    [
        "2031-05-04 10:00:00,000 INFO [app] listening on 0.0.0.0:8080",
        '{"level":"info","msg":"retrying is not needed, connection refused handler registered"}',
        '10.0.0.1 - - [04/May/2031:10:00:00 +0000] "GET /missing HTTP/1.1" 404 20 "-" "curl"',
        "2031-05-04 10:00:00.000 UTC [1] LOG:  database system is ready to accept connections",
        "1:M 04 May 2031 10:00:00.000 * Ready to accept connections",
    ],
)
def test_ordinary_lines_say_nothing(text: str) -> None:
    assert explain([text] * 4, ended=False) is None
    assert analyze_text(text) == []


def test_a_stack_trace_is_one_entry_with_its_last_cause() -> None:
    text = (
        "2031-05-04 10:00:00.000 ERROR 1 --- [main] o.s.b.SpringApplication : Application run failed\n"
        "org.springframework.beans.factory.BeanCreationException: Error creating bean\n"
        "\tat org.springframework.Foo.bar(Foo.java:1)\n"
        "Caused by: java.net.ConnectException: Connection refused (ledger.bank.svc/10.0.0.1:5432)\n"
        "\tat java.net.Socket.connect(Socket.java:1)\n"
        "\t... 12 more"
    )
    found = entries(text.split("\n"))
    trace = found[-1]
    assert trace.trace and len(trace.lines) >= 5
    story = explain(text.split("\n"), ended=True)
    assert story is not None and story.code == "ConnectionRefused" and "ledger.bank.svc" in story.message


def test_a_python_trace_ends_with_its_exception() -> None:
    text = 'Traceback (most recent call last):\n  File "a.py", line 1, in <module>\n    x()\nRuntimeError: no luck\n2031-05-04 10:00:01,000 INFO [a] bye'
    found = entries(text.split("\n"))
    assert [e.text for e in found] == ["RuntimeError: no luck", "bye"]
    assert len(found[0].lines) == 4


def test_the_line_that_explains_wins_over_the_last_one() -> None:
    text = "\n".join(
        [
            '{"level":"info","msg":"starting"}',
            '{"level":"fatal","msg":"cannot read settings","err":"environment variable LEDGER_URL is not set"}',
            '{"level":"error","msg":"shutdown failed"}',
            '{"level":"info","msg":"bye"}',
        ]
    )
    story = explain(text.split("\n"), ended=True)
    assert story is not None and story.code == "MissingEnvironment"


def stamped(*pairs: tuple[str, str]) -> list[str]:
    return [f"2031-05-04T{time}.000000000Z {line}" for time, line in pairs]


def test_errors_before_the_last_success_are_over() -> None:
    refused = "ERROR cannot reach db: connection refused"
    lines = stamped(
        ("10:00:00", refused), ("10:00:02", refused), ("10:00:04", refused), ("10:00:05", "INFO connected"), ("10:00:06", "INFO ready")
    )
    assert explain(lines, ended=False) is None


def test_what_goes_on_now_counts_and_not_what_was_at_the_start() -> None:
    lines = stamped(
        ("10:00:00", "ERROR fetch: connection refused"),
        *((f"10:{minute:02d}:00", "ERROR fetch: NOAUTH Authentication required.") for minute in range(1, 20)),
    )
    story = explain(lines, ended=False)
    assert story is not None and story.code == "AuthenticationFailed" and story.entry.count == 19


def test_repeats_are_counted_by_their_shape() -> None:
    lines = [f"ERROR request 0x{i:08x} took {i} ms: upstream 10.0.0.{i} failed" for i in range(40)]
    (only,) = grouped(entries(lines))
    assert only.count == 40
    assert template("took 12 ms") == template("took 97 ms")


def test_an_unknown_error_is_quoted_rather_than_guessed() -> None:
    story = explain(["INFO up", "ERROR frobnicator misaligned at sector 7"], ended=True)
    assert story is not None and story.pattern is None and "frobnicator misaligned" in story.says


def test_a_log_text_alone_gives_findings_most_telling_first() -> None:
    text = "\n".join(
        [
            "INFO up",
            "WARN slow",
            *["ERROR dial tcp 10.0.0.1:5432: connect: connection refused"] * 3,
            "FATAL environment variable TOKEN_URL is not set",
        ]
    )
    found = analyze_text(text)
    assert [f.code for f in found][:2] == ["MissingEnvironment", "ConnectionRefused"]
    assert "3 times" in found[1].summary
    assert all(piece.excerpt in text for f in found for piece in f.evidence)


def test_odd_input_never_raises() -> None:
    for text in (
        "",
        "\x00\x01",
        "{",
        '{"level": 5, "msg": null}',
        '{"level":{},"msg":[1]}',
        "[]",
        "a" * 100_000,
        "Traceback (most recent call last):",
        "\t\tat x",
    ):
        analyze_text(text)
        explain(text.split("\n"), ended=True)
        explain(text.split("\n"), ended=False)


def test_a_reason_that_is_a_failed_call_gives_the_code() -> None:
    text = '{"level":"error","msg":"error getting scale decision","error":"error inspecting ScaledObject metric: dial tcp 10.96.3.3:9090: connect: connection refused"}'
    story = explain([text], ended=True)
    assert story is not None and story.code == "ConnectionRefused" and story.says.startswith("KEDA cannot read the metric")


@pytest.mark.parametrize(
    "line",
    [
        'level=warning msg="pulling" error="net/http: invalid header field value \\"Bearer ***\\\\n\\" for key Authorization"',
        'ERROR TypeError [ERR_INVALID_CHAR]: Invalid character in header content ["Authorization"]',
        "ERROR requests.exceptions.InvalidHeader: Invalid leading whitespace, reserved character(s), or return character(s) in header value: 'x'",
    ],
)
def test_a_header_value_with_a_line_break_is_known_in_the_words_of_several_clients(line: str) -> None:
    assert "InvalidHeaderValue" in {pattern.code for pattern, _ in known_patterns().hits(line)}

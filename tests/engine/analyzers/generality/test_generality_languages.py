"""Faults that only a program's log explains, in the wording of the usual languages and partners."""

# ruff: noqa: E501 - messages stand as they are written
from __future__ import annotations

from collections.abc import Callable

import pytest
from fakes.lab import Lab, Scenario, claim, score, uses_claim
from fakes.manifests import config_map, crash_loop, running, secret, service

SCENARIOS: dict[str, Callable[[], Scenario]] = {}


def scenario(build: Callable[[], Scenario]) -> Callable[[], Scenario]:
    SCENARIOS[build.__name__] = build
    return build


def says(
    log: str,
    *,
    must: tuple[str, ...],
    blames: str = "Deployment/intake",
    asks: str = "why does intake crash loop?",
    runs: bool = False,
    lab: Lab | None = None,
    **fields: object,
) -> Scenario:
    """`intake` crashes, or runs without working, with this log."""
    lab = lab or Lab()
    lab.app("intake", running(ready=True) if runs else crash_loop(), log=log, **fields)  # type: ignore[arg-type]
    return Scenario(lab, asks, blames, must)


def server(name: str, port: int, log: str = "ready for connections", image: str = "", **fields: object) -> Lab:
    lab = Lab()
    lab.app(name, running(), port=port, log=log, image=image or f"{name}:16", **fields)  # type: ignore[arg-type]
    lab.add(service(name, port=port, target=port, ip="10.96.0.70"))
    return lab


def env(**values: str) -> dict[str, list[dict[str, str]]]:
    return {"env": [{"name": k, "value": v} for k, v in values.items()]}


@scenario
def certificate_expired() -> Scenario:
    return says(
        'level=error msg="call failed" err="Get \\"https://rates.partner.example/v1\\": tls: failed to verify certificate: x509: certificate has expired or is not yet valid: current time 2031-05-04T11:59:00Z is after 2031-05-01T00:00:00Z"',
        runs=True,
        asks="intake fails on partner calls",
        must=("certificate", "expired", "rates\\.partner\\.example|2031-05-01"),
    )


@scenario
def certificate_for_another_host() -> Scenario:
    return says(
        "javax.net.ssl.SSLHandshakeException: No subject alternative DNS name matching vault.other.svc found.",
        must=("certificate|alternative|subject", "vault\\.other\\.svc"),
    )


@scenario
def clock_differs() -> Scenario:
    return says(
        "botocore.exceptions.ClientError: An error occurred (RequestTimeTooSkewed) when calling the PutObject operation: The difference between the request time and the current time is too large.",
        must=("clock|time|skew",),
    )


@scenario
def partner_says_401() -> Scenario:
    return says(
        "ERROR stripe: POST https://api.pay.example/v1/charges returned 401 Unauthorized: Invalid API Key provided: sk_live_***",
        runs=True,
        asks="payments through intake fail",
        must=("401", "api\\.pay\\.example|API key"),
    )


@scenario
def partner_says_429() -> Scenario:
    return says(
        "WARN geocoder: GET https://maps.partner.example/v2 -> 429 Too Many Requests (quota exceeded)\nWARN geocoder: GET https://maps.partner.example/v2 -> 429 Too Many Requests (quota exceeded)",
        runs=True,
        asks="intake returns no addresses",
        must=("429|rate|too many requests", "maps\\.partner\\.example"),
    )


@scenario
def nginx_upstream_unknown() -> Scenario:
    return says(
        '2031/05/04 11:59:00 [emerg] 1#1: host not found in upstream "api-svc" in /etc/nginx/conf.d/default.conf:9\nnginx: [emerg] host not found in upstream "api-svc" in /etc/nginx/conf.d/default.conf:9',
        image="nginx:1.29",
        must=("api-svc", "not found|resolve|no service|does not exist"),
    )


@scenario
def spring_placeholder() -> Scenario:
    return says(
        "org.springframework.beans.factory.BeanCreationException: Error creating bean with name 'client': Injection of autowired dependencies failed\nCaused by: java.lang.IllegalArgumentException: Could not resolve placeholder 'billing.api.url' in value \"${billing.api.url}\"",
        must=("billing\\.api\\.url",),
    )


@scenario
def node_module_missing() -> Scenario:
    return says(
        "node:internal/modules/cjs/loader:1228\n  throw err;\n  ^\n\nError: Cannot find module '/app/dist/main.js'\n    at Module._resolveFilename (node:internal/modules/cjs/loader:1225:15)",
        must=("/app/dist/main\\.js", "module"),
    )


@scenario
def python_module_missing() -> Scenario:
    return says(
        "Traceback (most recent call last):\n  File \"/app/app.py\", line 3, in <module>\n    import psycopg\nModuleNotFoundError: No module named 'psycopg'",
        must=("psycopg",),
    )


@scenario
def java_class_missing() -> Scenario:
    return says(
        "Error: Could not find or load main class com.acme.Intak\nCaused by: java.lang.ClassNotFoundException: com.acme.Intak",
        must=("com\\.acme\\.Intak",),
    )


@scenario
def go_nil_pointer() -> Scenario:
    return says(
        "panic: runtime error: invalid memory address or nil pointer dereference\n[signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x6f1a2b]\n\ngoroutine 1 [running]:\nmain.loadRules(...)\n\t/src/main.go:41",
        must=("nil pointer|panic",),
    )


@scenario
def json_config_broken() -> Scenario:
    lab = Lab()
    lab.add(config_map("intake-conf", {"config.json": '{"a": 1,}'}))
    return says(
        "SyntaxError: Expected double-quoted property name in JSON at position 8\n    at JSON.parse (<anonymous>)\n    at load (/app/config.js:3): /etc/intake/config.json",
        lab=lab,
        blames="ConfigMap/intake-conf",
        must=("JSON", "config\\.json|intake-conf"),
        volumeMounts=[{"name": "c", "mountPath": "/etc/intake"}],
        spec={"volumes": [{"name": "c", "configMap": {"name": "intake-conf"}}]},
    )


@scenario
def migration_lock() -> Scenario:
    return says(
        "liquibase.lockservice : Waiting for changelog lock....\nliquibase.exception.LockException: Could not acquire change log lock.  Currently locked by intake-5d8-qqqqq (10.244.1.9) since 5/4/31, 9:12 AM",
        must=("lock",),
    )


@scenario
def postgres_of_another_version() -> Scenario:
    fields, spec = uses_claim("pg-data", "/var/lib/postgresql/data")
    lab = Lab()
    lab.add(claim("pg-data", "Bound"))
    return says(
        "FATAL:  database files are incompatible with server\nDETAIL:  The data directory was initialized by PostgreSQL version 15, which is not compatible with this version 17.2.",
        lab=lab,
        spec=spec,
        image="postgres:17.2",
        must=("15", "17", "version|incompatible"),
        **fields,
    )


@scenario
def kafka_of_another_cluster() -> Scenario:
    return says(
        "ERROR Fatal error during KafkaServer startup. Prepare to shutdown\nkafka.common.InconsistentClusterIdException: The Cluster ID aB3 doesn't match stored clusterId Some(xY9) in meta.properties.",
        must=("cluster ?id",),
    )


@scenario
def mongo_lock_file() -> Scenario:
    return says(
        '{"s":"E","c":"STORAGE","msg":"DBException in initAndListen, terminating","attr":{"error":"DBPathInUse: Unable to lock the lock file: /data/db/mongod.lock (Resource temporarily unavailable). Another mongod instance is already running on the /data/db directory"}}',
        image="mongo:8",
        must=("lock", "/data/db"),
    )


@scenario
def python_setting_missing() -> Scenario:
    return says(
        'Traceback (most recent call last):\n  File "/app/settings.py", line 8, in <module>\n    SECRET = os.environ["DJANGO_SECRET_KEY"]\nKeyError: \'DJANGO_SECRET_KEY\'',
        must=("DJANGO_SECRET_KEY", "not set|missing|required"),
    )


@scenario
def password_rotated_in_one_secret() -> Scenario:
    lab = server(
        "pg",
        5432,
        image="postgres:16",
        env=[{"name": "POSTGRES_PASSWORD", "valueFrom": {"secretKeyRef": {"name": "pg-auth", "key": "password"}}}],
    )
    lab.add(secret("pg-auth", "password"), secret("intake-db", "password"))
    return says(
        'psycopg2.OperationalError: connection to server at "pg" (10.96.0.70), port 5432 failed: FATAL:  password authentication failed for user "postgres"',
        lab=lab,
        must=("password", "intake-db|pg-auth"),
        env=[
            {"name": "PGHOST", "value": "pg"},
            {"name": "PGPASSWORD", "valueFrom": {"secretKeyRef": {"name": "intake-db", "key": "password"}}},
        ],
    )


@scenario
def unknown_flag() -> Scenario:
    return says("Error: unknown flag: --listen-adress\nUsage:\n  intake [flags]", args=["--listen-adress=:8080"], must=("--listen-adress",))


@scenario
def etcd_without_quorum() -> Scenario:
    return says(
        '{"level":"warn","msg":"etcd-client request failed: etcdserver: request timed out"}\n{"level":"fatal","msg":"etcdserver: mvcc: database space exceeded"}',
        must=("space exceeded|quota",),
    )


@scenario
def vault_sealed() -> Scenario:
    return says(
        "Error making API request.\nURL: GET http://vault.other:8200/v1/secret/data/intake\nCode: 503. Errors:\n* Vault is sealed",
        must=("sealed",),
    )


@scenario
def licence_over() -> Scenario:
    return says("ERROR license expired on 2031-05-01, please contact sales\nexiting", must=("licen[sc]e", "expired"))


@scenario
def deadlock_by_pool() -> Scenario:
    return says(
        "java.sql.SQLTransientConnectionException: HikariPool-1 - Connection is not available, request timed out after 30000ms (total=10, active=10, idle=0, waiting=31)",
        runs=True,
        asks="intake is very slow",
        must=("pool|Hikari", "connection"),
    )


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_first_root_cause_is_what_the_program_says(name: str) -> None:
    told = score(SCENARIOS[name]())
    assert told.right, told.said
    assert told.summary, told.said
    assert told.object, told.said

"""Faults that the log of a database's or broker's client explains, in the wording of the usual programs."""

# ruff: noqa: E501 - messages stand as they are written
from __future__ import annotations

from collections.abc import Callable

import pytest
from fakes.lab import Lab, Scenario, claim, score, uses_claim
from fakes.manifests import crash_loop, running, service

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
def postgres_password() -> Scenario:
    return says(
        'panic: failed to connect to `user=intake database=intake`: 10.96.0.70:5432 (pg): failed SASL auth: FATAL: password authentication failed for user "intake" (SQLSTATE 28P01)',
        lab=server("pg", 5432, image="postgres:16"),
        must=("password|authenticat", "intake"),
        **env(DATABASE_HOST="pg"),
    )


@scenario
def postgres_database_absent() -> Scenario:
    return says(
        'django.db.utils.OperationalError: connection to server at "pg" (10.96.0.70), port 5432 failed: FATAL:  database "intak" does not exist',
        lab=server("pg", 5432, image="postgres:16"),
        must=('"?intak"?\\b', "does not exist"),
        **env(DB_NAME="intak", DB_HOST="pg"),
    )


@scenario
def flyway_migration() -> Scenario:
    log = "2031-05-04T11:58:01.120Z ERROR 1 --- [main] o.s.boot.SpringApplication : Application run failed\norg.springframework.beans.factory.BeanCreationException: Error creating bean with name 'flywayInitializer'\nCaused by: org.flywaydb.core.api.exception.FlywayValidateException: Validate failed: Migrations have failed validation\nMigration checksum mismatch for migration version 7"
    return says(log, must=("migration|flyway", "checksum|7|validat"))


@scenario
def django_migration() -> Scenario:
    log = "Traceback (most recent call last):\n  File \"/app/manage.py\", line 22, in <module>\n    main()\ndjango.db.migrations.exceptions.InconsistentMigrationHistory: Migration billing.0009_auto is applied before its dependency billing.0008_x on database 'default'."
    return says(log, must=("migration", "0009|0008"))


@scenario
def table_missing() -> Scenario:
    return says(
        'sqlalchemy.exc.ProgrammingError: (psycopg2.errors.UndefinedTable) relation "jobs" does not exist', must=("jobs", "does not exist")
    )


@scenario
def too_many_clients() -> Scenario:
    return says(
        "FATAL: sorry, too many clients already (SQLSTATE 53300)",
        lab=server("pg", 5432, image="postgres:16"),
        must=("too many|connections|max_connections",),
        **env(DB_HOST="pg"),
    )


@scenario
def postgres_disk_full() -> Scenario:
    fields, spec = uses_claim("pg-data", "/var/lib/postgresql/data")
    lab = Lab()
    lab.add(claim("pg-data", "Bound"))
    made = says(
        'LOG:  database system was interrupted\nPANIC:  could not write to file "pg_wal/xlogtemp.29": No space left on device',
        lab=lab,
        spec=spec,
        image="postgres:16",
        must=("no space left|full", "pg-data|/var/lib/postgresql/data|pg_wal"),
        **fields,
    )
    return Scenario(made.lab, made.query, "PersistentVolumeClaim/pg-data", made.must)


@scenario
def read_only_replica() -> Scenario:
    return says(
        "ERROR:  cannot execute INSERT in a read-only transaction (SQLSTATE 25006)",
        runs=True,
        lab=server("pg-ro", 5432, image="postgres:16"),
        asks="intake saves nothing",
        must=("read-?only",),
        **env(DB_HOST="pg-ro"),
    )


@scenario
def redis_out_of_memory() -> Scenario:
    return says(
        "redis.exceptions.OutOfMemoryError: OOM command not allowed when used memory > 'maxmemory'.",
        runs=True,
        lab=server("cache", 6379, image="redis:7", args=["--maxmemory", "64mb"]),
        asks="intake cannot store sessions",
        must=("maxmemory",),
        **env(REDIS_URL="redis://cache:6379"),
    )


@scenario
def redis_protected_mode() -> Scenario:
    return says(
        "ReplyError: DENIED Redis is running in protected mode because protected mode is enabled and no password is set for the default user.",
        lab=server("cache", 6379, image="redis:7"),
        must=("protected mode",),
        **env(REDIS_URL="redis://cache:6379"),
    )


@scenario
def redis_cannot_save() -> Scenario:
    return says(
        "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. Commands that may modify the data set are disabled",
        runs=True,
        asks="intake writes fail",
        must=("MISCONF|persist|RDB",),
    )


@scenario
def redis_replica_is_read_only() -> Scenario:
    return says("READONLY You can't write against a read only replica.", runs=True, asks="intake writes fail", must=("read-? ?only",))


@scenario
def kafka_listener_advertised_wrong() -> Scenario:
    lab = server("kafka", 9092, image="apache/kafka:4", env=[{"name": "KAFKA_ADVERTISED_LISTENERS", "value": "PLAINTEXT://localhost:9092"}])
    return says(
        "WARN [Producer clientId=producer-1] Connection to node 1 (localhost/127.0.0.1:9092) could not be established. Node may not be available. (org.apache.kafka.clients.NetworkClient)\nWARN [Producer clientId=producer-1] Connection to node 1 (localhost/127.0.0.1:9092) could not be established. Node may not be available. (org.apache.kafka.clients.NetworkClient)",
        runs=True,
        lab=lab,
        asks="intake produces no messages to kafka",
        blames="Deployment/kafka",
        must=("advertised|ADVERTISED", "localhost"),
        **env(KAFKA_BROKERS="kafka:9092"),
    )


@scenario
def kafka_leader_unknown() -> Scenario:
    return says(
        "WARN [Producer clientId=producer-1] Error while fetching metadata with correlation id 7 : {intake-events=LEADER_NOT_AVAILABLE} (org.apache.kafka.clients.NetworkClient)"
        "\n"
        "WARN [Producer clientId=producer-1] Error while fetching metadata with correlation id 8 : {intake-events=LEADER_NOT_AVAILABLE} (org.apache.kafka.clients.NetworkClient)",
        runs=True,
        lab=server("kafka", 9092, image="apache/kafka:4"),
        asks="intake produces nothing",
        must=("LEADER_NOT_AVAILABLE|leader", "intake-events"),
    )


@scenario
def kafka_topic_unknown() -> Scenario:
    return says(
        "org.apache.kafka.common.errors.UnknownTopicOrPartitionException: This server does not host this topic-partition.", must=("topic",)
    )


@scenario
def rabbit_refuses() -> Scenario:
    return says(
        'pika.exceptions.ProbableAuthenticationError: ConnectionClosedByBroker: (403) "ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN. For details see the broker logfile."',
        lab=server("rabbit", 5672, image="rabbitmq:4"),
        must=("ACCESS_REFUSED|login|authenticat|credential",),
        **env(AMQP_URL="amqp://intake@rabbit:5672/"),
    )


@scenario
def rabbit_virtual_host() -> Scenario:
    return says(
        "amqp.exceptions.NotAllowed: Connection.open: (530) NOT_ALLOWED - vhost orders not found",
        lab=server("rabbit", 5672, image="rabbitmq:4"),
        must=("vhost|virtual host", "orders"),
    )


@scenario
def mongo_refuses() -> Scenario:
    return says(
        "MongoServerError: Authentication failed.\n    at Connection.sendCommand (/app/node_modules/mongodb/lib/cmap/connection.js:299:27) {\n  code: 18,\n  codeName: 'AuthenticationFailed'\n}",
        lab=server("mongo", 27017, image="mongo:8"),
        must=("authentication",),
    )


@scenario
def mysql_access_denied() -> Scenario:
    return says(
        "java.sql.SQLException: Access denied for user 'intake'@'10.244.1.9' (using password: YES)",
        lab=server("mysql", 3306, image="mysql:8"),
        must=("access denied|password|authenticat", "intake"),
        **env(SPRING_DATASOURCE_URL="jdbc:mysql://mysql:3306/intake"),
    )


@scenario
def mysql_unknown_database() -> Scenario:
    return says(
        "pymysql.err.OperationalError: (1049, \"Unknown database 'intake_prod'\")",
        lab=server("mysql", 3306, image="mysql:8"),
        must=("intake_prod", "unknown database|does not exist"),
    )


@scenario
def elasticsearch_needs_more_maps() -> Scenario:
    return says(
        "ERROR: [1] bootstrap checks failed. You must address the points described in the following [1] lines before starting Elasticsearch.\nbootstrap check failure [1] of [1]: max virtual memory areas vm.max_map_count [65530] is too low, increase to at least [262144]",
        image="elasticsearch:9",
        must=("vm\\.max_map_count", "65530|262144"),
    )


@scenario
def elasticsearch_index_blocked() -> Scenario:
    return says(
        "elasticsearch.AuthorizationException: AuthorizationException(403, 'cluster_block_exception', 'index [logs] blocked by: [TOO_MANY_REQUESTS/12/disk usage exceeded flood-stage watermark, index has read-only-allow-delete block];')",
        runs=True,
        asks="intake writes no logs",
        must=("flood-stage|watermark|disk",),
    )


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_first_root_cause_is_what_the_database_says(name: str) -> None:
    told = score(SCENARIOS[name]())
    assert told.right, told.said
    assert told.summary, told.said
    assert told.object, told.said

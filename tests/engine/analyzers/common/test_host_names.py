"""Names picked out of messages are hosts only when they can be."""

# ruff: noqa: E501 - messages are as long as programs write them
from __future__ import annotations

from engine.analyzers.common.callees import addresses
from engine.analyzers.logs.reader import explain

UNRESOLVED = [
    ("socket.gaierror: [Errno -2] Name or service not known", ""),
    ("socket.gaierror: Name or service not known", ""),
    (
        """requests.exceptions.ConnectionError: HTTPConnectionPool(host='ledger', port=80): Max retries exceeded with url: / (Caused by NameResolutionError("<urllib3.connection.HTTPConnection object at 0x7f>: Failed to resolve 'ledger' ([Errno -2] Name or service not known)"))""",
        "ledger",
    ),
    (
        """urllib3.exceptions.MaxRetryError: HTTPConnectionPool(host='ledger', port=80): Max retries exceeded with url: / (Caused by NewConnectionError('<urllib3.connection.HTTPConnection object at 0x7f>: Failed to establish a new connection: [Errno -2] Name or service not known'))""",
        "ledger",
    ),
    ("java.net.UnknownHostException: mysql-primary: Name or service not known", "mysql-primary"),
    ("java.net.UnknownHostException: mysql-primary", "mysql-primary"),
    ('psycopg2.OperationalError: could not translate host name "pg" to address: Name or service not known', "pg"),
    ("curl: (6) Could not resolve host: api.shop", "api.shop"),
    ("Error: getaddrinfo ENOTFOUND redis-master", "redis-master"),
    ("aiohttp.client_exceptions.ClientConnectorError: Cannot connect to host auth:8080 ssl:default [Name or service not known]", "auth"),
    ("[Errno -3] Temporary failure in name resolution", ""),
    ("socket.gaierror: [Errno -3] Temporary failure in name resolution", ""),
    ("ping: bad address 'postgres'", "postgres"),
    ("System.Net.Http.HttpRequestException: Name or service not known (orders-api:80)", "orders-api"),
    ("Error: failed to lookup address information: Name or service not known", ""),
    ("PHP Warning:  php_network_getaddresses: getaddrinfo for mysql failed: Name or service not known", "mysql"),
    ("getaddrinfo: Name or service not known (SocketError)", ""),
    ("Failed to open TCP connection to search:9200 (getaddrinfo: Name or service not known)", "search"),
    ("dial tcp: lookup kafka on 10.96.0.10:53: no such host", "kafka"),
    ("mount.nfs: Failed to resolve server nfs-1: Name or service not known", "nfs-1"),
    ("redis.exceptions.ConnectionError: Error -2 connecting to cache:6379. Name or service not known.", "cache"),
    ("pymongo.errors.ServerSelectionTimeoutError: mongo-0.mongo:27017: [Errno -2] Name or service not known", "mongo-0.mongo"),
    ("wget: bad address 'web.shop.svc'", "web.shop.svc"),
    ("kombu.exceptions.OperationalError: [Errno -2] Name or service not known", ""),
    ("nslookup: can't resolve 'kubernetes.default'", "kubernetes.default"),
    ("(2005, \"Unknown MySQL server host 'db' (-2)\")", "db"),
]


def test_the_host_of_a_name_that_does_not_resolve_is_the_one_that_was_asked_for() -> None:
    wrong = []
    for message, host in UNRESOLVED:
        story = explain([message], ended=True)
        found = story.groups.get("host", "").rstrip(".") if story is not None else "nothing"
        if found != host:
            wrong.append(f"{found!r} instead of {host!r}: {message[:90]}")
    assert wrong == []


def test_words_before_a_number_and_source_files_are_no_addresses() -> None:
    none = [
        "panic at handler.go:77",
        "Program.cs:31",
        "failed pid:4711",
        "status:503 code:14",
        "at Foo.java:123",
        "socket.gaierror:11",
        "10:00:12 x",
        "line:12",
    ]
    assert {text: addresses(text) for text in none} == {text: [] for text in none}
    assert [str(a) for a in addresses("connect to ledger:8080 refused, see http://api.shop:80/x")] == ["api.shop:80", "ledger:8080"]

"""`ModelSettings`: everything that says which model answers, where it listens and how long it may take."""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

OLLAMA_PORT = 11434


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """One model on one server; times in seconds, lengths in tokens.

    `max_tokens` and `temperature` are upper limits: a task may ask for less.

    `host` is an address as OLLAMA_HOST takes it, or a base URL; "" means OLLAMA_HOST, else this machine. `num_ctx` stays
    the same for a whole session, since another value makes the server load the model anew. The key of a hosted server is read from
    the environment variable that `api_key_env` names, and is never stored. `ca_file` is a PEM bundle for a private certificate authority.
    `proxy` is "" for the environment's, "none", or a URL; no proxy is ever used for this machine.
    """

    provider: Literal["ollama", "openai", "none"] = "ollama"
    name: str = "llama3.1:8b"
    host: str = ""
    num_ctx: int = 8192
    max_tokens: int = 700
    temperature: float = 0.2
    keep_alive: str = "15m"
    connect_seconds: float = 2.0
    load_seconds: float = 300.0
    first_token_seconds: float = 120.0
    stall_seconds: float = 30.0
    total_seconds: float = 600.0
    api_key_env: str = ""
    proxy: str = ""
    ca_file: str = ""
    verify_tls: bool = True


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens: the URL that requests go to, and whether its port was guessed from a bare `http://host`."""

    url: str
    host: str
    port_guessed: bool = False


def address(host: str = "", *, default_port: int = OLLAMA_PORT) -> Address:
    """Read a host as OLLAMA_HOST means it: `host`, `host:port`, `:port`, or a URL (where a missing port is 80 or 443).

    An address to listen on (0.0.0.0, ::) is read as this machine. Raises ValueError for what is none.
    """
    text = (host or os.environ.get("OLLAMA_HOST", "")).strip().strip("\"'").rstrip("/")
    with_scheme = "://" in text
    parts = urlsplit(text if with_scheme else f"http://{text}")
    if parts.scheme not in ("http", "https"):
        raise ValueError(f"{host!r} is not the address of a model server; write http://HOST:PORT")
    try:
        port = parts.port
    except ValueError as error:
        raise ValueError(f"{host!r} is not the address of a model server: {error}") from None
    name = parts.hostname or "127.0.0.1"
    name = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(name, name)  # noqa: S104 — an address to listen on, read as one to call
    guessed = port is None and with_scheme and parts.scheme == "http"
    if port is None:
        port = {"http": 80, "https": 443}[parts.scheme] if with_scheme else default_port
    shown = f"[{name}]" if ":" in name else name
    return Address(f"{parts.scheme}://{shown}:{port}{parts.path.rstrip('/')}", name, guessed)


def is_loopback(host: str) -> bool:
    """Whether a server's address is this machine, judged by the text alone (no name is looked up)."""
    try:
        name = address(host).host
    except ValueError:
        return False
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def host_of(server: str) -> str:
    """The machine of a server's URL; "" for this one."""
    return "" if is_loopback(server) else address(server).host

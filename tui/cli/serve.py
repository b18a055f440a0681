"""`serve`: the REST API, until interrupted."""

from __future__ import annotations

import argparse
import dataclasses
import importlib.util
import sys

from engine.core.config import ApiSettings, ConfigError, Settings
from tui.cli.common import complain, new_agent, progress, say, settings_of
from tui.cli.exit_codes import FAILED, OK, USAGE

EXTRA = ("fastapi", "uvicorn", "fastapi_swagger")


def serve(args: argparse.Namespace) -> int:
    """Serve the Agent over HTTP; read-only unless --writable is given. Both SIGINT and SIGTERM end it, with exit code 0."""
    missing = [name for name in EXTRA if importlib.util.find_spec(name) is None]
    if missing:
        complain(
            f"the REST API needs {', '.join(missing)}, which the extra `api` brings: "
            "pipx install 'k8sagent[api]', uv tool install 'k8sagent[api]', or in a checkout: pip install -e '.[api]'"
        )
        return USAGE
    settings = _settings(args)
    from engine.api.server import Server, is_loopback, listen
    from engine.api.token import TokenError, load_token, token_path

    try:
        token = load_token(token_path())
        listener = listen(settings.api.host, settings.api.port)
    except TokenError as error:
        complain(str(error))
        return FAILED
    except OSError as error:
        complain(f"cannot listen on {settings.api.host} port {settings.api.port}: {error.strerror or error}; name another with --port")
        return FAILED
    agent = new_agent(settings, args, save=not args.no_save)
    try:
        server = Server(agent, settings.api, token, listener, progress)
        agent.start()
        _announce(settings, listener.getsockname()[1], writable=args.writable)
        if not is_loopback(settings.api.host):
            complain(
                "others reach this address, and HTTP is not encrypted: whoever reads the traffic gets the token and what the cluster says. "
                "Put a server that speaks TLS in front of it."
            )
        server.run()
    finally:
        listener.close()
        agent.close()
    return OK


def _settings(args: argparse.Namespace) -> Settings:
    """The settings in force; without --writable the policy is read-only, whatever it says."""
    settings = settings_of(args)
    given = {name: value for name in ("host", "port") if (value := getattr(args, name)) is not None}
    api = dataclasses.replace(settings.api, **given)
    _check(api)
    policy = settings.policy if args.writable else dataclasses.replace(settings.policy, mode="read-only")
    return dataclasses.replace(settings, api=api, policy=policy)


def _check(api: ApiSettings) -> None:
    """Raises ConfigError for a number that no server could use."""
    if not 0 <= api.port <= 65535:
        raise ConfigError(f"[api] port is {api.port}, but must be from 0 to 65535")
    for name in ("max_runs", "max_requests", "max_body_kib", "request_seconds", "keepalive_seconds"):
        if getattr(api, name) <= 0:
            raise ConfigError(f"[api] {name} is {getattr(api, name)}, but must be more than 0")


def _announce(settings: Settings, port: int, *, writable: bool) -> None:
    from engine.api.token import token_path

    host = f"[{settings.api.host}]" if ":" in settings.api.host else settings.api.host
    say(f"http://{host}:{port}")
    sys.stdout.flush()
    mode = "changes ask for approval" if writable else "read-only; start it with --writable to let it ask for changes"
    complain(f"REST API at http://{host}:{port} ({mode}); /docs in a browser, press ctrl+c to stop")
    complain(f"the token is in {token_path()}")

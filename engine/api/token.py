"""The bearer token of the REST API: created at the first start, kept in the state folder, readable by its user alone."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Mapping
from pathlib import Path

from engine.core.paths import private_folder, state_folder

MIN_LENGTH = 32


class TokenError(Exception):
    """A token that cannot be used; the message names the file and the remedy."""


def token_path(env: Mapping[str, str] | None = None) -> Path:
    """The token's file: `$XDG_STATE_HOME/k8sagent/api-token`."""
    return state_folder(env) / "api-token"


def load_token(path: Path) -> str:
    """The token of a file, made (256 random bits) where there is none yet. Raises TokenError when others could read or replace it."""
    try:
        if not path.exists() and not path.is_symlink():
            _create(path)
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise TokenError(f"{path}: the API's token cannot be kept there: {error.strerror or error}") from error
    with os.fdopen(descriptor, "rb") as stream:
        found = os.fstat(stream.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise TokenError(f"{path}: is not a regular file; remove it, and the next start makes a new token")
        if found.st_uid != os.geteuid() or found.st_mode & 0o077:
            raise TokenError(
                f"{path}: others may read the API's token; remove it, and the next start makes a new one that only you can read"
            )
        token = stream.read(4096).decode("ascii", "replace").strip()
    if len(token) < MIN_LENGTH or not token.isascii() or any(c.isspace() for c in token):
        raise TokenError(f"{path}: holds no token of at least {MIN_LENGTH} characters; remove it, and the next start makes a new one")
    return token


def _create(path: Path) -> None:
    """Write the token beside its place and link it there, so that of two first starts one wins and neither reads half a token."""
    private_folder(path.parent)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as stream:
            stream.write(secrets.token_urlsafe(32) + "\n")
        try:
            path.hardlink_to(temporary)
        except FileExistsError:
            pass
    finally:
        temporary.unlink(missing_ok=True)

"""The bearer token: made once, readable by its user alone, and not taken from a file that others could have written."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from engine.api.token import TokenError, load_token, token_path


@pytest.fixture
def path() -> Path:
    return token_path()


def test_it_is_made_at_first_start_and_kept(path: Path) -> None:
    token = load_token(path)
    assert len(token) >= 43
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o077 == 0
    assert load_token(path) == token
    assert [each.name for each in path.parent.iterdir()] == ["api-token"]


def test_two_first_starts_agree_on_one(path: Path) -> None:
    found: list[str] = []
    start = threading.Barrier(8)

    def begin() -> None:
        start.wait()
        found.append(load_token(path))

    threads = [threading.Thread(target=begin) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666])
def test_a_token_that_others_may_read_or_write_is_not_used(path: Path, mode: int) -> None:
    load_token(path)
    path.chmod(mode)
    with pytest.raises(TokenError, match="remove it"):
        load_token(path)


@pytest.mark.parametrize("text", ["", "\n", "short", "with a space in the middle of a long enough token", "é" * 40])
def test_a_file_without_a_usable_token_is_named(path: Path, text: str) -> None:
    load_token(path)
    path.write_text(text)
    with pytest.raises(TokenError, match="api-token: holds no token"):
        load_token(path)


def test_a_link_to_another_file_is_not_followed(path: Path, tmp_path: Path) -> None:
    (tmp_path / "theirs").write_text("x" * 50)
    (tmp_path / "theirs").chmod(0o600)
    path.parent.mkdir(parents=True)
    path.symlink_to(tmp_path / "theirs")
    with pytest.raises(TokenError, match="cannot be kept there"):
        load_token(path)


def test_a_pipe_in_its_place_does_not_block(path: Path) -> None:
    path.parent.mkdir(parents=True)
    os.mkfifo(path, 0o600)
    with pytest.raises(TokenError, match="not a regular file"):
        load_token(path)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(TokenError, match="cannot be kept there"):
        load_token(tmp_path / "file" / "api-token")

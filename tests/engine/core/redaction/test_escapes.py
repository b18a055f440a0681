"""Terminal control never survives, and plain text always does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.redaction.escapes import strip_escapes, visible


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("a\x1b[31mb\x1b[0m", "ab"),
        ("a\x1b]52;c;eA==\x07b", "ab"),
        ("a\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "alink"),
        ("a\x1bP+q\x1b\\b", "ab"),
        ("a\x9b31mb\x9d0;t\x9cc", "abc"),
        ("a\x1b]0;never closed", "a"),
        ("a\x1b", "a"),
        ("10%\r20%\rdone", "10%\n20%\ndone"),
        ("a\r\nb", "a\nb"),
        ("a\x08\x00\x7fb", "ab"),
        ("a\u202eb\u2066c\u200bd", "abcd"),
        ("a\u2028b", "a\nb"),
        ("tab\there", "tab\there"),
        ("接続エラー ✓ é", "接続エラー ✓ é"),
    ],
)
def test_escapes_go_and_text_stays(text: str, plain: str) -> None:
    assert strip_escapes(text) == plain


@given(st.text())
def test_nothing_is_left_that_a_terminal_would_obey(text: str) -> None:
    out = strip_escapes(text)
    assert not [c for c in out if (ord(c) < 32 and c not in "\n\t") or 0x7F <= ord(c) <= 0x9F]
    assert strip_escapes(out) == out


def test_odd_characters_can_be_shown() -> None:
    assert visible("a\x1b[1m\u202eb") == "a\\x1b[1m\\u202eb"

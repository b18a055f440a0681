"""Threads have an owner that joins them."""

from __future__ import annotations

import logging
import threading

import pytest

from engine.core.threads import ThreadGroup


def test_an_owner_waits_for_its_threads_within_a_bound() -> None:
    group, go = ThreadGroup(), threading.Event()
    group.start("slow", lambda: assert_(go.wait(10)))
    assert group.running("slow")
    assert not group.join(0)
    go.set()
    assert group.join(10)
    assert not group.running("slow")


def assert_(value: bool) -> None:
    assert value


def test_a_thread_that_joins_its_own_group_does_not_wait_for_itself() -> None:
    group, joined = ThreadGroup(), threading.Event()
    group.start("self", lambda: joined.set() if group.join(10) else None)
    assert joined.wait(10)


def test_what_a_thread_raises_is_logged_with_its_name(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("engine").propagate = True
    group = ThreadGroup()
    group.start("unlucky", lambda: int("no number"))  # type: ignore[arg-type, return-value]
    assert group.join(10)
    assert "unlucky" in caplog.text
    assert "no number" in caplog.text

"""The thread under a model: nothing that was begun is forgotten, and nothing that is closing is left half-closed."""

from __future__ import annotations

import asyncio
import threading

import pytest

from engine.core.cancel import Cancelled, CancelToken
from engine.llm.servers.event_loop import Worker


@pytest.fixture
def worker():
    made = Worker("model-test")
    yield made
    made.close()


def test_what_work_raises_reaches_the_caller(worker):
    async def fail() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        worker.call(fail)


def test_two_callers_are_served_at_once(worker):
    waiting: list[asyncio.Event] = []

    async def meet(put) -> None:
        if waiting:
            waiting[0].set()
        else:
            waiting.append(asyncio.Event())
            await waiting[0].wait()
        put("met")

    found: list[str] = []
    callers = [threading.Thread(target=lambda: found.extend(worker.stream(meet))) for _ in range(2)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(5)
    assert found == ["met", "met"]


def test_a_closing_runs_to_its_end_although_the_one_who_waits_is_cancelled(worker):
    token = CancelToken()
    closed = threading.Event()
    entered = threading.Event()

    async def closing() -> None:
        entered.set()
        for _ in range(50):
            await asyncio.sleep(0)
        closed.set()

    async def work(put) -> None:
        put(1)
        await worker.shielded(closing())

    with pytest.raises(Cancelled):
        for _ in worker.stream(work, token):
            assert entered.wait(5)
            token.cancel()
    assert closed.wait(5)


def test_close_waits_for_closings_and_ends_the_thread():
    worker = Worker("model-closing")
    closed = threading.Event()

    async def closing() -> None:
        await asyncio.sleep(0)
        closed.set()

    async def work(put) -> None:
        try:
            put(1)
            await asyncio.Event().wait()
        finally:
            await worker.shielded(closing())

    stream = worker.stream(work)
    next(stream)
    worker.close()
    assert closed.is_set()
    assert "model-closing" not in [t.name for t in threading.enumerate()]
    with pytest.raises(Cancelled, match="closed"):
        list(stream)


def test_after_closing_nothing_begins_and_closing_again_is_fine():
    worker = Worker("model-closed")
    worker.close()
    worker.close()
    with pytest.raises(Cancelled, match="closed"):
        list(worker.stream(lambda put: asyncio.sleep(0)))


def test_callers_that_come_while_it_closes_are_all_let_go():
    for _ in range(30):
        worker = Worker("model-race")

        async def wait(put) -> None:
            await asyncio.Event().wait()

        def call(worker: Worker = worker) -> None:
            with pytest.raises(Cancelled):
                list(worker.stream(wait))

        callers = [threading.Thread(target=call) for _ in range(4)]
        for caller in callers:
            caller.start()
        worker.close()
        for caller in callers:
            caller.join(5)
            assert not caller.is_alive()

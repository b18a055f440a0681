"""The OpenAPI document against the real server on the recorded demo: what it promises is what happens."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import pytest
from fakes.rest import TOKEN, Rest, serving
from hypothesis import HealthCheck, given, settings

from engine.agent.agent import Agent
from engine.core.config import ClusterSettings, ModelSection, PolicySection, Settings
from engine.session.connection import Opening

READ_ONLY = dataclasses.replace(
    Settings(), model=ModelSection(provider="none"), cluster=ClusterSettings(namespace="shop"), policy=PolicySection(mode="read-only")
)
OPERATIONS = {
    "POST /query": 4,
    "POST /approvals/{id}": 8,
    "POST /choices/{id}": 8,
    "DELETE /runs/{id}": 10,
    "GET /findings": 6,
    "GET /health": 3,
    "GET /examples": 3,
}
"""Every operation, and how many requests of each kind are made to it."""


@pytest.fixture(scope="module")
def rest(shared_cache: Any) -> Iterator[Rest]:
    agent = Agent(READ_ONLY, Opening(demo=True), save=False)
    agent.start()
    with serving(agent) as made:
        yield made
    agent.close()


@pytest.fixture(scope="module")
def described(rest: Rest) -> Any:
    import schemathesis  # imported where it runs: it takes a second, and its plugin for pytest is switched off for that

    return schemathesis.openapi.from_url(f"{rest.url}/openapi.json")


@pytest.mark.parametrize("kind", ["positive", "negative"])
@pytest.mark.parametrize("label", OPERATIONS)
def test_the_server_does_what_its_description_says(described: Any, label: str, kind: str) -> None:
    from schemathesis import GenerationMode

    method, path = label.split()
    operation = described[path][method]
    mode = GenerationMode(kind)
    if kind == "negative" and not (operation.body or operation.query or operation.path_parameters):
        pytest.skip("there is nothing to get wrong")

    @settings(max_examples=OPERATIONS[label], suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(generation_mode=mode))
    def holds(case: Any) -> None:
        case.call_and_validate(headers={"Authorization": f"Bearer {TOKEN}"})

    holds()


def test_every_operation_is_tried(described: Any) -> None:
    assert {result.ok().label for result in described.get_all_operations()} == set(OPERATIONS)

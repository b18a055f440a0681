"""Being here puts tests/ on the import path, so that every test may say `from fakes... import ...`."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _no_model_server_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test talks to a model server that happens to be configured here."""
    for name in ("OLLAMA_HOST", "OLLAMA_API_KEY"):
        monkeypatch.delenv(name, raising=False)

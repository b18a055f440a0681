"""`SessionServices`: what a Run takes from the session that it belongs to."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from engine.core.config import Settings
from engine.core.run import Run
from engine.core.target import Place
from engine.flows.tools import Advise, Past, Search
from engine.session.cases import Cases
from engine.session.connection import Connection, Opening
from engine.session.conversation import Conversation

if TYPE_CHECKING:
    from engine.commands.pipeline import Grants
    from engine.commands.records.records import Records
    from engine.core.redaction.redactor import Redactor
    from engine.llm.chat_model import ChatModel
    from index.passage import Passage


class DocumentationReader(Protocol):
    """The runbooks, the user's own documents and past incidents, as a Run reads them."""

    @property
    def search(self) -> Search: ...
    @property
    def advise(self) -> Advise: ...
    @property
    def past(self) -> Past: ...
    def document(self, path: str) -> Sequence[Passage]: ...


class SessionServices(Protocol):
    """What a Run takes from the session that it belongs to; the Agent is one."""

    settings: Settings
    opening: Opening
    redactor: Redactor
    cases: Cases
    conversation: Conversation

    @property
    def docs(self) -> DocumentationReader: ...
    @property
    def place(self) -> Place: ...
    @property
    def grants(self) -> Grants: ...
    @property
    def records(self) -> Records: ...
    def connection(self, run: Run) -> Connection: ...
    def model(self, run: Run) -> ChatModel | None: ...
    def kubectl_path(self) -> Path | str: ...
    def cluster_changed(self) -> None: ...

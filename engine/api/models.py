"""What a client sends to the REST API, and the small documents that only it returns; engine/agent/json_documents.py has the large ones."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

QUERY_CHARACTERS = 4_000
COMMAND_CHARACTERS = 8_000
REASON_CHARACTERS = 2_000
Namespace = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$", examples=["shop"])]
RunId = Annotated[str, Field(min_length=1, max_length=100, examples=["20261127-133004-6f2b1c-1"])]


def _said_yes(value: Any) -> Any:
    """`true` and `false` as a query parameter spells them; everything else is left for pydantic to refuse."""
    return {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value


Flag = Annotated[bool, Field(strict=True), BeforeValidator(_said_yes), WithJsonSchema({"type": "boolean"})]


class Body(BaseModel):
    """What a client sends: an unknown field is an error, and nothing is converted."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Query(Body):
    """A question, and where to look."""

    query: str = Field(min_length=1, max_length=QUERY_CHARACTERS, pattern=r"\S", examples=["why is checkout-api restarting?"])
    namespace: Namespace | None = Field(None, description="The namespace to look at; by default the one that the server was started with.")
    pod: str = Field("", max_length=253, pattern=r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?)?$", description="The pod that the question is about.")
    no_llm: bool = Field(False, description="Analyzers and runbooks alone, no model.")
    attachment: str = Field("", description="Text that belongs to the question: a log, the output of a command.")
    approve: str = Field(
        "",
        max_length=COMMAND_CHARACTERS,
        description="The exact command of the one change that may run without asking; everything else asks, or is refused.",
    )


class Answering(Body):
    """What every answer to an event says first."""

    run: RunId = Field(description="`run` of the event: an id means something within its run alone.")


class Approve(Answering):
    """Yes to an ApprovalRequested event: the command runs as it was shown."""

    decision: Literal["approve"]
    typed: str = Field("", max_length=COMMAND_CHARACTERS, description="The event's `typed_name`, where it has one.")


class Reject(Answering):
    """No to an ApprovalRequested event."""

    decision: Literal["reject"]
    reason: str = Field("", max_length=REASON_CHARACTERS, description="The reason; it is recorded and quoted in the answer.")


class Edit(Answering):
    """Another command instead of the one of an ApprovalRequested event; it is judged and asked about again."""

    decision: Literal["edit"]
    command: str = Field(min_length=1, max_length=COMMAND_CHARACTERS, pattern=r"\S")


class Pick(Answering):
    """The answer to a ChoiceRequested event."""

    choice: str = Field(max_length=REASON_CHARACTERS, description="The id of one of the choices; empty for none of them.")


class FindingsQuery(BaseModel):
    """Which findings."""

    model_config = ConfigDict(extra="forbid")

    namespace: Namespace | None = Field(None, description="One namespace; by default the one that the server was started with.")
    all: Flag = Field(False, description="The whole cluster, whatever `namespace` says.")


class Example(BaseModel):
    """Questions of one kind."""

    title: str
    queries: list[str]


class Examples(BaseModel):
    """Questions to try."""

    examples: list[Example]


class Settled(BaseModel):
    """An approval or a choice that was taken."""

    run: str
    id: str
    answer: str


class Stopped(BaseModel):
    """A run that was asked to stop (`stopping`), or had ended before (`ended`)."""

    run: str
    state: Literal["stopping", "ended"]


class Refusal(BaseModel):
    """Every error: what happened, why, and what to do next."""

    error: str
    why: str
    fix: str

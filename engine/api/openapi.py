"""The OpenAPI document: what FastAPI knows of the routes, with the large documents' shapes from engine/agent/json_documents.py."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engine.api.models import Refusal

if TYPE_CHECKING:
    from fastapi import FastAPI

_STREAM = (
    "Server-Sent Events until the run ends: the name is the event's class, the id its `seq`, the data its JSON as in "
    "docs/guide/schemas/events.json; comments keep a silent line open."
)
_ALWAYS = {
    401: "The token is missing or wrong.",
    403: "The request came from another origin.",
    421: "The host name is not one of this server.",
}
_WORDS = {
    400: "The body is not JSON.",
    404: "There is no such run, approval or choice.",
    409: "It was stopped, settled or has expired.",
    413: "The body is too large.",
    415: "The Content-Type is not application/json.",
    422: "The request does not match the schema.",
    429: "Too many concurrent questions; Retry-After says when to retry.",
    500: "The question could not be answered.",
    503: "The cluster or the model is unavailable, or the server is busy or stopping.",
}


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The error responses of a route, for FastAPI's `responses`."""
    return {status: {"model": Refusal, "description": words} for status, words in ({s: _WORDS[s] for s in statuses} | _ALWAYS).items()}


def shape(name: str, *, stream: bool = False) -> dict[int | str, dict[str, Any]]:
    """The response 200 of a route whose document engine/agent/json_documents.py describes."""
    content: dict[str, Any] = {"application/json": {"schema": {"$ref": f"#/components/schemas/{_component(name)}"}}}
    if stream:
        content["text/event-stream"] = {"schema": {"type": "string", "description": _STREAM}}
    return {200: {"description": f"`k8sagent schema {name}` prints this shape alone.", "content": content}}


def describe(app: FastAPI) -> None:
    """Let the app's OpenAPI document hold the contract's shapes too."""
    plain = app.openapi

    def whole() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = plain()
            for name in ("answer", "check", "health"):
                document["components"]["schemas"].update(_components(name))
        return app.openapi_schema or {}

    app.openapi = whole


def _component(name: str) -> str:
    return {"answer": "Answer", "check": "CheckReport", "health": "HealthReport"}[name]


def _components(name: str) -> dict[str, Any]:
    from engine.agent.json_documents import schema

    moved: dict[str, Any] = _moved(schema(name)["$defs"])
    return moved


def _moved(value: Any) -> Any:
    """A schema whose references point into an OpenAPI document."""
    if isinstance(value, dict):
        return {key: _moved(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_moved(each) for each in value]
    return value.replace("#/$defs/", "#/components/schemas/") if isinstance(value, str) else value

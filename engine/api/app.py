"""The routes of the REST API: HTTP in, Runs of the Agent, JSON or Server-Sent Events out."""

# FastAPI reads the annotations of the routes when they are defined, so they are values here and not text.

import asyncio
import time
from typing import TYPE_CHECKING, Annotated, Any

from engine.agent.agent import Agent
from engine.api.models import Approve, Edit, Examples, FindingsQuery, Pick, Query, Reject, Settled, Stopped
from engine.api.problem import Problem, json_bytes
from engine.api.runs import BY, Runs
from engine.api.stream import EventStream, follow, on_thread
from engine.core.config import ApiSettings
from engine.core.events import (
    AnswerFinished,
    ApprovalRequested,
    ChoiceRequested,
    Event,
    FindingsFound,
    RunCancelled,
    RunFailed,
    RunFinished,
)
from engine.core.run import NOBODY, Run
from engine.core.types import ApprovalRequest, Decision

if TYPE_CHECKING:
    from fastapi import FastAPI

HEALTH_SECONDS = 5.0
"""How long a health report is cached."""
NOBODY_TO_ASK = "a JSON answer cannot ask for approval: stream the events (Accept: text/event-stream), or name this command in `approve`"
_PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>K8sAgent API</title>
<link rel="stylesheet" href="/docs/swagger-ui.css"></head><body><div id="swagger-ui"></div>
<script src="/docs/swagger-ui-bundle.js"></script><script src="/docs/start.js"></script></body></html>"""
_START = 'SwaggerUIBundle({url: "/openapi.json", dom_id: "#swagger-ui", deepLinking: true, validatorUrl: null});'


class RunResult:
    """What one Run said so far that its HTTP answer is made of."""

    def __init__(self, run: Run, approve: str, *, streaming: bool) -> None:
        self.run = run
        self._approve = approve
        self._streaming = streaming
        self.answer: dict[str, Any] | None = None
        self.found: FindingsFound | None = None
        self.ending: Event | None = None

    async def on_event(self, event: Event) -> None:
        """Take in an event; approvals and choices that no client can give are settled here."""
        match event:
            case AnswerFinished():
                self.answer = event.answer.to_dict()
            case FindingsFound():
                self.found = event
            case ApprovalRequested():
                self._decide(event.request)
            case ChoiceRequested() if not self._streaming:
                self.run.pick(event.request.id, "", by=NOBODY)
            case RunFinished() | RunCancelled() | RunFailed():
                self.ending = event

    def _decide(self, request: ApprovalRequest) -> None:
        from engine.commands.approval.approval import is_exactly

        if self._approve and is_exactly(self._approve, request):
            self.run.answer(request.id, Decision("approve", typed=request.typed_name, by=BY))
        elif not self._streaming:
            self.run.answer(request.id, Decision("reject", reason=NOBODY_TO_ASK, by=BY))

    @property
    def outcome(self) -> str:
        """How the Run ended; raises Problem when it did not come to its end."""
        match self.ending:
            case RunFinished():
                return self.ending.outcome
            case RunCancelled():
                raise Problem(409, "the question was stopped", self.ending.reason, "ask again")
            case RunFailed() if self.ending.what in ("cluster", "model"):
                raise Problem(503, f"the {self.ending.what} is unavailable", self.ending.error, "GET /health says how to fix it")
            case RunFailed():
                raise Problem(500, "the question could not be answered", self.ending.error, "GET /health says what is missing")
        raise Problem(409, "the question was stopped", "the client disconnected", "ask again")


def make_app(agent: Agent, runs: Runs, settings: ApiSettings) -> "FastAPI":
    """The routes over a started agent; nothing here checks who asks, the Gate does."""
    from fastapi import Body, Depends, FastAPI, Request, Response
    from fastapi import Query as InQuery
    from fastapi.security import HTTPBearer

    from engine import __version__
    from engine.api.openapi import describe, refusals, shape

    app = FastAPI(
        title="K8sAgent",
        version=__version__,
        summary="Finds out why a Kubernetes cluster misbehaves.",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        dependencies=[Depends(HTTPBearer(auto_error=False, description="The token of `$XDG_STATE_HOME/k8sagent/api-token`."))],
    )
    _install_error_handlers(app)
    describe(app)
    health_lock = asyncio.Lock()
    cache: dict[str, tuple[float, bytes]] = {}

    def begin(query: Query) -> Run:
        return runs.begin(
            lambda: agent.ask(
                query.query.strip(),
                pod=query.pod,
                attachment=query.attachment,
                namespace=query.namespace or "",
                model=not query.no_llm,
                concurrent=True,
            )
        )

    def as_json(value: Any, headers: dict[str, str] | None = None) -> Response:
        return Response(json_bytes(value), media_type="application/json", headers=headers)

    @app.post("/query", tags=["questions"], responses=shape("answer", stream=True) | refusals(400, 409, 413, 415, 422, 429, 500, 503))
    async def query(request: Request, body: Query) -> Response:
        """Ask a question. The answer is one JSON document, or with `Accept: text/event-stream` the events while it is worked on.

        The question is stopped when the client leaves. A JSON answer cannot ask: a change that `approve` does not name is refused.
        """
        run = begin(body)
        headers = {"k8sagent-run": run.id}
        streaming = "text/event-stream" in request.headers.get("accept", "").lower()
        result = RunResult(run, body.approve, streaming=streaming)
        if streaming:
            return _Streamed(EventStream(run, result.on_event, headers, settings.keepalive_seconds))
        await follow(run, request.receive, result.on_event)
        outcome = result.outcome
        if result.answer is None:
            raise Problem(500, "there is no answer", f"the run ended as {outcome}", "report it")
        return as_json(result.answer, headers | {"k8sagent-outcome": outcome})

    @app.post("/approvals/{id}", tags=["questions"], response_model=Settled, responses=refusals(400, 404, 409, 413, 415, 422))
    async def approve(id: str, said: Annotated[Approve | Reject | Edit, Body(discriminator="decision")]) -> Response:
        """Answer an ApprovalRequested event. Every approval counts once, for the command as it was shown, until it expires."""
        match said:
            case Approve():
                decision = Decision("approve", typed=said.typed, by=BY)
            case Reject():
                decision = Decision("reject", reason=said.reason, by=BY)
            case Edit():
                decision = Decision("edit", command=said.command, by=BY)
        return as_json({"run": said.run, "id": id, "answer": runs.answer(said.run, id, decision)})

    @app.post("/choices/{id}", tags=["questions"], response_model=Settled, responses=refusals(400, 404, 409, 413, 415, 422))
    async def choose(id: str, body: Pick) -> Response:
        """Answer a ChoiceRequested event."""
        return as_json({"run": body.run, "id": id, "answer": runs.pick(body.run, id, body.choice)})

    @app.delete("/runs/{id}", tags=["questions"], response_model=Stopped, responses=refusals(404, 422))
    async def stop(id: str) -> Response:
        """Stop a question; what it has found so far stays in its transcript."""
        return as_json({"run": id, "state": "stopping" if runs.cancel(id) else "ended"})

    @app.get("/findings", tags=["cluster"], responses=shape("check") | refusals(409, 422, 429, 500, 503))
    async def findings(request: Request, wanted: Annotated[FindingsQuery, InQuery()]) -> Response:
        """What the analyzers say, most important first, root causes before their symptoms; no model is asked."""
        namespace = "" if wanted.all else wanted.namespace
        run = runs.begin(lambda: agent.check(namespace=namespace))
        result = RunResult(run, "", streaming=False)
        await follow(run, request.receive, result.on_event)
        outcome, found = result.outcome, result.found
        if found is None:
            raise Problem(500, "there are no findings", f"the run ended as {outcome}", "report it")
        from engine.agent.json_documents import check_report

        status = agent.status
        where = {"context": status.context, "version": status.cluster_version}
        where["namespace"] = status.namespace if namespace is None else namespace
        return as_json(check_report(found.findings, cluster=where, scanned=found.scanned, errors=found.errors), {"k8sagent-run": run.id})

    @app.get("/health", tags=["server"], responses=shape("health") | refusals(500))
    async def health() -> Response:
        """What works, and how to fix what does not; a report may be a few seconds old."""
        async with asyncio.timeout(60), health_lock:
            at, report = cache.get("health", (0.0, b""))
            if not report or time.monotonic() - at > HEALTH_SECONDS:
                report = await on_thread(lambda: json_bytes(_health(agent)), "api-health")
                cache["health"] = time.monotonic(), report
        return Response(report, media_type="application/json")

    @app.get("/examples", tags=["server"], response_model=Examples, responses=refusals())
    async def examples() -> Response:
        """Questions to try."""
        from engine.api.examples import EXAMPLES

        return as_json({"examples": [{"title": title, "queries": queries} for title, queries in EXAMPLES]})

    @app.get("/openapi.json", include_in_schema=False)
    async def openapi() -> Response:
        return as_json(app.openapi())

    @app.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        return Response(_PAGE, media_type="text/html; charset=utf-8")

    @app.get("/docs/{name}", include_in_schema=False)
    async def page_part(name: str) -> Response:
        from importlib.resources import files

        kinds = {"swagger-ui-bundle.js": "text/javascript", "swagger-ui.css": "text/css"}
        if name == "start.js":
            return Response(_START, media_type="text/javascript")
        if name not in kinds:
            raise Problem(404, f"no file {name!r}", "", "look at /docs")
        return Response(files("fastapi_swagger").joinpath("resources", name).read_bytes(), media_type=kinds[name])

    class _Streamed(Response):
        """FastAPI wants a Response of its own kind; this one hands over to the event stream."""

        def __init__(self, inner: EventStream) -> None:
            super().__init__()
            self._inner = inner

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            await self._inner(scope, receive, send)

    return app


def _health(agent: Agent) -> dict[str, Any]:
    from engine.agent.json_documents import HealthReport, HealthRow, document

    return document(HealthReport(tuple(HealthRow(check.name, check.ok, check.detail, check.fix) for check in agent.health())))


def _install_error_handlers(app: "FastAPI") -> None:
    """Every error of FastAPI and of ours as a `Refusal`."""
    from fastapi import Request, Response
    from fastapi.exceptions import RequestValidationError
    from starlette.exceptions import HTTPException

    def response(problem: Problem) -> Response:
        return Response(problem.body, problem.status, problem.headers, media_type="application/json")

    @app.exception_handler(Problem)
    async def problem_raised(request: Request, error: Problem) -> Response:
        return response(error)

    @app.exception_handler(RequestValidationError)
    async def validation_error(request: Request, error: RequestValidationError) -> Response:
        wrong = error.errors()
        if any(each["type"] == "json_invalid" for each in wrong):
            return response(Problem(400, "the body is not valid JSON", str(wrong[0].get("ctx", {}).get("error", "")), "send a JSON object"))
        words = [f"{'.'.join(str(part) for part in each['loc'][1:]) or 'the body'}: {each['msg']}" for each in wrong[:3]]
        return response(
            Problem(
                422, "the request does not match the schema", "; ".join(words), "GET /openapi.json (or /docs in a browser) shows the schema"
            )
        )

    @app.exception_handler(HTTPException)
    async def http_error(request: Request, error: HTTPException) -> Response:
        fix = "GET /docs in a browser lists the paths" if error.status_code in (404, 405) else "send a JSON object"
        return response(Problem(error.status_code, str(error.detail), "", fix, dict(error.headers or {})))

    @app.exception_handler(Exception)
    async def unexpected_error(request: Request, error: Exception) -> Response:
        return response(Problem(500, "this request could not be answered", type(error).__name__, "report it"))

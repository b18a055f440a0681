"""From a question to its flow: classify, gather the tools, call the tier's flow on the Run's thread, and name what died when it did."""

from __future__ import annotations

import dataclasses
import itertools
import time
from collections.abc import Sequence

from engine.cluster.source import ClusterError
from engine.core.events import AnswerFinished, Event, FindingsFound, Notice, QueryClassified, QueryReceived, Steered
from engine.core.run import FlowError, Run
from engine.core.target import Place
from engine.core.types import Answer, Choice, ChoiceRequest, Steering, Tier
from engine.flows.answering.compose import joined_answers
from engine.flows.session_port import SessionServices
from engine.flows.tools import Choose, Emit, Speaker, Tools
from engine.language.answers.conversation import ANSWERS_WITHOUT_CLUSTER
from engine.language.linking.inventory import Inventory
from engine.language.orders.apply_fix import wanted
from engine.language.pronouns import carried_on, spelt_out
from engine.language.request import Request, Want
from engine.language.understand import understand
from engine.language.wants import UNSURE, classify
from engine.session.cases import Case

CLASSIFY_SECONDS = 8.0
"""How long the model may think about which tier a question belongs to; then the words alone decide."""


def answer_query(
    agent: SessionServices,
    run: Run,
    place: Place,
    query: str,
    *,
    pod: str = "",
    attachment: str = "",
    notes: Sequence[str] = (),
    use_model: bool = True,
    follows: bool = True,
) -> str:
    """Work on a question; the Run's outcome. `notes` are what the session has to say beside it.

    `follows` says whether "it" means what the question before was about, and whether the next one may mean this one's.
    """
    run.emit(QueryReceived(query=query, context=place.context, namespace=place.namespace, mode=place.mode))
    for note in notes:
        run.emit(Notice(level="warning", text=note))
    query = agent.redactor.text(query)  # from here on nobody, and no model, sees a secret that was pasted
    fix = wanted(query, agent.cases.latest if follows else None, place.context or agent.place.context)
    if follows and fix is None:
        said = carried_on(query, agent.cases.before, agent.cases.objects)
        said, about = (said, None) if said != query else spelt_out(query, agent.cases.objects)
        if said != query:
            query, after = said, f", after {about} in the question before" if about is not None else ", after the question before"
            run.emit(Notice(level="info", text=f"Understood as “{query}”{after}."))
    agent.cases.set_query(run.id, f"{query} {pod}".strip())
    by_words = classify(query)
    if by_words.want in ANSWERS_WITHOUT_CLUSTER and not pod and not attachment and fix is None:
        request = Request(query, by_words.want, by_words.reason, by_words.confidence, masked=" ".join(query.lower().split()))
        run.emit(QueryClassified(tier=request.tier, reason=request.reason, confidence=request.confidence))
        run.emit(AnswerFinished(answer=Answer(tier=request.tier, text=ANSWERS_WITHOUT_CLUSTER[by_words.want](request).answer)))
        return "answered"
    speaker = _speaker(agent, run, query) if use_model else None
    if fix is not None:
        requests: tuple[Request, ...] = (Request(query, "apply_fix", "applies the fix of the diagnosis before", 0.95),)
    else:
        requests = _understood(agent, run, place, query, pod, attachment)
        if requests[0].confidence < UNSURE and len(requests) == 1 and speaker is not None:
            requests = (_ask_model(speaker, requests[0], run),)
    first = next((request for request in requests if request.tier != "informational"), requests[0])
    run.emit(QueryClassified(tier=first.tier, reason=first.reason, confidence=first.confidence))
    tools = gather(agent, run, place, first.tier, speaker, pod=pod, attachment=attachment)
    if not follows:  # somebody else asked the questions before: their words are no business of this one's
        tools = dataclasses.replace(tools, remember=lambda objects: None, earlier="")
    elif speaker is not None and (compacted := agent.conversation.compaction(run.id)):
        run.emit(Notice(level="info", text=compacted))
    try:
        if fix is not None:
            from engine.flows.tiers.action import apply_fix

            return apply_fix(fix, agent.cases.fix_targets, tools, run.emit)
        if len(requests) == 1:
            return answer_request(requests[0], tools, run.emit)
        return _answer_all(requests, tools, run.emit)
    except ClusterError as error:
        raise FlowError("cluster", str(error)) from error


def _understood(agent: SessionServices, run: Run, place: Place, query: str, pod: str, attachment: str) -> tuple[Request, ...]:
    """The Requests of a query, its names linked to the cluster's; a cluster that cannot be read ends the Run."""
    connection = agent.connection(run)
    namespace = place.namespace or (agent.place.namespace if not connection.recorded else place.namespace)
    try:
        return understand(query, Inventory(connection.source, namespace, run.token), pod=pod, attachment=attachment)
    except ClusterError as error:
        found = classify(query)
        run.emit(QueryClassified(tier=found.tier, reason=found.reason, confidence=found.confidence))
        raise FlowError("cluster", str(error)) from error


def answer_request(request: Request, tools: Tools, emit: Emit) -> str:
    """One Request through the flow of its tier, at the place that it names."""
    if request.pasted and not tools.attachment:
        tools = dataclasses.replace(tools, attachment=request.pasted)
    tools = _move(tools, request, emit)
    if request.tier == "informational":
        from engine.flows.tiers.informational import informational as flow
    elif request.tier == "action":
        from engine.flows.tiers.action import action as flow
    else:
        from engine.flows.tiers.troubleshooting import troubleshooting as flow
    return flow(request, tools, emit)


def _answer_all(requests: Sequence[Request], tools: Tools, emit: Emit) -> str:
    """Several questions in one text, answered one by one in one answer."""
    answers: list[Answer] = []
    outcomes: list[str] = []
    for request in requests:

        def kept(event: Event) -> None:
            if isinstance(event, AnswerFinished):
                answers.append(event.answer)
            else:
                emit(event)

        outcomes.append(answer_request(request, tools, kept))
    emit(AnswerFinished(answer=joined_answers([request.text for request in requests], answers)))
    return next((outcome for outcome in outcomes if outcome == "answered"), outcomes[-1])


def go_on(agent: SessionServices, run: Run, place: Place, case: Case, said: Steering) -> str:
    """Go on with an investigation that has ended: its evidence and hypotheses are kept, and what the person says is carried out."""
    from engine.flows.tiers.troubleshooting import troubleshooting

    run.emit(QueryReceived(query=case.query, context=place.context, namespace=place.namespace, mode=place.mode))
    run.emit(QueryClassified(tier="troubleshooting", reason="goes on with the diagnosis before"))
    run.emit(Steered(steering=said))
    agent.cases.continue_case(run.id, case)
    tools = gather(agent, run, place, "troubleshooting", _speaker(agent, run, case.query))
    try:
        request = understand(case.query, Inventory(tools.source, tools.place.namespace, run.token))[0]
        request = dataclasses.replace(request, wants="diagnose", pasted="")
        tools = _move(tools, request, run.emit)
        return troubleshooting(request, dataclasses.replace(tools, case=case), run.emit, (said,))
    except ClusterError as error:
        raise FlowError("cluster", str(error)) from error


def check_cluster(
    agent: SessionServices, run: Run, namespace: str | None, only: tuple[str, ...], about: tuple[str, str] | None = None
) -> str:
    """The analyzers alone; `namespace=None` is the session's own, which a live context may only tell once it is open."""
    from engine.analyzers.check import check
    from engine.analyzers.common.view import ClusterView
    from engine.analyzers.diagnosis.about import NoSuchObject
    from engine.analyzers.diagnosis.about import about as narrowed

    connection = agent.connection(run)
    within = agent.place.namespace if namespace is None else namespace
    try:
        view = ClusterView.of(connection.source, within or None, cancel=run.token)
        report = check(view, only=only)
        if about is not None:
            report = narrowed(view, report, *about)
    except ClusterError as error:
        raise FlowError("cluster", str(error)) from error
    except NoSuchObject as error:
        raise FlowError("engine", str(error)) from error
    if report.nothing_seen:
        raise FlowError("cluster", f"nothing could be looked at: {report.nothing_seen}")
    run.emit(FindingsFound(findings=report.findings, scanned=report.scanned, errors=report.errors))
    return "answered"


def run_typed(agent: SessionServices, run: Run, place: Place, text: str) -> str:
    """One typed command, judged and approved like any other."""
    run.emit(QueryReceived(query=f"!{text}", context=place.context, namespace=place.namespace, mode=place.mode))
    tools = gather(agent, run, place, "informational", None)
    outcome = tools.desk.run(text, why="typed by you")
    if outcome.status != "ran":
        run.emit(Notice(level="warning", text=outcome.reason))
        return "rejected" if outcome.status == "rejected" else "refused"
    return "answered"


def undo_latest(agent: SessionServices, run: Run, place: Place) -> str:
    """Propose the way back of the session's latest change as a command that is judged and approved like any other."""
    tools = gather(agent, run, place, "action", None)
    run.emit(QueryReceived(query="/undo", context=tools.place.context, namespace=tools.place.namespace, mode=tools.place.mode))
    run.emit(QueryClassified(tier="action", reason="takes back the latest change"))
    entry = agent.records.latest(tools.place.context)
    if entry is None:
        text = f"Nothing was changed in context {tools.place.context} in this session, so there is nothing to take back."
        run.emit(AnswerFinished(answer=Answer(tier="action", text=text)))
        return "nothing_to_do"
    back = agent.records.way_back(entry, tools.source)
    if not back.command:
        run.emit(AnswerFinished(answer=Answer(tier="action", text=f"{entry.command} cannot be taken back. {back.note}")))
        return "nothing_to_do"
    outcome = tools.desk.run(back.command, why=f"takes back {entry.command}. {back.note}")
    if outcome.result is not None and outcome.result.ok:
        agent.records.forget(entry)
        text = f"Taken back: {entry.command}. {back.note}"
    elif outcome.result is not None:
        text = f"It failed: {outcome.command} — {' '.join((outcome.result.error or outcome.result.stderr).split())[:300]}"
    else:
        text = f"Not done: {outcome.reason}"
    run.emit(AnswerFinished(answer=Answer(tier="action", text=text, commands=outcome.records)))
    return {"ran": "answered", "rejected": "rejected"}.get(outcome.status, "refused")


def gather(
    agent: SessionServices, run: Run, place: Place, tier: Tier, speaker: Speaker | None, *, pod: str = "", attachment: str = ""
) -> Tools:
    """The tools of a Run, pinned to its place; waits for the cluster if it is still being opened."""
    from engine.commands.execution.runner import Runner, RunnerSettings
    from engine.commands.pipeline import CommandPipeline
    from engine.session.policy import policy_for

    connection = agent.connection(run)
    place = dataclasses.replace(
        place,
        context=place.context or agent.place.context,
        namespace=place.namespace or (agent.place.namespace if not connection.recorded else place.namespace),
        server=agent.place.server,
        user=agent.place.user,
    )
    settings = agent.settings
    seconds = {
        "informational": settings.budget.informational_seconds,
        "troubleshooting": settings.budget.troubleshooting_seconds,
        "action": settings.budget.action_seconds,
    }[tier]
    kubectl = agent.kubectl_path()

    def runner(seconds: float, cluster: bool) -> Runner:
        # Asking a recording for its kubeconfig starts the API stand-in, so it is asked only where the cluster is reached.
        kubeconfig = connection.kubeconfig() if cluster else None
        return Runner(
            RunnerSettings(
                kubectl=None if isinstance(kubectl, str) else kubectl,
                kubeconfig=kubeconfig,
                cache=kubeconfig.parent / "cache" if connection.recorded and kubeconfig else None,
                extra_env_names=settings.kubectl.credential_env,
                seconds=seconds,
            )
        )

    desk = CommandPipeline(
        policy=policy_for(settings, agent.opening, workspace=str(agent.records.workspace)),
        runner=runner,
        no_kubectl=kubectl if isinstance(kubectl, str) else "",
        place=place,
        source=connection.source,
        emit=run.emit,
        ask=run.ask,
        token=run.token,
        redactor=agent.redactor,
        grants=agent.grants,
        records=agent.records,
        seconds=(settings.kubectl.read_seconds, settings.kubectl.change_seconds),
        changed=agent.cluster_changed,
    )
    return Tools(
        place=place,
        source=connection.source,
        desk=desk,
        search=agent.docs.search,
        advise=agent.docs.advise,
        past=agent.docs.past,
        token=run.token,
        redact=agent.redactor.text,
        settings=settings,
        speaker=speaker,
        earlier=agent.conversation.earlier(run.id),
        pod=pod,
        deadline=time.monotonic() + seconds,
        attachment=attachment,
        choose=_chooser(run, settings.budget.choice_seconds),
        steering=run.steering,
        last_steering=run.last_steering,
        document=agent.docs.document,
        remember=agent.cases.remember,
    )


def _chooser(run: Run, seconds: float) -> Choose:
    """Asks through the Run; the question expires, so that an unattended session goes on."""
    numbers = itertools.count(1)

    def choose(question: str, choices: Sequence[Choice]) -> str | None:
        request = ChoiceRequest(f"Q{next(numbers)}", question, tuple(choices), expires_at=time.time() + seconds)
        return run.choose(request)

    return choose


def _speaker(agent: SessionServices, run: Run, query: str) -> Speaker | None:
    """The model, if it answers, behind the session's redactor, with what the question may spend on it."""
    from engine.llm.checks.redacting_model import RedactingModel

    model = agent.model(run)
    if model is None:
        return None
    return Speaker(RedactingModel(model, agent.redactor.text), agent.conversation.budget(query, agent.settings.budget.prompt_tokens))


def _ask_model(speaker: Speaker, request: Request, run: Run) -> Request:
    """The model's word on a query that no keyword decides; it may never turn a question into an action."""
    from engine.llm.tasks import classify as ask

    tier = ask(speaker.model, request.text, run.token, speaker.budget, deadline=time.monotonic() + CLASSIFY_SECONDS)
    if tier is None or tier in ("action", request.tier):
        return request if tier != request.tier else dataclasses.replace(request, reason=_MODEL_SAYS, confidence=UNSURE)
    wants: Want = "diagnose" if tier == "troubleshooting" else "list"
    return dataclasses.replace(request, wants=wants, reason=_MODEL_SAYS, confidence=UNSURE)


_MODEL_SAYS = "the model's reading; no keyword decides"


def _move(tools: Tools, request: Request, emit: Emit) -> Tools:
    """Work where the request says, or where all that it names is."""
    named = request.namespace
    if named is None and request.refs and request.tier != "action":
        spaces = {ref.namespace for ref in request.refs if ref.namespace}
        if spaces and tools.place.namespace and tools.place.namespace not in spaces:
            named = spaces.pop() if len(spaces) == 1 else ""
            where = f"namespace {named}" if named else "all namespaces"
            emit(Notice(level="info", text=f"{request.refs[0]} is not in {tools.place.namespace}; looking in {where}."))
            return _at(tools, named)
    if named is None or named == tools.place.namespace:
        return tools
    emit(Notice(level="info", text=f"Looking at {'all namespaces' if named == '' else 'namespace ' + named}, as your question says."))
    return _at(tools, named)


def _at(tools: Tools, namespace: str) -> Tools:
    place = dataclasses.replace(tools.place, namespace=namespace)
    return dataclasses.replace(tools, place=place, desk=tools.desk.at(place))

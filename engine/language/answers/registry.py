"""Which function answers which want: the one table to extend for a new kind of question.

Each row is `(want, (answerers in the order in which they are tried))`; see `interface.py` for what an answerer is. Modules are imported
when a want first needs them, so that a diagnosis pays for none of them.
"""

from __future__ import annotations

from engine.language.answers.interface import Answerer, Reply, Scene
from engine.language.request import Request, Want


def answer(request: Request, scene: Scene) -> Reply | None:
    """The first reply that an answerer of the request's want has; None where code has none. Raises ClusterError."""
    for answerer in answerers(request.wants):
        reply = answerer(request, scene)
        if reply is not None:
            return reply
    return None


def answerers(want: Want) -> tuple[Answerer, ...]:
    """The functions that answer a want, in the order in which they are tried."""
    match want:
        case "small_talk" | "about_agent" | "out_of_scope" | "follow_up":
            from engine.language.answers.conversation import about_agent, out_of_scope, small_talk, without_before

            return ({"small_talk": small_talk, "about_agent": about_agent, "out_of_scope": out_of_scope}.get(want, without_before),)
        case "list" | "count" | "top" | "field" | "describe" | "logs" | "events" | "command":
            return _readings(want)
        case "explain_concept" | "explain_error":
            from engine.language.answers.glossary.explain import explained

            return (explained,)
        case "how_to" | "write":
            from engine.language.answers.conversation import interactive
            from engine.language.answers.templates.questions import how_to, write

            return (how_to, interactive) if want == "how_to" else (write,)
        case "who_may" | "who_uses" | "reach":
            from engine.language.answers.relations.questions import access, connection, users

            return ({"who_may": access, "who_uses": users, "reach": connection}[want],)
        case "changes" | "since_when":
            from engine.language.answers.overview.questions import changed, since

            return ({"changes": changed, "since_when": since}[want],)
        case "compare":
            from engine.language.answers.overview.questions import side_by_side

            return (side_by_side,)
        case "status":
            from engine.language.answers.overview.questions import foundation_state

            return (foundation_state,)
        case "yaml":
            from engine.language.answers.objects import as_yaml

            return (as_yaml,)
    return ()


def _readings(want: Want) -> tuple[Answerer, ...]:
    """The readers of what there is: the computed looks of a want first, then the plain table."""
    from engine.language.questions.reader import read

    if want == "command":
        return (read,)
    if want == "logs":
        from engine.language.answers.log_search.questions import logs

        return (logs, read)
    from engine.language.answers.overview.questions import events_of, gaps, most, state
    from engine.language.answers.overview.show import shown

    own = {"events": events_of, "top": most, "field": shown}.get(want)
    return (gaps, own, read) if own else (gaps, state, read)

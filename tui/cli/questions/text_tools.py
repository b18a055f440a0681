"""`intent`, `policy` and `redact`: text in, text out; only `intent` opens a cluster, where one is named."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from typing import Any

from tui.cli.common import complain, opening_of, painted, say, say_json, settings_of
from tui.cli.exit_codes import OK, REFUSED, USAGE


def intent(args: argparse.Namespace) -> int:
    """What one query or many ask for; names are linked where a cluster is named (--demo, --snapshot, --context, --kubeconfig)."""
    from engine.agent.json_documents import IntentRow, document
    from engine.language.linking.inventory import Inventory
    from engine.language.understand import understand

    inventory: Inventory | None = None
    if args.demo or args.snapshots or args.snapshot or args.context or args.kubeconfig:
        from engine.session.connection import connect

        settings = settings_of(args)
        connection = connect(opening_of(args), context=settings.cluster.context, kubeconfig=settings.cluster.kubeconfig)
        inventory = Inventory(connection.source, args.namespace or "")

    def row(id: Any, query: str) -> dict[str, Any]:
        found = understand(query, inventory)
        first = next((request for request in found if request.tier != "informational"), found[0])
        requests = tuple(request.to_dict() for request in found)
        return document(IntentRow(id, query, first.tier, first.reason, first.confidence, requests))

    if args.jsonl:
        return _jsonl("query", row)
    text = " ".join(args.text)
    if not text:
        complain("nothing to classify: give the query, or --jsonl with lines on standard input")
        return USAGE
    found = row("", text)
    if args.output == "json":
        say_json(found)
    else:
        wants = ", ".join(request["wants"] for request in found["requests"])
        say(f"{painted(found['tier'], 'bold')}  {wants}: {found['reason']} ({found['confidence']:.2f})")
    return OK


def policy(args: argparse.Namespace) -> int:
    """The verdict on one command or on many; exit 4 when a single command is forbidden."""
    from engine.agent.json_documents import PolicyRow, document
    from engine.session.policy import policy_for

    rules = policy_for(settings_of(args), opening_of(args))
    judge = rules.judge

    def row(id: Any, command: str) -> dict[str, Any]:
        verdict = judge(command).verdict
        return document(PolicyRow(id, command, verdict.risk, verdict.rule, verdict.reason))

    if args.jsonl:
        return _jsonl("command", row)
    if not args.text:
        complain("nothing to judge: give the command in quotes, or --jsonl with lines on standard input")
        return USAGE
    found = row("", args.text)
    if args.output == "json":
        say_json(found)
    else:
        colours = {"read": "green", "mutate": "amber", "destructive": "red", "forbidden": "red"}
        say(f"{painted(found['risk'], colours[found['risk']])}  {found['reason']}  {painted('(' + found['rule'] + ')', 'grey')}")
    if args.explain:
        from engine.commands.policy.explain import explain

        for line in explain(rules, args.text):
            say(f"  {line}")
    return REFUSED if found["risk"] == "forbidden" else OK


def redact(args: argparse.Namespace) -> int:
    """Standard input to standard output without secrets, and without the escapes and invisible characters that can split one."""
    from engine.core.redaction.escapes import strip_escapes
    from engine.core.redaction.redactor import Redactor

    text = sys.stdin.buffer.read().decode("utf-8", "replace")
    sys.stdout.buffer.write(Redactor().text(strip_escapes(text)).encode("utf-8", "replace"))
    return OK


def _jsonl(field: str, row: Callable[[Any, str], dict[str, Any]]) -> int:
    for number, line in _lines():
        try:
            data = json.loads(line)
            id, text = data.get("id", number), data[field]
            if not isinstance(text, str):
                raise TypeError
        except (ValueError, KeyError, TypeError, AttributeError):
            complain(f"line {number}: not a JSON object with a text `{field}`")
            return USAGE
        # Only plain characters, so that no reader takes a separator inside a text for the end of the line.
        sys.stdout.write(json.dumps(row(id, text)) + "\n")
    return OK


def _lines() -> Iterator[tuple[int, str]]:
    for number, line in enumerate(sys.stdin, 1):
        if line.strip():
            yield number, line

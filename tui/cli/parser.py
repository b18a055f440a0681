"""The command line as argparse sees it; a contract that scripts rely on."""

from __future__ import annotations

import argparse
import difflib
import re
import sys
from pathlib import Path
from typing import Any, NoReturn

from tui.cli.examples import epilog

VALUED = (
    "--config",
    "--kubeconfig",
    "--context",
    "-n",
    "--namespace",
    "--snapshot",
    "--contexts",
    "--model",
    "--output",
    "--resume",
    "--log-level",
)
"""Flags before a command that take a value as the next word."""

_EPILOG = """examples:
  k8sagent --demo                                         look around in a recorded cluster; needs nothing else
  k8sagent                                                full-screen session on the current context
  k8sagent troubleshoot -n shop -q "why is checkout-api restarting?"
  k8sagent check -A --output json
  kubectl logs my-pod | k8sagent logs

exit codes: 0 fine, 1 findings, 2 wrong usage, 3 cluster or model unreachable, 4 refused or needs approval, 5 failed, 130 interrupted
"""


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line: what is wrong, what may be meant, and where the help is."""

    def error(self, message: str) -> NoReturn:
        """Print the line and exit with 2."""
        chosen = re.match(r"argument [^:]+: invalid choice: '(.*?)' \(choose from (.*)\)", message)
        if chosen:
            near = difflib.get_close_matches(chosen[1], re.findall(r"[\w-]+", chosen[2]), n=1)
            message = f"there is no {chosen[1]!r}" + (f"; did you mean {near[0]!r}?" if near else f"; there are {chosen[2]}")
        elif "unrecognized arguments" in message and "policy" in sys.argv[1:2]:
            message += "; give the command as one text in quotes"
        self.exit(2, f"k8sagent: {message} (see `{self.prog} --help`)\n")


def build() -> Parser:
    """The whole parser."""
    place = _place()
    output = _output()
    parser = Parser(
        prog="k8sagent",
        parents=[place],
        description="Finds out why a Kubernetes cluster, or a RHEL host under it, misbehaves.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("-V", "--version", action="store_true", help="print the version")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    p = _add(commands, "interactive", "the full-screen session (the default)", "sessions.interactive:interactive", place)
    p.add_argument("--plain", action="store_true", help="line by line, for screen readers and dumb terminals")
    p.add_argument("--resume", metavar="ID", default="", help="resume a saved session")
    p.set_defaults(gentle=False)

    p = _add(commands, "troubleshoot", "one question, any tier, to the end", "questions.troubleshoot:troubleshoot", place, output)
    p.add_argument(
        "-q",
        "--query",
        metavar="TEXT",
        action="append",
        help="the question ('-' or nothing: read it from standard input); several are asked one after the other in one session",
    )
    p.add_argument("--pod", metavar="POD", default="", help="the pod that the question is about")
    p.add_argument("--no-llm", action="store_true", help="analyzers and runbooks alone, no model")
    p.add_argument("--approve-exact", metavar="COMMAND", action="append", default=[], help="approve exactly this change; nothing else runs")

    p = _add(commands, "check", "analyzers only, no model", "checks.check:check", place, output)
    p.add_argument("object", nargs="?", default="", metavar="KIND/NAME", help="check one object")
    p.add_argument("-A", "--all-namespaces", action="store_true", help="the whole cluster")
    p.add_argument("--only", metavar="NAMES", default="", help="only these specialities or analyzers, separated by commas")
    p.add_argument(
        "--contexts",
        metavar="NAMES",
        default="",
        help="several clusters: contexts or patterns (prod-*), separated by commas; --snapshot may be given several times, too",
    )

    p = _add(commands, "logs", "patterns in a log text", "checks.check:logs", output)
    p.add_argument("file", nargs="?", default="-", metavar="FILE", help="a log file ('-' or nothing: standard input)")

    p = _add(commands, "intent", "the tier of a query, and why", "questions.text_tools:intent", place, output)
    p.add_argument("text", nargs="*", metavar="TEXT")
    p.add_argument("--jsonl", action="store_true", help='read {"id","query"} lines from standard input')

    p = _add(commands, "policy", "the verdict on a command, and why; runs nothing", "questions.text_tools:policy", place, output)
    p.add_argument("text", nargs="?", default="", metavar="TEXT")
    p.add_argument("--jsonl", action="store_true", help='read {"id","command"} lines from standard input')
    p.add_argument("--explain", action="store_true", help="show the parse, the table row and the rule")

    _add(commands, "redact", "copy standard input to standard output without secrets", "questions.text_tools:redact")

    p = _add(commands, "docs", "the documentation", "docs:search")
    docs = p.add_subparsers(metavar="ACTION", required=True)
    q = _add(docs, "search", "find passages", "docs:search", _config(), output)
    q.add_argument("text", nargs="+", metavar="TEXT")
    q.add_argument("--limit", type=int, default=5, metavar="N", help="maximum number of passages (default 5)")
    _add(docs, "list", "every document", "docs:list_documents", _config(), output)
    _add(docs, "index", "index every change now", "docs:index", _config(), output)
    q = _add(docs, "show", "print a document", "docs:show", _config())
    q.add_argument("path", metavar="PATH")
    q = _add(docs, "draft", "print a runbook drafted from a saved session's diagnosis", "docs:draft", _config())
    q.add_argument("session", metavar="SESSION")

    p = _add(commands, "snapshot", "recorded clusters", "snapshot:info")
    snapshots = p.add_subparsers(metavar="ACTION", required=True)
    q = _add(snapshots, "record", "write what a cluster says into PATH, without secrets", "snapshot:record", place)
    q.add_argument("path", metavar="PATH", type=Path, help="a new folder, or an archive (.tar.gz, .tgz, .tar)")
    q.add_argument("-A", "--all-namespaces", action="store_true", help="all namespaces (the default; -n a,b takes only these)")
    q.add_argument("--no-logs", action="store_true", help="no container logs")
    q.add_argument("--tail", type=int, default=5000, metavar="N", help="maximum lines of each log (default 5000; 0: all)")
    q.add_argument("--since", type=_span, default=None, metavar="TIME", help="only log lines of the last 30m, 6h, 2d")
    q.add_argument("--log-megabytes", type=int, default=256, metavar="N", help="maximum size of all logs together (default 256)")
    q = _add(snapshots, "info", "what a recording contains and what is missing", "snapshot:info", output)
    q.add_argument("path", metavar="PATH", type=Path)
    q = _add(snapshots, "serve", "serve a recording to kubectl until interrupted; prints a kubeconfig path", "snapshot:serve")
    q.add_argument("path", metavar="PATH", type=Path, nargs="?", help="the recording (nothing: the bundled demo)")
    q.add_argument("--writable", action="store_true", help="take changes, in memory")

    p = _add(commands, "host", "RHEL and other Linux hosts", "checks.host:check")
    hosts = p.add_subparsers(metavar="ACTION", required=True)
    q = _add(hosts, "check", "what is wrong with this machine, hosts over SSH, or nodes", "checks.host:check", place, output)
    q.add_argument("hosts", nargs="*", metavar="HOST", help="hosts of [hosts] names, or nodes of the cluster (nothing: this machine)")
    q.add_argument("--nodes", action="store_true", help="every node of the cluster")

    p = _add(commands, "serve", "the REST API, on this machine alone (extra: api)", "serve:serve", place)
    p.add_argument("--host", metavar="ADDRESS", help="listen on another address: other machines can reach it, without encryption")
    p.add_argument("--port", type=int, metavar="N", help="port (0: any free one)")

    _add(commands, "health", "check what works and how to fix what does not", "checks.health:health", place, output)

    p = _add(commands, "sessions", "saved sessions", "sessions.sessions:list_sessions")
    sessions = p.add_subparsers(metavar="ACTION", required=True)
    _add(sessions, "list", "newest first", "sessions.sessions:list_sessions", output)
    q = _add(sessions, "show", "questions and answers", "sessions.sessions:show", output)
    q.add_argument("id", metavar="ID")
    q = _add(sessions, "export", "as a Markdown post-mortem, JSON events or text", "sessions.sessions:export")
    q.add_argument("id", metavar="ID")
    q.add_argument("--format", choices=("markdown", "json", "text"), default="markdown", help="markdown (default), json (events) or text")
    q = _add(sessions, "undo", "undo the latest change of a session, asking first", "sessions.sessions:undo", place)
    q.add_argument("id", metavar="ID")
    q.add_argument("--approve-exact", metavar="COMMAND", action="append", default=[], help="approve exactly this change; nothing else runs")
    q = _add(sessions, "resume", "resume a session, full-screen", "sessions.interactive:resume", place)
    q.add_argument("id", metavar="ID")
    q.add_argument("--plain", action="store_true", help="line by line, for screen readers and dumb terminals")
    q.set_defaults(gentle=False)

    p = _add(commands, "audit", "the record of what was asked, approved and run", "sessions.audit:verify")
    audits = p.add_subparsers(metavar="ACTION", required=True)
    _add(audits, "verify", "find changed, missing, reordered or cut-off lines", "sessions.audit:verify", output)

    p = _add(commands, "config", "settings in force and where each came from", "settings.config:show")
    config = p.add_subparsers(metavar="ACTION", required=True)
    _add(config, "show", "every setting with its origin", "settings.config:show", place, output)
    _add(config, "path", "where your own settings file is", "settings.config:path")
    q = _add(config, "init", "write the commented file", "settings.config:init")
    q.add_argument("--force", action="store_true", help="overwrite it; the old file is kept as k8sagent.toml.bak")

    p = _add(commands, "schema", "the JSON Schema of what other commands print", "settings.schema:show")
    p.add_argument("name", nargs="?", default="", metavar="NAME", help="answer, check, events… (nothing: list them)")

    p = _add(commands, "setup", "set up what a new user needs", "settings.setup:setup", _config())
    p.add_argument("-y", "--yes", action="store_true", help="download the model and install completion without asking")
    p.add_argument("--model", metavar="NAME", help="the model to download")
    p.add_argument("--print-role", action="store_true", help="print a read-only ClusterRole with its binding, and nothing else")

    p = _add(commands, "completion", "completion for bash, zsh or fish", "settings.completion:show")
    p.add_argument("shell", nargs="?", choices=("bash", "zsh", "fish"), help="the shell (nothing: your own)")

    _explain(commands, "")
    return parser


def in_order(words: list[str]) -> list[str]:
    """The words as the parser takes them: flags before the command are moved behind it, and no command means the session."""
    at = 0
    while at < len(words) and words[at].startswith("-"):
        if words[at] in ("-h", "--help", "-V", "--version"):
            return words
        at += 2 if words[at] in VALUED else 1
    if at >= len(words):
        return ["interactive", *words]
    return [*words[at:], *words[:at]]


def _explain(commands: argparse._SubParsersAction[Parser], above: str) -> None:
    """Examples below each help, and flags only as they are written: a shortened one would mean another flag some day."""
    for name, parser in commands.choices.items():
        command = f"{above} {name}".strip()
        parser.epilog = epilog(command)
        parser.formatter_class = argparse.RawDescriptionHelpFormatter
        parser.allow_abbrev = False
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                _explain(action, command)


def _span(text: str) -> int:
    """Seconds of a span as kubectl writes it: 45s, 30m, 6h, 2d, 1h30m."""
    import re

    parts = re.findall(r"([0-9]+)([smhd])", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise argparse.ArgumentTypeError(f"{text!r} is no span of time such as 30m, 6h or 2d")
    return sum(int(number) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[unit] for number, unit in parts)


class _Snapshot(argparse.Action):
    """The recording in `snapshot`, and all of them in `snapshots`, for the one command that takes several."""

    def __call__(self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, option: str | None = None) -> None:
        namespace.snapshot = values
        namespace.snapshots = [*namespace.snapshots, values]
        if len(namespace.snapshots) > 1 and not hasattr(namespace, "contexts"):
            parser.error("only `check` takes several --snapshot")


def _add(commands: argparse._SubParsersAction[Parser], name: str, help: str, run: str, *parents: Parser) -> Parser:
    parser = commands.add_parser(name, help=help, description=f"{help[0].upper()}{help[1:]}.", parents=list(parents))
    parser.set_defaults(run=run, gentle=True)
    return parser


def _config() -> Parser:
    parser = Parser(add_help=False)
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings file")
    return parser


def _place() -> Parser:
    parser = _config()
    parser.add_argument("--kubeconfig", metavar="FILE", help="kubeconfig file")
    parser.add_argument("--context", metavar="NAME", help="context of the kubeconfig")
    parser.add_argument("-n", "--namespace", metavar="NAME", help="namespace")
    parser.add_argument(
        "--snapshot", type=Path, metavar="PATH", action=_Snapshot, default=None, help="a recorded cluster instead of a live one"
    )
    parser.set_defaults(snapshots=[])
    parser.add_argument("--demo", action="store_true", help="the bundled recorded cluster, writable in memory")
    parser.add_argument("--writable", action="store_true", help="let a recording take changes, in memory")
    parser.add_argument("--model", metavar="NAME", help="model name")
    parser.add_argument("--no-save", action="store_true", help="keep no transcript")
    parser.add_argument("--log-level", choices=("debug", "info", "warning", "error"), help="what goes into the log (default info)")
    return parser


def _output() -> Parser:
    parser = Parser(add_help=False)
    parser.add_argument("--output", choices=("text", "json"), default="text", help="text (default) or json on standard output")
    return parser

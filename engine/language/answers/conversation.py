"""What is no question about the cluster: greetings, what K8sAgent can do, what it is not for, words that only an earlier question explains."""

from __future__ import annotations

import re
from collections.abc import Callable

from engine.language.answers.interface import Reply, Scene
from engine.language.request import Request, Want

EXAMPLES = (
    "why is checkout-api restarting?",
    "is everything ok in shop?",
    "which pods restart most?",
    "logs of payments-api, last 50 lines",
    "who can delete pods?",
    "scale cart-api to 3",
)


def small_talk(request: Request, scene: Scene | None = None) -> Reply:
    """A greeting is answered by what to ask, thanks by a word."""
    if re.search(
        r"\b(?:thank\w*|thx|cheers|bye|goodbye|great|nice|perfect|awesome|cool|never ?mind|that'?s|that is|done|good night|lol|haha)\b",
        request.masked,
    ):
        return Reply(answer="You are welcome. Ask again whenever something looks wrong.")
    return Reply(answer=f"Hello. Ask me about this cluster in plain words, for example:\n{_listed()}")


def about_agent(request: Request, scene: Scene | None = None) -> Reply:
    """What K8sAgent does, in a few lines."""
    return Reply(
        answer="I troubleshoot Kubernetes clusters and the Linux hosts under them. I read the cluster, find the cause of what is wrong with the "
        "evidence for it, and propose a fix.\n"
        "- Troubleshooting: why something fails, whether something is healthy, what to fix first.\n"
        "- Questions: lists, counts, logs, events, YAML, usage, what changed, who uses or may do what, how to do something.\n"
        "- Changes: scale, restart, roll back, set images, limits, labels and more. Nothing changes without you: each exact command waits for your approval.\n"
        f"Reading runs by itself; no data leaves this machine unless you configured a remote model. For example:\n{_listed()}\nF1 or /help shows keys and commands."
    )


def out_of_scope(request: Request, scene: Scene) -> Reply | None:
    """A question about something else than clusters."""
    return Reply(
        answer=f"That is nothing I can answer: I only know about Kubernetes, this cluster and its hosts. Ask me, for example:\n{_listed()}"
    )


def without_before(request: Request, scene: Scene) -> Reply | None:
    """Words like "do it" with no question before them."""
    return Reply(
        answer=f"I cannot tell what “{request.text}” refers to, since nothing was asked before. Say it in full, for example:\n{_listed()}"
    )


def interactive(request: Request, scene: Scene) -> Reply | None:
    """A shell, a tunnel or a copy: never opened by K8sAgent, so the command for it."""
    if not re.search(r"\bexec\w*\b|\bshell\b|\bssh\b|\battach\b|\bport-?forward\w*|\blog ?in to\b", request.masked):
        return None
    ref = next((ref for ref in request.refs if ref.kind not in ("Namespace", "Node")), None)
    target = f"{ref.kind.lower()}/{ref.name} -n {ref.namespace}" if ref is not None else "pod/NAME -n NAMESPACE"
    node = request.of_kind("Node")
    if "forward" in request.masked:
        command = f"kubectl port-forward {target} 8080:80"
    elif node:
        command = f"kubectl debug node/{node[0].name} -it --image=busybox"
    else:
        command = f"kubectl exec -it {target} -- sh"
    said = "K8sAgent opens no shell and runs nothing inside a container; run it in a terminal of your own:"
    return Reply(answer=said, code=command, code_language="sh", objects=request.refs[:1])


ANSWERS_WITHOUT_CLUSTER: dict[Want, Callable[[Request], Reply]] = {"small_talk": small_talk, "about_agent": about_agent}
"""What is answered while the cluster is still being opened, or cannot be reached."""


def _listed() -> str:
    return "\n".join(f"  {example}" for example in EXAMPLES)

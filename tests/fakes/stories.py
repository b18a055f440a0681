"""Whole questions as lists of events, for the screen's tests, snapshots and demonstrations."""

from __future__ import annotations

import dataclasses

from fakes.agent import a_passage

from engine.core.events import (
    AnswerFinished,
    CommandFinished,
    CommandOutput,
    CommandProposed,
    CommandStarted,
    Event,
    EvidenceAdded,
    FindingsFound,
    HypothesisUpdated,
    Notice,
    PassagesFound,
    QueryClassified,
    StepFinished,
    StepStarted,
    TokensStreamed,
)
from engine.core.types import (
    Answer,
    ApprovalRequest,
    CommandRecord,
    DryRun,
    Evidence,
    Hypothesis,
    ObjectRef,
    Remedy,
    RootCause,
    Verdict,
)

READ = Verdict("read", "kubectl get", "reads objects")
DB = ObjectRef("PersistentVolumeClaim", "shop", "data-orders-db-0")

EVIDENCE = (
    Evidence("kubectl get ingress", "502 Bad Gateway", "E1"),
    Evidence("log of orders-api", "dial tcp: connection refused orders-db:5432", "E2"),
    Evidence("pod/orders-db-0 status", "0/3 nodes are available: pod has unbound immediate PersistentVolumeClaims", "E4"),
    Evidence("persistentvolumeclaim/data-orders-db-0 spec.storageClassName", "premium-ssd", "E5"),
    Evidence("kubectl get storageclass", "standard   rancher.io/local-path\nlocal-path rancher.io/local-path", "E6"),
)

HYPOTHESES = (
    Hypothesis("H1", "claim of orders-db cannot bind", "supported", 0.94, ("E4", "E5", "E6")),
    Hypothesis("H2", "orders-db out of memory", "refuted", 0.03, (), ("E4",)),
    Hypothesis("H3", "network policy blocks 5432", "refuted", 0.05),
)

PASSAGES = (
    a_passage("D1", "pvc-pending.md", ("Pending claims", "StorageClass not found")),
    a_passage("D2", "statefulset-stuck.md", ("StatefulSet stuck",)),
)

DIAGNOSIS = Answer(
    tier="troubleshooting",
    text="**Root cause:** the claim cannot bind [E5].",
    root_causes=(
        RootCause(
            "PersistentVolumeClaim data-orders-db-0 cannot bind: StorageClass 'premium-ssd' does not exist.",
            DB,
            0.94,
            ("E5", "E6"),
            (
                "orders-web returns 502 [E1]",
                "orders-api not ready: connection refused to orders-db:5432 [E2]",
                "orders-db-0 Pending: unbound claim [E4]",
                "claim asks for premium-ssd; classes here: standard, local-path [E6]",
            ),
        ),
    ),
    hypotheses=HYPOTHESES,
    evidence=EVIDENCE,
    fix=(
        Remedy(
            "point the claim at a class that exists (the claim is empty: nothing is lost)",
            "kubectl -n shop delete pvc data-orders-db-0",
            "destructive",
        ),
        Remedy("write the claim again with a class that exists", "kubectl -n shop apply -f claim-standard.yaml", "mutate"),
        Remedy("verify", "kubectl -n shop rollout status sts/orders-db", "read"),
    ),
    passages=PASSAGES,
    commands=(CommandRecord("kubectl get pvc,sc -n shop", "read", 0, 0.2),),
    metrics={"seconds": 4.1},
)


CUT_SHORT = dataclasses.replace(
    DIAGNOSIS,
    limits=(
        "H3 could not be tested: you may not list networkpolicies in shop",
        "Time is up (60 s, [budget] troubleshooting_seconds): this is the best answer so far, not everything was tested.",
        "Not seen: secrets (forbidden)",
        "Not seen: the host of node worker-2: ssh to it is not allowed, [hosts] allow",
        "Not seen: metrics (no metrics-server)",
    ),
)
"""The same diagnosis, by someone who may not see everything."""


def command(id: str, text: str, lines: tuple[str, ...], seconds: float = 0.2) -> list[Event]:
    """A read command from proposal to exit."""
    return [
        CommandProposed(id=id, command=text, stages=(tuple(text.split()),), verdict=READ),
        CommandStarted(id=id, command=text),
        CommandOutput(id=id, stream="stdout", lines=lines),
        CommandFinished(id=id, exit_code=0, seconds=seconds, bytes=sum(map(len, lines)) + len(lines)),
    ]


GET_PVC = (
    "NAME               STATUS    VOLUME   CAPACITY   STORAGECLASS   AGE",
    "data-orders-db-0   Pending                       premium-ssd    8m",
)
DESCRIBE = (
    "Events:",
    "  Type     Reason            Age  From               Message",
    "  Warning  FailedScheduling  8m   default-scheduler  0/3 nodes are available: pod has unbound immediate PersistentVolumeClaims.",
)


def until_testing() -> list[Event]:
    """The first half of the investigation: a hypothesis is being tested."""
    return [
        QueryClassified(tier="troubleshooting", reason='"502", "why"'),
        StepStarted(id="s1", title="reading the runbooks", kind="search"),
        PassagesFound(passages=PASSAGES),
        StepFinished(id="s1", seconds=0.1, detail="2 passages"),
        StepStarted(id="s2", title="looking at the cluster", kind="cluster"),
        FindingsFound(findings=(), scanned={"pods": 200, "services": 14}),
        StepFinished(id="s2", seconds=0.4, detail="214 objects, 3 findings"),
        *(EvidenceAdded(evidence=evidence) for evidence in EVIDENCE),
        HypothesisUpdated(hypothesis=Hypothesis("H1", "claim of orders-db cannot bind", "testing", 0.6, ("E4",))),
        *command("c1", "kubectl get pvc,sc -n shop", GET_PVC),
        *command("c2", "kubectl describe pod orders-db-0 -n shop", DESCRIBE, 0.3),
        HypothesisUpdated(hypothesis=Hypothesis("H2", "orders-db out of memory", "proposed", 0.2)),
        StepStarted(id="s3", title="testing H2: orders-db out of memory", kind="kubectl"),
    ]


def until_answer(answer: Answer = DIAGNOSIS) -> list[Event]:
    """The second half, with the words of a model."""
    return [
        StepFinished(id="s3", seconds=0.2, detail="refuted"),
        *(HypothesisUpdated(hypothesis=hypothesis) for hypothesis in HYPOTHESES),
        StepStarted(id="s4", title="wording the answer", kind="model"),
        TokensStreamed(text="The claim asks for a class that **does not exist** [E5].\n\n"),
        TokensStreamed(text="- two classes are there [E6]\n- nothing is lost: the claim is empty\n"),
        StepFinished(id="s4", seconds=2.6),
        AnswerFinished(answer=answer),
    ]


def informational() -> list[Event]:
    """A question with a table for an answer."""
    return [
        QueryClassified(tier="informational", reason="list"),
        *command("c1", "kubectl get pvc -n shop", GET_PVC),
        AnswerFinished(
            answer=Answer("informational", "One claim waits:\n\n```\n" + "\n".join(GET_PVC) + "\n```\n\nIt asks for `premium-ssd`.")
        ),
        Notice(level="info", text="storage classes are cluster-wide"),
    ]


def a_scale(id: str = "a1", **changes: object) -> ApprovalRequest:
    """A change that can be undone."""
    fields: dict[str, object] = {
        "id": id,
        "command": "kubectl scale deployment cart-api --replicas=3 -n shop",
        "argv": ("kubectl", "scale", "deployment", "cart-api", "--replicas=3", "--namespace", "shop"),
        "verdict": Verdict("mutate", "kubectl scale", "changes how many pods run"),
        "context": "demo",
        "namespace": "shop",
        "user": "viewer",
        "touches": (ObjectRef("Deployment", "shop", "cart-api"),),
        "touches_note": "2 replicas now",
        "dry_run": DryRun(True, "deployment.apps/cart-api scaled (server dry run)", (" spec:", "-  replicas: 2", "+  replicas: 3")),
        "why": "asked for",
        "undo": "kubectl scale deployment cart-api --replicas=2 -n shop",
    }
    return ApprovalRequest(**{**fields, **changes})  # type: ignore[arg-type]


def a_delete(id: str = "a2", **changes: object) -> ApprovalRequest:
    """A change that cannot be taken back, in a protected context."""
    fields: dict[str, object] = {
        "command": "kubectl delete pvc data-orders-db-0 -n orders",
        "argv": ("kubectl", "delete", "pvc", "data-orders-db-0", "--namespace", "orders"),
        "verdict": Verdict("destructive", "kubectl delete", "deletes an object that the cluster cannot bring back"),
        "context": "prod-eu",
        "namespace": "orders",
        "user": "jane",
        "touches": (DB,),
        "touches_note": "Pending, no data",
        "dry_run": DryRun(
            True,
            "accepted by the server",
            ("- persistentvolumeclaim/data-orders-db-0", "-   storageClassName: premium-ssd", "-   storage: 20Gi"),
        ),
        "why": "the claim asks for a StorageClass that does not exist",
        "evidence": ("E5", "E6"),
        "undo": "its manifest is saved; /undo re-creates it",
        "protected": True,
        "typed_name": "data-orders-db-0",
    }
    return a_scale(id, **{**fields, **changes})

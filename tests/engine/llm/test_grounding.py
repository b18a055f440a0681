"""What an answer may say: what somebody saw. The rest is marked, once, where it stands."""

from __future__ import annotations

import pytest

from engine.core.types import Evidence, ObjectRef
from engine.llm.checks.grounding import MARK, STRUCK, Flag, ground

EVIDENCE = (
    Evidence("log of Pod/checkout-api-7d9f4-x2x", 'KeyError: "STRIPE_API_KEY"\n  exiting with code 1', "E1"),
    Evidence("Pod/checkout-api-7d9f4-x2x .spec.containers[0].image", "ghcr.io/acme/checkout-api:1.4.2", "E2"),
    Evidence("top", "memory 61Mi of 64Mi, 95%, restarts 12", "E3", object=ObjectRef("Pod", "shop", "checkout-api-7d9f4-x2x")),
)
KNOWN = (ObjectRef("Deployment", "shop", "checkout-api"), ObjectRef("Secret", "shop", "stripe"))
COMMANDS = ("kubectl -n shop set env deployment/checkout-api --from=secret/stripe",)


def flagged(text: str, **more) -> tuple[Flag, ...]:
    return ground(text, EVIDENCE, KNOWN, COMMANDS, **more).flagged


FAITHFUL = [
    "Deployment checkout-api in namespace shop starts without `STRIPE_API_KEY` and exits with code 1. [E1]",
    "The pod checkout-api-7d9f4-x2x restarted 12 times and uses 61Mi of its 64Mi (95%). [E3]",
    'The log says "exiting with code 1".',
    'The log says "KeyError … exiting".',
    "It runs ghcr.io/acme/checkout-api:1.4.2 [E2].",
    "Fix: `kubectl -n shop set env deployment/checkout-api --from=secret/stripe`",
    "Fix: kubectl set env deploy/checkout-api --from=secret/stripe -n shop.",
    "```bash\nkubectl  -n shop set env deployment/checkout-api --from=secret/stripe\n```",
    "Run kubectl -n shop set env deployment/checkout-api --from=secret/stripe and wait for the rollout.",
    "1. Set the variable.\n2. Wait.\n3. Look again.",
    "Add a `readinessProbe`, set `runAsNonRoot`, and the Deployment is fine; a read-only, well-known, up-to-date pod is better.",
    "The service has no endpoints because the selector matches nothing; the pod restarts, and the container exits.",
]


@pytest.mark.parametrize("text", FAITHFUL)
def test_what_was_seen_is_left_as_it_stands(text):
    assert ground(text, EVIDENCE, KNOWN, COMMANDS).text == text


INVENTED = [
    ("The pod ledger-api-55c-k9 fails.", Flag("object", "ledger-api-55c-k9")),
    ("It needs Secret/stripe-live to start.", Flag("object", "stripe-live")),
    ("Look at `payment-gateway` first.", Flag("object", "payment-gateway")),
    ("It runs in namespace payments.", Flag("object", "payments")),
    ("orders-db-0 is the culprit.", Flag("object", "orders-db-0")),
    ("It exits with code 137.", Flag("number", "137")),
    ("It uses 512Mi.", Flag("number", "512Mi")),
    ("It restarted 1,204 times.", Flag("number", "1,204")),
    ("It runs ghcr.io/acme/checkout-api:1.5.", Flag("image", "ghcr.io/acme/checkout-api:1.5")),
    ("It runs nginx:latest now.", Flag("image", "nginx:latest")),
    ('The log says "connection refused".', Flag("quotation", "connection refused")),
    ("The log says “connection refused”.", Flag("quotation", "connection refused")),
    ("The variable PAYPAL_TOKEN is missing.", Flag("quotation", "PAYPAL_TOKEN")),
    ("It writes to `/app/cache`.", Flag("quotation", "/app/cache")),
    ("The key is missing. [E9]", Flag("citation", "E9")),
]


@pytest.mark.parametrize(("text", "flag"), INVENTED, ids=[f.text for _, f in INVENTED])
def test_what_nobody_saw_is_flagged_and_marked_behind_its_words(text, flag):
    found = ground(text, EVIDENCE, KNOWN, COMMANDS)
    assert found.flagged == (flag,)
    assert found.text.count(MARK) == 1
    assert found.text.replace(f" {MARK}", "") == text
    assert flag.text in found.text.split(MARK)[0]


def test_a_prefix_of_another_name_is_not_that_name():
    assert flagged("The pod checkout-api-7d9 fails.") == (Flag("object", "checkout-api-7d9"),)
    assert flagged("It runs ghcr.io/acme/checkout-api:1.4.") == (Flag("image", "ghcr.io/acme/checkout-api:1.4"),)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Fix: `kubectl delete ns shop` now, `kubectl delete ns shop`!", f"Fix: {STRUCK} now, {STRUCK}!"),
        ("Fix: kubectl delete ns shop.", f"Fix: {STRUCK}."),
        ("```bash\nkubectl delete ns shop\n```\nDone.", f"```bash\n# {STRUCK[1:-1]}\n```\nDone."),
        ("```\n$ kubectl delete ns shop\n```", f"```\n# {STRUCK[1:-1]}\n```"),
    ],
)
def test_a_command_that_nobody_checked_is_left_out_wherever_it_stands(text, left):
    found = ground(text, EVIDENCE, KNOWN, COMMANDS)
    assert found.text == left
    assert found.flagged == (Flag("command", found.flagged[0].text),)
    assert found.flagged[0].text.endswith("kubectl delete ns shop")


@pytest.mark.parametrize(
    "other",
    [
        "kubectl -n shop set env deployment/checkout-api --from=secret/stripe --overwrite",
        "kubectl -n shop set env deployment/checkout-api --from=secret/stripe deployment/cart-api",
        "kubectl -n billing set env deployment/checkout-api --from=secret/stripe",
        "kubectl -n shop set env deployment/checkout-api",
    ],
)
def test_a_command_with_another_word_or_place_is_another_command(other):
    assert flagged(f"`{other}`") == (Flag("command", other),)
    assert flagged(f"Fix: {other}")[0] == Flag("command", other)


def test_the_same_claim_is_marked_once():
    found = ground("It exits with 137. Again: 137.", EVIDENCE)
    assert found.text == f"It exits with 137 {MARK}. Again: 137."


def test_the_result_of_the_checks_and_the_question_count_as_seen():
    assert flagged("It waits for claim data-orders-db-0 of 10Gi. [E7]", trusted="PVC data-orders-db-0 asks for 10Gi [E7]") == ()


def test_a_command_that_the_result_names_in_a_sentence_is_known():
    assert flagged("Run `kubectl uncordon node-1`.", trusted="Fix: kubectl uncordon node-1.") == ()
    assert flagged("Run kubectl uncordon node-1 (it changes the node).", trusted="     kubectl uncordon node-1   (mutate)") == ()


def test_manifests_and_programs_are_not_claims():
    assert flagged("```yaml\nimage: nginx:1.27\nreplicas: 5\n```") == ()


def test_an_empty_answer_stays_empty():
    assert ground("", ()).text == ""

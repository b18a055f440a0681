"""What a diagnosis may say: no cause for what is healthy, none of a name that is nowhere; and a complaint is never an order."""

import itertools
import random
from pathlib import Path

import pytest

from engine.analyzers.check import Report, check
from engine.analyzers.common.view import ClusterView
from engine.analyzers.diagnosis.rank import diagnose
from engine.analyzers.diagnosis.relevance_gate import is_well
from engine.cluster.source import ClusterSource
from engine.core.paths import resource_path
from engine.core.types import ObjectRef
from engine.flows.answering.relevance import Scope, gated
from engine.language.linking.inventory import Inventory
from engine.language.understand import understand
from engine.language.wants import classify

PHRASINGS = (
    "is {} healthy?",
    "why is {} broken?",
    "why is {} down?",
    "what is wrong with {}?",
    "{} is not ready",
    "{} keeps crashing",
    "why does {} restart all the time?",
    "{} is stuck in CrashLoopBackOff",
    "{} never starts",
    "is {} ok and since when?",
)
DEV = Path(__file__).parents[4] / "shared" / "data" / "clusters" / "dev.tar.gz"


class Cluster:
    """A recording with its check made once, so that many questions can be asked of it."""

    def __init__(self, source: ClusterSource) -> None:
        self.source = source
        self.view = ClusterView.of(source, None)
        self.report: Report = check(self.view)
        self.inventory = Inventory(source, "")

    def asked(self, query: str) -> tuple[list[str], Scope]:
        """The root causes that may be given to a question, and the scope of its answer."""
        request = understand(query, self.inventory)[0]
        focus = [ref for ref in request.refs if ref.kind != "Namespace"]
        diagnosis = diagnose(self.view, request.spelt_out, focus=focus, report=self.report)
        kept, scope = gated(request, self.view, diagnosis)
        return [root.finding.summary for root in kept.root_causes], scope

    def healthy(self) -> list[ObjectRef]:
        """Workloads that are ready and that no finding of weight is about, nor about a Service of their name."""
        weighty = [finding for finding in self.report.findings if finding.severity != "info"]
        bad = {(ref.namespace, ref.name) for finding in weighty for ref in (finding.object, finding.owner) if ref is not None}
        kinds = ("deployments.apps", "statefulsets.apps", "daemonsets.apps")
        tops = [obj for kind in kinds for obj in self.view.all(kind)]
        return [obj.ref for obj in tops if is_well(self.view, obj.ref) and (obj.namespace, obj.name) not in bad]


@pytest.fixture(scope="module")
def cluster() -> Cluster:
    from conftest import open_recording

    return Cluster(open_recording(resource_path("demo"), title="demo"))


def healthy_ones_with_a_cause(cluster: Cluster, refs: list[ObjectRef]) -> list[str]:
    return [
        f"{phrasing.format(ref.name)}: {roots[0]}"
        for ref in refs
        for phrasing in PHRASINGS
        for roots in [cluster.asked(phrasing.format(f"{ref.name} in {ref.namespace}"))[0]]
        if roots
    ]


def test_a_healthy_workload_is_never_given_a_root_cause(cluster: Cluster) -> None:
    refs = cluster.healthy()
    assert {"cart-api", "payments-api", "storefront-web"} <= {ref.name for ref in refs}
    assert healthy_ones_with_a_cause(cluster, refs) == []


@pytest.mark.skipif(not DEV.is_file(), reason="the development recording is not here")
def test_a_healthy_workload_of_a_cluster_full_of_faults_is_never_given_one_either() -> None:
    from conftest import open_recording

    dev = Cluster(open_recording(DEV, title="dev"))
    refs = dev.healthy()
    assert len(refs) >= 10
    assert healthy_ones_with_a_cause(dev, refs) == []


def test_a_name_that_is_nowhere_never_gets_a_diagnosis(cluster: Cluster) -> None:
    shaped = random.Random(7)
    syllables = "ba ko lu mir zen tra vex qui dor pla nim sor fet gul".split()
    names = ["".join(shaped.sample(syllables, 3)) for _ in range(25)]
    names += [f"{a}-{b}" for a, b in itertools.pairwise(names)]
    names += ["flux capacitor", "jenkins", "grafana", "warp drive", "order-of-things-9"]
    phrasings = (*PHRASINGS, "the {} pod crashes", "deployment {} is pending", "why does {} return 503?", "{} is slow since noon")
    wrong = []
    for name, phrasing in itertools.product(names, phrasings):
        roots, scope = cluster.asked(phrasing.format(name))
        if roots or not scope.not_found:
            wrong.append(phrasing.format(name))
    assert wrong == []


VERBS = (
    "scale {} to 3", "restart {}", "delete pod {}", "delete namespace {}", "kubectl delete deployment {}",
    "kubectl scale deployment {} --replicas=3",
    "drain node {}", "cordon {}", "roll back {}", "kubectl rollout restart deployment {}", "set image of {} to nginx:1.27",
    "suspend cronjob {}", "apply the manifest of {}", "kubectl apply of {}", "expose {}", "autoscale {}", "patch {}", "kubectl drain {}",
)  # fmt: skip
ENDINGS = (
    "never finishes", "does nothing", "hangs", "fails", "is stuck", "times out", "has no effect", "doesn't work", "keeps failing",
    "gets rejected", "returns an error", "takes forever", "does not finish", "is denied", "did nothing", "won't complete", "is forbidden",
    "but nothing happens", "says forbidden", "shows an error", "stays at 50%",
)  # fmt: skip
OBJECTS = ("cart-api", "checkout-api-7944499549-rmvz9", "worker-2")


def test_no_complaint_becomes_an_action() -> None:
    complaints = [f"{verb.format(name)} {ending}" for verb, ending, name in itertools.product(VERBS, ENDINGS, OBJECTS)]
    assert len(complaints) >= 1000
    assert [text for text in complaints if classify(text).tier == "action"] == []


def test_a_symptom_that_nothing_shows_is_said_before_what_is_wrong_instead(cluster: Cluster) -> None:
    roots, scope = cluster.asked("Pod keeps getting OOMKilled")
    assert roots == []
    assert "No pod in any namespace was OOM-killed" in scope.absent[0]
    assert "What is wrong instead" in scope.elsewhere


def test_a_part_in_trouble_gets_its_own_cause_and_the_rest_is_elsewhere(cluster: Cluster) -> None:
    roots, scope = cluster.asked("why is checkout-api restarting?")
    assert "STRIPE_API_KEY" in roots[0]
    assert len(roots) == 1
    assert "critical finding" in scope.elsewhere

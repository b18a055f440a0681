"""What a person is shown before a change, and what makes an approval void; on the real kubectl and a recorded cluster."""

from __future__ import annotations

import dataclasses
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.cluster.recordings.recorded_cluster import RecordedCluster
from engine.commands.approval.approval import Approvals, difference, digest, fingerprint
from engine.commands.approval.preview import Preview, preview
from engine.commands.execution.runner import Runner, RunnerSettings
from engine.commands.kubectl.call import read_call
from engine.commands.kubectl.manifests import copy_manifests
from engine.commands.kubectl.pinning import pin
from engine.commands.parsing.lexer import Script, parse
from engine.commands.policy.policy import Policy, PolicySettings
from engine.core.cancel import CancelToken
from engine.core.redaction.redactor import Redactor
from engine.core.target import Place
from engine.core.types import ApprovalRequest
from engine.simulator.apiserver import ApiServer
from engine.simulator.overlay import Overlay

KUBECTL = next(
    (path for path in (Path(sys.executable).parent / "kubectl", Path(shutil.which("kubectl") or "/nowhere")) if path.exists()),
    None,
)
needs_kubectl = pytest.mark.skipif(KUBECTL is None, reason="no kubectl is installed")


@dataclasses.dataclass
class Bench:
    """A writable recording, served, with all that an approval needs."""

    runner: Runner
    approvals: Approvals
    place: Place
    folder: Path
    policy: Policy
    source: Overlay

    def script(self, text: str) -> Script:
        return pin(copy_manifests(parse(text), self.folder / "manifests", self.folder), "", self.place.namespace)

    def request(self, text: str) -> ApprovalRequest:
        script = self.script(text)
        return self.approvals.prepare("A1", text, script, self.policy.judge_script(script), why="because", evidence=("E1",))


@pytest.fixture
def bench(demo: RecordedCluster, tmp_path: Path) -> Iterator[Bench]:
    overlay = Overlay(demo)
    with ApiServer(overlay, writable=True) as server:
        settings = RunnerSettings(kubectl=KUBECTL, kubeconfig=server.kubeconfig(tmp_path / "config"), cache=tmp_path / "cache")
        place = Place("demo", "shop", server=server.url, user="demo")
        runner = Runner(settings)
        policy = Policy(PolicySettings(workspace=str(tmp_path / "manifests")))
        yield Bench(runner, Approvals(runner, policy, place, Redactor(), CancelToken()), place, tmp_path, policy, overlay)


@needs_kubectl
@pytest.mark.kubectl
def test_a_scale_shows_object_dry_run_difference_and_way_back(bench: Bench) -> None:
    request = bench.request("kubectl scale deployment cart-api --replicas=3")
    assert [str(ref) for ref in request.touches] == ["Deployment/cart-api"]
    assert request.touches_note == "1 Deployment"
    assert request.dry_run is not None and request.dry_run.ok
    assert "-  replicas: 2" in request.dry_run.diff
    assert "+  replicas: 3" in request.dry_run.diff
    assert "--replicas=2" in request.undo
    assert request.namespace == "shop"
    assert request.typed_name == ""
    assert request.why == "because"
    assert 290 < request.expires_at - time.time() <= 300


@needs_kubectl
@pytest.mark.kubectl
def test_a_restart_has_no_dry_run_and_says_whose_it_shows(bench: Bench) -> None:
    request = bench.request("kubectl rollout restart deployment/cart-api")
    assert request.dry_run is not None and request.dry_run.ok
    assert "equal patch" in request.dry_run.how
    assert any("restartedAt" in line for line in request.dry_run.diff)


@needs_kubectl
@pytest.mark.kubectl
def test_a_refused_dry_run_is_told_before_asking(bench: Bench) -> None:
    request = bench.request("kubectl set image deployment/cart-api nosuch=x:1")
    assert request.dry_run is not None
    assert not request.dry_run.ok
    assert "nosuch" in request.dry_run.text


@needs_kubectl
@pytest.mark.kubectl
def test_a_bulk_change_is_counted_and_its_count_typed(bench: Bench) -> None:
    request = bench.request("kubectl delete pods --all")
    assert len(request.touches) > 1
    assert request.typed_name == str(len(request.touches))
    assert request.verdict.risk == "destructive"


@needs_kubectl
@pytest.mark.kubectl
def test_a_protected_context_asks_for_the_name_also_for_small_changes(bench: Bench) -> None:
    protected = Approvals(bench.runner, bench.policy, dataclasses.replace(bench.place, protected=True), Redactor(), CancelToken())
    script = bench.script("kubectl scale deployment cart-api --replicas=3")
    request = protected.prepare("A1", "x", script, bench.policy.judge_script(script))
    assert request.protected
    assert request.typed_name == "cart-api"


@needs_kubectl
@pytest.mark.kubectl
def test_an_untouched_object_keeps_the_approval(bench: Bench) -> None:
    script = bench.script("kubectl scale deployment cart-api --replicas=3")
    request = bench.request("kubectl scale deployment cart-api --replicas=3")
    assert bench.approvals.recheck(request, script).changed == ""


@needs_kubectl
@pytest.mark.kubectl
def test_an_object_that_changed_under_way_voids_it(bench: Bench) -> None:
    script = bench.script("kubectl scale deployment cart-api --replicas=3")
    request = bench.request("kubectl scale deployment cart-api --replicas=3")
    assert bench.runner.run(bench.script("kubectl scale deployment cart-api --replicas=1")).ok
    assert "changed since" in bench.approvals.recheck(request, script).changed


@needs_kubectl
@pytest.mark.kubectl
def test_an_object_that_went_voids_it(bench: Bench) -> None:
    script = bench.script("kubectl label deployment cart-api team=a")
    request = bench.request("kubectl label deployment cart-api team=a")
    assert bench.runner.run(bench.script("kubectl delete deployment cart-api")).ok
    assert bench.approvals.recheck(request, script).changed


@needs_kubectl
@pytest.mark.kubectl
def test_another_command_and_a_late_answer_void_it(bench: Bench) -> None:
    request = bench.request("kubectl scale deployment cart-api --replicas=3")
    other = bench.script("kubectl scale deployment cart-api --replicas=4")
    assert "not the one" in bench.approvals.recheck(request, other).changed
    late = dataclasses.replace(request, expires_at=time.time() - 1)
    assert "expired" in bench.approvals.recheck(late, bench.script("kubectl scale deployment cart-api --replicas=3")).changed


@needs_kubectl
@pytest.mark.kubectl
def test_a_manifest_is_copied_shown_and_bound(bench: Bench) -> None:
    source = bench.folder / "cm.yaml"
    source.write_text("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: made\ndata:\n  DB_PASSWORD: hunter22\n  mode: fast\n")
    script = bench.script("kubectl apply -f cm.yaml")
    judgement = bench.policy.judge_script(script)
    assert judgement.verdict.risk == "mutate"
    request = bench.approvals.prepare("A1", "kubectl apply -f cm.yaml", script, judgement)
    assert "mode: fast" in request.manifest
    assert "hunter22" not in request.manifest
    source.write_text("apiVersion: v1\nkind: Namespace\nmetadata:\n  name: other\n")
    assert bench.approvals.recheck(request, script).changed == ""
    copy = next((bench.folder / "manifests").iterdir())
    copy.write_text("apiVersion: v1\nkind: Namespace\nmetadata:\n  name: other\n")
    assert bench.approvals.recheck(request, script).changed


@needs_kubectl
@pytest.mark.kubectl
def test_a_dead_server_is_told_and_approves_nothing(bench: Bench) -> None:
    script = bench.script("kubectl scale deployment cart-api --replicas=3")
    request = bench.request("kubectl scale deployment cart-api --replicas=3")
    nowhere = Runner(dataclasses.replace(bench.runner.settings, kubeconfig=bench.folder / "missing"))
    dead = Approvals(nowhere, bench.policy, bench.place, Redactor(), CancelToken())
    assert dead.recheck(request, script).changed


def _preview(text: str) -> Preview:
    return preview(read_call(parse(text).stages[0].argv), Policy().judge_argv)


def test_which_reads_prepare_a_change() -> None:
    for text, live, dry_run in (
        (
            "kubectl delete pod web-0 -n web",
            "kubectl get pods/web-0 -o json -n web --ignore-not-found",
            "kubectl delete pod web-0 -n web --dry-run=server",
        ),
        (
            "kubectl delete pods -l app=web -n web",
            "kubectl get pods -o json -n web -l app=web",
            "kubectl delete pods -l app=web -n web --dry-run=server",
        ),
        (
            "kubectl delete secret db -n web",
            "kubectl get secrets/db -o name -n web --ignore-not-found",
            "kubectl delete secret db -n web --dry-run=server",
        ),
        ("kubectl exec web-0 -n web -- ls", "kubectl get pods/web-0 -o json -n web --ignore-not-found", ""),
        (
            "kubectl drain worker-1 --ignore-daemonsets",
            "kubectl get nodes/worker-1 -o json --ignore-not-found",
            "kubectl drain worker-1 --ignore-daemonsets --dry-run=server",
        ),
        ("kubectl create namespace x", "", "kubectl create namespace x --dry-run=server"),
        (
            "kubectl delete deployments.v1.apps/web",
            "kubectl get deployments.v1.apps/web -o json --ignore-not-found",
            "kubectl delete deployments.v1.apps/web --dry-run=server",
        ),
    ):
        plan = _preview(text)
        assert (" ".join(plan.live), " ".join(plan.dry_run)) == (live, dry_run)


def test_every_preview_is_a_read_with_a_server_dry_run_or_there_is_none() -> None:
    for text in (
        "kubectl scale deploy web --replicas=2",
        "kubectl delete pod web-0",
        "kubectl label pod web-0 a=b",
        "kubectl cordon worker-1",
        "kubectl rollout restart deploy/web",
        # Values of flags that look like flags must not be taken for them.
        "kubectl scale deploy web --replicas=0 -o go-template --template '--dry-run{'",
        "kubectl scale deploy web --replicas=0 --template '{{.kind}}--' -o go-template --dry-run=none",
        "kubectl set image deploy/web a=b --field-manager --dry-run",
        "kubectl set image deploy/web a=b --field-manager --dry-run=client",
        "kubectl set image deploy/web a=b --field-manager --",
        "kubectl label pod web-0 a=b --field-manager -- --dry-run=none",
        "kubectl run x --image=busybox --field-manager -- -- ls",
        "kubectl -n --dry-run=server scale deploy web --replicas=0",
    ):
        plan = _preview(text)
        for argv in (plan.live, plan.dry_run, plan.result):
            if argv:
                assert Policy().judge_argv(argv).risk == "read", argv
        for argv in (plan.dry_run, plan.result):
            if argv:
                assert read_call(argv).parsed.all("dry-run") == ("server",), argv


def test_pinning_adds_the_place_where_kubectl_reads_it() -> None:
    for text in (
        "kubectl set image deploy/web a=b --field-manager --",
        "kubectl label pod web-0 a=b --field-manager -- -l app=x",
        "kubectl exec web-0 -- ls --",
        "kubectl get pods --template '--context=other{' -o go-template",
        "oc status --suggest",
        "oc start-build web",
        "oc adm drain node-1",
    ):
        argv = pin(parse(text), "prod", "shop").stages[0].argv
        if argv[:2] in (("oc", "status"), ("oc", "start-build")):
            assert argv[-4:] == ("--context", "prod", "--namespace", "shop")
        else:
            assert read_call(argv).last("context") == "prod", argv
    for text in ("helm upgrade web ./charts/web --set --kube-context=other", "helm list --filter -n"):
        argv = pin(parse(text), "prod", "shop").stages[0].argv
        assert argv[-4:] == ("--kube-context", "prod", "--namespace", "shop"), argv


@needs_kubectl
@pytest.mark.kubectl
def test_a_refused_change_has_changed_nothing_whatever_its_flags_look_like(bench: Bench) -> None:
    before = bench.source.get("deployments.apps", "shop", "cart-api")["spec"]
    for tail in ("-o go-template --template '--dry-run{'", "--template '--dry-run{' -o go-template --dry-run=none"):
        bench.request(f"kubectl scale deployment cart-api --replicas=0 {tail}")
    for tail in ("--field-manager --dry-run", "--field-manager --dry-run=server", "--field-manager --"):
        bench.request(f"kubectl set env deployment/cart-api LOG=1 {tail}")
    assert bench.source.get("deployments.apps", "shop", "cart-api")["spec"] == before


Change = Callable[[dict[str, object]], dict[str, object]]


def test_a_digest_is_bound_to_everything_in_it() -> None:
    base = digest([["a"]], {"A": "1"}, ("ctx",), ["f"], ["o"])
    assert base == digest([["a"]], {"A": "1"}, ("ctx",), ["f"], ["o"])
    for other in (
        digest([["a", ""]], {"A": "1"}, ("ctx",), ["f"], ["o"]),
        digest([["a"]], {"A": "2"}, ("ctx",), ["f"], ["o"]),
        digest([["a"]], {"A": "1"}, ("other",), ["f"], ["o"]),
        digest([["a"]], {"A": "1"}, ("ctx",), ["g"], ["o"]),
        digest([["a"]], {"A": "1"}, ("ctx",), ["f"], ["p"]),
    ):
        assert other != base


def test_a_fingerprint_sees_the_wanted_state_and_not_the_status() -> None:
    item = {"kind": "Pod", "metadata": {"uid": "1", "name": "a", "resourceVersion": "5"}, "spec": {"x": 1}, "status": {"phase": "Running"}}
    assert fingerprint(item) == fingerprint({**item, "status": {"phase": "Failed"}})
    assert fingerprint(item) != fingerprint({**item, "spec": {"x": 2}})
    assert fingerprint(item) != fingerprint({**item, "metadata": {"uid": "2", "name": "a"}})


def test_a_difference_leaves_the_servers_noise_out() -> None:
    before = {"metadata": {"resourceVersion": "1", "name": "a"}, "spec": {"n": 1}, "status": {"s": 1}}
    after = {"metadata": {"resourceVersion": "2", "name": "a"}, "spec": {"n": 2}, "status": {"s": 2}}
    assert [line for line in difference(before, after) if line[0] in "+-"] == ["-  n: 1", "+  n: 2"]

"""Attacks on the way from text to a process, through the real pipeline, runner and kubectl: what a person refuses has not happened."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.cluster.recordings.recorded_cluster import RecordedCluster
from engine.commands.execution.runner import Runner, RunnerSettings
from engine.commands.pipeline import CommandPipeline, Grants, Outcome
from engine.commands.policy.policy import Policy, PolicySettings
from engine.commands.records.audit import verify
from engine.commands.records.records import Records
from engine.core.cancel import CancelToken
from engine.core.events import Event
from engine.core.redaction.redactor import Redactor
from engine.core.target import Place
from engine.core.types import ApprovalRequest, Decision
from engine.simulator.apiserver import ApiServer
from engine.simulator.overlay import Overlay

KUBECTL = next(
    (path for path in (Path(sys.executable).parent / "kubectl", Path(shutil.which("kubectl") or "/nowhere")) if path.exists()),
    None,
)
pytestmark = [pytest.mark.skipif(KUBECTL is None, reason="no kubectl is installed"), pytest.mark.kubectl]
SECRET = "apiVersion: v1\nkind: Secret\nmetadata: {name: db, namespace: shop}\nstringData: {password: hunter2-from-the-file}\n"
NO = Decision("reject", "no")
YES = Decision("approve")


class Desk:
    """A pipeline over a writable recording; `answer` is what the person does when asked."""

    def __init__(self, source: Overlay, server: ApiServer, folder: Path) -> None:
        self.source = source
        self.folder = folder
        self.kubeconfig = server.kubeconfig(folder / "config")
        self.records = Records(folder / "state", "s1")
        self.events: list[Event] = []
        self.asked: list[ApprovalRequest] = []
        self.answer: Callable[[ApprovalRequest], Decision] = lambda request: NO
        settings = RunnerSettings(kubectl=KUBECTL, kubeconfig=self.kubeconfig, cache=folder / "cache")
        self.pipeline = CommandPipeline(
            policy=Policy(PolicySettings(workspace=str(self.records.workspace))),
            runner=lambda seconds, cluster: Runner(settings),
            place=Place("demo", "shop", server=server.url, user="demo", recording=True),
            source=source,
            emit=self.events.append,
            ask=self._ask,
            token=CancelToken(),
            redactor=Redactor(),
            grants=Grants(),
            records=self.records,
            base=folder,
        )

    def _ask(self, request: ApprovalRequest) -> Decision:
        self.asked.append(request)
        return self.answer(request)

    def run(self, text: str) -> Outcome:
        return self.pipeline.run(text)

    def deployment(self) -> dict[str, object]:
        return dict(self.source.get("deployments.apps", "shop", "cart-api"))

    def shown(self) -> str:
        return "\n".join(map(str, [*self.events, *self.asked]))


@pytest.fixture
def desk(demo: RecordedCluster, tmp_path: Path) -> Iterator[Desk]:
    overlay = Overlay(demo)
    with ApiServer(overlay, writable=True) as server:
        made = Desk(overlay, server, tmp_path)
        yield made
        made.records.close()


def test_a_refused_change_did_not_happen_in_its_preview(desk: Desk) -> None:
    before = desk.deployment()["spec"]
    for text in (
        "kubectl scale deployment cart-api --replicas=0 -o go-template --template '--dry-run{'",
        "kubectl scale deployment cart-api --replicas=0 --template '--dry-run{' -o go-template --dry-run=none",
        "kubectl set env deployment/cart-api LOG=1 --field-manager --dry-run",
        "kubectl set env deployment/cart-api LOG=1 --field-manager --dry-run=server",
        "kubectl set image deployment/cart-api x=y --field-manager --",
        "kubectl --help=t scale deployment cart-api --replicas=0 --help=f",
    ):
        assert desk.run(text).status in ("rejected", "refused"), text
        assert desk.deployment()["spec"] == before, text
    assert desk.asked


def test_filters_that_are_programs_start_nothing(desk: Desk, tmp_path: Path) -> None:
    mark = tmp_path / "started"
    for text in (
        f"kubectl get ns | awk 'BEGIN {{ $ /a=/ ; system(\"touch {mark}\") ; y = 1 / 2 }}'",
        f'kubectl get ns | awk \'{{ while (n++ < 1) /"/ ; system("touch {mark}") ; if (1) /"/ }}\'',
        f"kubectl get ns | awk --field-separator 'BEGIN{{system(\"touch {mark}\")}}' '{{print}}'",
        f"kubectl get ns | awk --assign 'x=1;BEGIN{{system(\"touch {mark}\")}}' '{{print}}'",
        "jq -nR inputs -- --arg x /etc/hostname",
        f"kubectl get ns | sed 's/x/touch {mark}/e'",
    ):
        outcome = desk.run(text)
        assert outcome.status == "refused", (text, outcome)
    assert not mark.exists()


def test_no_way_prints_the_values_of_a_manifest_that_is_a_secret(desk: Desk) -> None:
    (desk.folder / "thing.yaml").write_text(SECRET)
    for text in (
        "kubectl apply -f thing.yaml --dry-run=server -o jsonpath='{.data.password}'",
        "kubectl apply -f thing.yaml --dry-run=server -o go-template='{{range .data}}{{.}}{{end}}'",
        "kubectl apply -Rf thing.yaml --dry-run=client -o yaml",
        "kubectl create --filename=thing.yaml --dry-run=client -o json | rev",
        "kubectl apply -f thing.yaml",
        "kubectl get -f thing.yaml -o yaml",
    ):
        desk.run(text)
    assert "hunter2-from-the-file" not in desk.shown()
    assert "aHVudGVyMi1mcm9t" not in desk.shown()
    # Copies of what was not approved do not stay.
    assert not list(desk.records.workspace.glob("*"))


def test_several_objects_of_one_file_are_a_change_of_many(desk: Desk) -> None:
    (desk.folder / "all.yaml").write_text("".join(f"---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c{n}}}\n" for n in range(3)))
    desk.run("kubectl apply -f all.yaml")
    (request,) = desk.asked
    assert request.verdict.risk == "destructive"
    assert request.typed_name


def test_an_object_that_changes_while_the_person_reads_is_not_touched(desk: Desk) -> None:
    def changes(request: ApprovalRequest) -> Decision:
        found = desk.deployment()
        desk.source.put("deployments.apps", {**found, "spec": {**found["spec"], "replicas": 7}})  # type: ignore[dict-item]
        return YES

    desk.answer = changes
    outcome = desk.run("kubectl scale deployment cart-api --replicas=3")
    assert outcome.status == "rejected"
    assert "changed since" in outcome.reason
    assert desk.deployment()["spec"]["replicas"] == 7  # type: ignore[index]


def test_a_kubeconfig_that_is_repointed_while_the_person_reads_runs_nothing(desk: Desk) -> None:
    def repoints(request: ApprovalRequest) -> Decision:
        desk.kubeconfig.write_text(desk.kubeconfig.read_text().replace("127.0.0.1", "127.0.0.2"))
        return YES

    desk.answer = repoints
    before = desk.deployment()["spec"]
    assert desk.run("kubectl scale deployment cart-api --replicas=3").status == "rejected"
    assert desk.deployment()["spec"] == before


def test_a_manifest_that_is_swapped_while_the_person_reads_runs_as_it_was_shown(desk: Desk) -> None:
    path = desk.folder / "map.yaml"
    path.write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings, namespace: shop}\ndata: {mode: shown}\n")

    def swaps(request: ApprovalRequest) -> Decision:
        path.write_text(path.read_text().replace("shown", "swapped"))
        return YES

    desk.answer = swaps
    outcome = desk.run("kubectl create -f map.yaml")
    assert outcome.result is not None and outcome.result.ok, outcome
    assert desk.source.get("configmaps", "shop", "settings")["data"] == {"mode": "shown"}


def test_undo_saves_what_the_digest_covered_and_the_audit_holds_no_secret(desk: Desk) -> None:
    desk.answer = lambda request: YES
    before = desk.deployment()["spec"]["replicas"]  # type: ignore[index]
    assert desk.run("kubectl scale deployment cart-api --replicas=3").status == "ran"
    entry = desk.records.latest("demo")
    assert entry is not None
    assert entry.objects[0]["spec"]["replicas"] == before
    assert entry.after[0]["spec"]["replicas"] == 3
    desk.run("kubectl get pods | grep 'password=hunter2longsecret'")
    desk.records.close()
    text = next((desk.folder / "state" / "audit").glob("*.jsonl")).read_text()
    assert "hunter2longsecret" not in text
    assert all(json.loads(line) for line in text.splitlines())
    assert all(report.ok for report in verify(desk.folder / "state" / "audit"))

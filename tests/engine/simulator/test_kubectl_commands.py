"""What people type at kubectl, as a table: exit code and key output of the real kubectl on a writable recording.

A row is a command, its exit code (0 where it is left out) and regular expressions that its output matches, or with `!` must not match.
The rows of a group run one after another on the same copy, so that later rows see what earlier ones changed.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from fakes.kubectls import Kubectl, kubectls

from engine.simulator.overlay import Overlay

pytestmark = [pytest.mark.kubectl, pytest.mark.skipif(not kubectls(), reason="no kubectl is installed")]

DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop, labels: {app: web}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: web, image: "registry.test/web:1", ports: [{containerPort: 80}], env: [{name: A, value: b}]}
      - {name: side, image: "registry.test/side:1"}
"""
Row = tuple[str, int, tuple[str, ...]]


def row(command: str, *patterns: str, code: int = 0) -> Row:
    return command, code, patterns


GROUPS: dict[str, list[Row]] = {
    "get": [
        row("get pods -n shop", r"NAME +READY +STATUS +RESTARTS +AGE", r"checkout-api-\S+ +0/1 +CrashLoopBackOff +6 \(\d+m"),
        row("get pods -n shop -o wide", r"NODE +NOMINATED NODE +READINESS GATES", r"10\.244\.0\.\d+ +worker-1 +<none> +<none>"),
        row("get po,svc,deploy -n shop", r"pod/cart-api-", r"service/cart-api", r"deployment\.apps/cart-api +2/2"),
        row("get all -n shop", r"replicaset\.apps/cart-api-", r"deployment\.apps/checkout-api +0/2"),
        row("get deploy/cart-api svc/cart-api -n shop -o name", r"deployment\.apps/cart-api\nservice/cart-api"),
        row("get pods -A --field-selector=status.phase=Pending", r"orders-db-0", r"warehouse-db-0", r"!cart-api"),
        row("get pods -A --field-selector=spec.nodeName=worker-3", r"kube-proxy-", r"!cart-api"),
        row("get pods -n shop -l app.kubernetes.io/name=cart-api", r"cart-api-", r"!checkout"),
        row("get pods -A -l 'app.kubernetes.io/name in (cart-api,mailer),!x'", r"cart-api-", r"mailer-", r"!checkout"),
        row("get pods -n shop --show-labels", r"LABELS", r"app\.kubernetes\.io/name=cart-api"),
        row("get pods -n shop -L app.kubernetes.io/name", r"AGE +NAME\n", r"cart-api\n"),
        row("get pods -A --sort-by=.metadata.creationTimestamp", r"NAMESPACE +NAME", r"kube-proxy(.|\n)*cart-api(.|\n)*blog-engine"),
        row("get pods -n shop --sort-by=.status.containerStatuses[0].restartCount", r"cart-api(.|\n)*checkout-api", r"!<unknown>"),
        row("get deploy -n shop -o jsonpath='{.items[*].metadata.name}'", r"^cart-api checkout-api$"),
        row("get deploy -n shop -o custom-columns=N:.metadata.name,R:.spec.replicas", r"N +R\ncart-api +2"),
        row("get deploy cart-api -n shop -o go-template='{{.spec.replicas}}'", r"^2$"),
        row("get deploy cart-api -n shop -o yaml", r"kind: Deployment", r"apiVersion: apps/v1", r"!managedFields"),
        row("get pods -n shop --no-headers --chunk-size=1", r"!NAME", r"(.*\n){4}"),
        row("get pods -n shop --output-watch-events --watch --request-timeout=3s", r"EVENT +NAME", r"ADDED +cart-api-"),
        row("get nodes", r"worker-2 +NotReady +worker", r"v1\.36\.2"),
        row("get events -n shop --sort-by=.lastTimestamp", r"LAST SEEN +TYPE +REASON +OBJECT +MESSAGE", r"BackOff"),
        row("events -n shop --types=Warning", r"LAST SEEN", r"BackOff", r"!Normal"),
        row("events --for deployment/cart-api -n shop", r"ScalingReplicaSet"),
        row("get pod nope -n shop", r'Error from server \(NotFound\): pods "nope" not found', code=1),
        row("get nope", r'doesn\'t have a resource type "nope"', code=1),
        row("get pods -n nowhere", r"No resources found in nowhere namespace"),
        row("get secrets -A -o yaml", r"kind: Secret", r"!(?m)^    (password|token): \S{3,}"),
        row("get --raw /livez", r"^ok$"),
        row("get --raw /api/v1/namespaces/shop/pods?limit=1", r'"kind":"PodList"', r'"continue":"\w+'),
        row("get cs", r"Warning: v1 ComponentStatus is deprecated"),
    ],
    "describe and logs": [
        row("describe pod -n shop -l app.kubernetes.io/name=checkout-api", r"Last State: +Terminated", r"Back-off restarting|BackOff"),
        row("describe deploy cart-api -n shop", r"NewReplicaSet: +cart-api-\S+ \(2/2 replicas created\)", r"ScalingReplicaSet"),
        row("describe node worker-1", r"Non-terminated Pods: +\(\d+ in total\)", r"Allocated resources", r"Lease:"),
        row("describe svc cart-api -n shop", r"Endpoints: +10\.244\.0\.\d+:\d+,10\."),
        row("describe sts blog-db -n blog", r"Pods Status: +1 Running"),
        row("describe pvc -n orders", r"Status: +Pending", r"ProvisioningFailed|StorageClass"),
        row("describe ing blog -n blog", r"blog\.acme\.example", r"Ingress Class: +nginx"),
        row("describe cj -n blog", r"Schedule: ", r"Last Schedule Time"),
        row("describe netpol -n hr", r"tier=data"),
        row("describe ns shop", r"Status: +Active"),
        row("describe sa default -n shop", r"Name: +default"),
        row("describe nope/x", r"doesn't have a resource type", code=1),
        row("logs deploy/checkout-api -n shop --tail=3", r"Node\.js v20"),
        row("logs -n shop -l app.kubernetes.io/name=checkout-api --prefix --tail=1", r"\[pod/checkout-api-\S+/checkout-api\]"),
        row("logs deploy/checkout-api -n shop --previous --timestamps", r"\d{4}-\d\d-\d\dT\S+ "),
        row("logs deploy/cart-api -n shop --since=1s --all-containers"),
        row("logs deploy/checkout-api -n shop --limit-bytes=5", r"^/usr/(Found|Default|$)"),
        row("logs deploy/checkout-api -n shop -f --tail=1", r"\S"),
        row("logs deploy/cart-api -n shop -c nope", r"container nope is not valid for pod|container.*nope", code=1),
        row("logs deploy/cart-api -n shop -p", r"previous terminated container .* not found", code=1),
    ],
    "cluster": [
        row("version", r"Server Version: v1\.36\.2"),
        row("version -o json", r'"gitVersion": "v1\.36\.2"'),
        row("cluster-info", r"Kubernetes control plane.*is running at", r"CoreDNS"),
        row("api-resources -o name", r"(?m)^deployments\.apps$"),
        row("api-resources --api-group=apps --verbs=list --namespaced=true", r"statefulsets +sts"),
        row("api-versions", r"(?m)^apps/v1$"),
        row("explain pod.spec.containers.livenessProbe", r"KIND: +Pod", r"initialDelaySeconds"),
        row("explain deployment --recursive", r"revisionHistoryLimit"),
        row("explain hpa.spec.metrics", r"MetricSpec"),
        row("auth can-i list pods -A", r"^yes"),
        row("auth can-i delete deployments.apps -n shop", r"^yes"),
        row("auth can-i create pods --subresource=exec -n shop", r"^no", code=1),
        row("auth can-i --list -n shop", r"Resources +Non-Resource URLs", r"\*\.\*"),
        row("auth whoami", r"Username +recording"),
        row("top pods -n shop", r"Metrics API not available", code=1),
        row("top nodes", r"Metrics API not available", code=1),
        row("config view --minify", r"current-context: demo"),
        row("cluster-info dump --namespaces=shop -o json", r'"kind": "NodeList"', r"==== START logs for container checkout-api"),
        row("rollout history deploy/cart-api -n shop", r"REVISION +CHANGE-CAUSE\n1 "),
        row("diff -f -", r"\+.*name: web|\+  name: web", code=1),
    ],
    "create": [
        row("create namespace lab", r"namespace/lab created"),
        row("create namespace lab", r"already exists", code=1),
        row("create configmap settings -n lab --from-literal=a=b", r"configmap/settings created"),
        row("create secret generic token -n lab --from-literal=a=hunter2", r"secret/token created"),
        row("get secret token -n lab -o yaml", r"(?m)^  a: \"\"$", r"!aHVudGVyMg"),
        row("create secret docker-registry pull -n lab --docker-username=u --docker-password=p", r"secret/pull created"),
        row("create secret tls cert -n lab --cert=nope --key=nope", r"no such file", code=1),
        row("create serviceaccount robot -n lab", r"serviceaccount/robot created"),
        row("create role reader -n lab --verb=get,list --resource=pods", r"role.*/reader created"),
        row("create rolebinding reads -n lab --role=reader --serviceaccount=lab:robot", r"rolebinding.*/reads created"),
        row("create clusterrole seer --verb=get --resource=nodes", r"clusterrole.*/seer created"),
        row("create clusterrolebinding sees --clusterrole=seer --user=eve", r"clusterrolebinding.*/sees created"),
        row("create quota q -n lab --hard=pods=9", r"resourcequota/q created"),
        row("create priorityclass high -n lab --value=1000 --description=x", r"priorityclass.*/high created"),
        row("create deployment web -n lab --image=registry.test/web:1 --replicas=2 --port=80", r"deployment.apps/web created"),
        row("rollout status deploy/web -n lab --timeout=30s", r"successfully rolled out"),
        row("expose deploy web -n lab --port=80 --target-port=8080 --type=NodePort", r"service/web exposed"),
        row("get svc web -n lab", r"NodePort +10\.\S+ +<none> +80:3\d{4}/TCP"),
        row("create service clusterip plain -n lab --tcp=80:8080", r"service/plain created"),
        row("create service externalname far -n lab --external-name=x.example", r"service/far created"),
        row("create service nodeport np -n lab --tcp=80", r"service/np created"),
        row("create ingress web -n lab --rule=web.example/*=web:80 --class=nginx", r"ingress.*/web created"),
        row("create job once -n lab --image=registry.test/once:1 -- true", r"job.batch/once created"),
        row("create cronjob tick -n lab --image=registry.test/tick:1 --schedule='*/5 * * * *'", r"cronjob.batch/tick created"),
        row("create job now -n lab --from=cronjob/tick", r"job.batch/now created"),
        row("create pdb web -n lab --selector=app=web --min-available=1", r"poddisruptionbudget.*/web created"),
        row("autoscale deploy web -n lab --min=1 --max=5 --cpu-percent=70", r"horizontalpodautoscaler.*/web autoscaled"),
        row("get hpa web -n lab", r"Deployment/web +cpu: <unknown>/70% +1 +5"),
        row("create token robot -n lab", r"token.*needs a running control plane", code=1),
        row("run alone -n lab --image=registry.test/alone:1 --env=A=b --labels=x=y", r"pod/alone created"),
        row("get pod alone -n lab", r"alone +1/1 +Running"),
        row("run bye -n lab --image=registry.test/x:1 --dry-run=client -o yaml", r"kind: Pod"),
        row("wait --for=condition=Ready pod/alone -n lab --timeout=30s", r"condition met"),
        row("get all -n lab", r"pod/web-", r"service/np", r"job.batch/once", r"cronjob.batch/tick"),
        row("delete namespace lab --timeout=30s", r'namespace "lab" deleted'),
        row("get all -n lab", r"No resources found"),
    ],
    "apply": [
        row("apply -f - --dry-run=server", r"deployment.apps/web created \(server dry run\)"),
        row("get deploy web -n shop", r"not found", code=1),
        row("diff -f -", r"registry\.test/web:1", code=1),
        row("apply -f -", r"deployment.apps/web created"),
        row("apply -f -", r"deployment.apps/web unchanged"),
        row("diff -f -"),
        row("apply -f - --prune -l app=web -n shop", r"web (unchanged|configured)"),
        row("apply view-last-applied deploy/web -n shop", r"image: registry\.test/web:1"),
        row("apply --server-side -f -", r"serverside-applied|conflict", code=0),
        row("replace -f -", r"deployment.apps/web replaced"),
        row("create -f -", r"already exists", code=1),
        row("set image deploy/web web=registry.test/web:2 -n shop", r"image updated"),
        row("rollout status deploy/web -n shop --timeout=30s", r"successfully rolled out"),
        row("get deploy web -n shop -o jsonpath='{..containers[*].image}'", r"^registry.test/web:2 registry.test/side:1"),
        row("set env deploy/web -c web A- B=c -n shop", r"env updated"),
        row("set env deploy/web -n shop --list", r"B=c", r"!A=b"),
        row("set resources deploy/web -c web --limits=cpu=200m,memory=64Mi -n shop", r"resource requirements updated"),
        row("set serviceaccount deploy/web default -n shop", r"serviceaccount updated"),
        row("rollout history deploy/web -n shop", r"(?m)^4 "),
        row("rollout history deploy/web -n shop --revision=1", r"registry.test/web:1"),
        row("rollout undo deploy/web -n shop --to-revision=1", r"rolled back"),
        row("rollout status deploy/web -n shop --timeout=30s", r"successfully rolled out"),
        row("rollout pause deploy/web -n shop", r"paused"),
        row("set image deploy/web web=registry.test/web:3 -n shop", r"image updated"),
        row("get pods -n shop -l app=web -o jsonpath='{.items[*].spec.containers[0].image}'", r"web:1", r"!web:3"),
        row("rollout resume deploy/web -n shop", r"resumed"),
        row("rollout status deploy/web -n shop --timeout=30s", r"successfully rolled out"),
        row("rollout restart deploy/web -n shop", r"restarted"),
        row("rollout status deploy/web -n shop --timeout=30s", r"successfully rolled out"),
        row("scale deploy/web --replicas=4 --current-replicas=2 -n shop", r"scaled"),
        row("scale deploy/web --replicas=4 --current-replicas=2 -n shop", r"Expected replicas to be 2, was 4", code=1),
        row("get deploy web -n shop", r"4/4 +4 +4"),
        row("delete deploy web -n shop --cascade=orphan", r"deleted"),
        row("get pods -n shop -l app=web --no-headers", r"(.*\n){4}"),
        row("delete rs,pods -l app=web -n shop --wait --timeout=30s", r"deleted"),
        row("get rs,pods -n shop -l app=web", r"No resources found"),
    ],
    "change": [
        row("label deploy cart-api -n shop team=shop", r"labeled"),
        row("label deploy cart-api -n shop team=other", r"already has a value", code=1),
        row("label deploy cart-api -n shop team=other --overwrite", r"labeled"),
        row("label deploy cart-api -n shop team-", r"unlabeled"),
        row("annotate pods --all -n shop note=x", r"(annotated\n.*){3}annotated"),
        row('patch deploy cart-api -n shop -p \'{"spec":{"replicas":3}}\'', r"patched"),
        row('patch deploy cart-api -n shop -p \'{"spec":{"replicas":3}}\'', r"patched \(no change\)"),
        row('patch deploy cart-api -n shop --type=merge -p \'{"spec":{"replicas":1}}\'', r"patched"),
        row('patch deploy cart-api -n shop --type=json -p \'[{"op":"test","path":"/spec/replicas","value":9}]\'', code=1),
        row('patch deploy cart-api -n shop --type=json -p \'[{"op":"replace","path":"/spec/replicas","value":2}]\'', r"patched"),
        row('patch deploy cart-api -n shop --subresource=scale --type=merge -p \'{"spec":{"replicas":2}}\'', r"patched"),
        row('patch deploy cart-api -n shop --subresource=status --type=merge -p \'{"status":{"observedGeneration":99}}\'', r"patched"),
        row("get deploy cart-api -n shop --subresource=status -o jsonpath='{.status.observedGeneration}'", r"^\d+$"),
        row("get deploy cart-api -n shop --subresource=scale", r"cart-api +2"),
        row('patch deploy cart-api -n shop -p \'{"spec":{"replicaz":3}}\'', r'Warning: unknown field "spec.replicaz"', r"no change"),
        row("scale --replicas=0 deploy --all -n shop", r"checkout-api scaled"),
        row("scale --replicas=2 deploy/cart-api deploy/checkout-api -n shop", r"cart-api scaled"),
        row("cordon worker-1", r"worker-1 cordoned"),
        row("drain worker-1 --ignore-daemonsets --pod-selector=app.kubernetes.io/name=cart-api --timeout=30s", "evicting", "drained"),
        row("uncordon worker-1", r"worker-1 uncordoned"),
        row("taint node worker-3 a=b:NoSchedule", r"tainted"),
        row("taint node worker-3 a:NoSchedule-", r"untainted"),
        row("delete pod -n shop -l app.kubernetes.io/name=cart-api --dry-run=server", r"deleted.*\(server dry run\)"),
        row("delete pod -n shop -l app.kubernetes.io/name=cart-api --now", r"deleted"),
        row("wait --for=jsonpath='{.status.readyReplicas}'=2 deploy/cart-api -n shop --timeout=30s", r"condition met"),
        row("wait --for=delete pod/nope -n shop --timeout=2s"),
        row("delete svc cart-api -n shop", r'service "cart-api" deleted'),
        row("delete svc cart-api -n shop", r"not found", code=1),
        row("delete svc cart-api -n shop --ignore-not-found"),
        row("delete cm --all -n warehouse --timeout=30s", r"deleted"),
        row("certificate approve nope", r"not found", code=1),
        row("edit deploy cart-api -n shop", r"deployment.apps/cart-api edited"),
        row("get deploy cart-api -n shop -o jsonpath='{.spec.replicas}'", r"^5$"),
    ],
    "needs a running cluster": [
        row("exec deploy/cart-api -n shop -- ls", r"exec needs a running container", code=1),
        row("exec deploy/cart-api -n shop -it -- sh", r"exec needs a running container", code=1),
        row("attach deploy/cart-api -n shop", r"attach needs a running container", code=1),
        row("port-forward svc/cart-api 0:80 -n shop", r"port-forward needs a running container", code=1),
        row("cp shop/{POD}:/etc/hosts /tmp/nowhere", r"exec needs a running container", code=1),
        row("debug deploy/cart-api -n shop --image=busybox", r"not supported by debug", code=1),
        row("debug {POD} -n shop --image=busybox", r"debug needs a node", code=1),
        row("debug node/worker-1 --image=busybox", r"debug needs a node", code=1),
    ],
}


@pytest.fixture(scope="module")
def editor(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An editor that asks for five replicas."""
    program = tmp_path_factory.mktemp("editor") / "editor"
    program.write_text("#!/bin/sh\nsed -i 's/^  replicas: .*/  replicas: 5/' \"$1\"\n")
    program.chmod(0o700)
    return program


@pytest.mark.parametrize("group", GROUPS)
def test_kubectl(writing: Kubectl, fresh: Overlay, editor: Path, monkeypatch: pytest.MonkeyPatch, group: str) -> None:
    monkeypatch.setenv("KUBE_EDITOR", str(editor))
    pod = next(pod["metadata"]["name"] for pod in fresh.list("pods", "shop") if pod["metadata"]["name"].startswith("cart-api"))
    wrong = []
    for command, code, patterns in GROUPS[group]:
        done = writing(*shlex.split(command.replace("{POD}", pod)), stdin=DEPLOYMENT)
        output = done.stdout + done.stderr
        bad = [p for p in patterns if (re.search(p.removeprefix("!"), output) is None) is not p.startswith("!")]
        if done.returncode != code or bad:
            wrong.append(f"kubectl {command}\n  exit {done.returncode}, wanted {code}; not as wanted: {bad}\n  {output[:1500]}")
    assert not wrong, "\n\n".join(wrong)

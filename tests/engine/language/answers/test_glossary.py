"""The glossary: every kind, reason and exit code has a paragraph of its own, found by any of its names."""

# ruff: noqa: E501 - word lists and rows read better on one line
import re

import pytest

from engine.cluster.kinds import KIND_OF
from engine.cluster.recordings.recorded_cluster import RecordedCluster
from engine.language.answers.glossary import fields
from engine.language.answers.glossary.entries import difference, entries, find, mentioned, names
from engine.language.answers.glossary.explain import explain

REASONS = """
CrashLoopBackOff ImagePullBackOff ErrImagePull ErrImageNeverPull InvalidImageName ImageInspectError RegistryUnavailable CreateContainerConfigError
CreateContainerError RunContainerError PostStartHookError PreCreateHookError PreStartHookError ContainerCreating PodInitializing OOMKilled Error Completed
ContainerCannotRun StartError DeadlineExceeded Evicted Preempted NodeLost NodeAffinity OutOfcpu OutOfmemory OutOfpods UnexpectedAdmissionError
TopologyAffinityError ContainerStatusUnknown SysctlForbidden Terminating Pending Running Succeeded Failed Unknown FailedScheduling SchedulingGated
PodScheduled Initialized ContainersReady Ready PodReadyToStartContainers DisruptionTarget Unhealthy BackOff Killing Pulling Pulled Created Started
FailedMount FailedAttachVolume FailedMapVolume VolumeResizeFailed FileSystemResizePending ProvisioningFailed ExternalProvisioning WaitForFirstConsumer
FailedBinding Bound Available Released Lost FailedCreatePodSandBox SandboxChanged NetworkNotReady FailedCreate FailedDelete SuccessfulCreate
ScalingReplicaSet Progressing ReplicaFailure NewReplicaSetAvailable ProgressDeadlineExceeded MinimumReplicasUnavailable BackoffLimitExceeded Complete
Suspended PodFailurePolicy TooManyMissedTimes JobAlreadyActive NodeNotReady NodeStatusUnknown MemoryPressure DiskPressure PIDPressure NetworkUnavailable
SystemOOM NodeNotSchedulable SchedulingDisabled Rebooted InvalidDiskCapacity ContainerGCFailed ImageGCFailed FreeDiskSpaceFailed TaintManagerEviction
SyncLoadBalancerFailed FailedGetResourceMetric FailedComputeMetricsReplicas ScalingActive AbleToScale ScalingLimited DisruptionAllowed
NamespaceContentRemaining FailedPostStartHook FailedPreStopHook FailedKillPod ExceededGracePeriod InspectFailed ReadinessGatesNotReady ContainersNotReady
""".split()
CONCEPTS = """liveness|readiness|startup probe|requests|limits|QoS|taints|tolerations|affinity|anti-affinity|rolling update|headless service|finalizer|owner reference|CNI|CSI|CRI|
RBAC|PDB|HPA|kube-proxy|etcd|kubelet|scheduler|control plane|node selector|topology spread constraints|init container|sidecar|eviction|preemption|drain|cordon|namespace|
label selector|annotations|image pull secret|service account|admission controller|webhook|CRD|operator|helm|ndots|emptyDir|hostPath|access modes|reclaim policy|RWO|millicores|
throttling|grace period|preStop hook|static pod|metrics-server|kubeconfig|context|dry run|server-side apply|leader election|service mesh|pod security standards|securityContext|
ephemeral storage|ephemeral container|NodePort|LoadBalancer|ClusterIP|ExternalName|targetPort|volume expansion|dynamic provisioning|downward API|env vars|restartPolicy""".replace(
    "\n", ""
).split("|")


def test_every_kind_reason_exit_code_and_concept_has_a_paragraph_of_its_own() -> None:
    codes = [f"exit code {code}" for code in (0, 1, 2, *range(125, 144), 255)]
    waited = [*KIND_OF, *REASONS, *CONCEPTS, *codes]
    assert [term for term in waited if find(term) is None or find(term).corrected] == []  # type: ignore[union-attr]
    assert not [entry.name for entry in entries() if not 80 <= len(entry.text) <= 700 or not entry.text.endswith((".", "`."))]


def test_no_name_is_claimed_by_two_entries() -> None:
    keys: dict[str, str] = {}
    twice = []
    for entry in entries():
        for name in (entry.name, *entry.aliases):
            key = re.sub(r"[^a-z0-9]", "", name.lower())
            if keys.setdefault(key, entry.name) != entry.name:
                twice.append((name, keys[key], entry.name))
    assert twice == [("OutOfmemory", "OOMKilled", "OutOfmemory"), ("OutOfMemory", "OOMKilled", "OutOfmemory")]  # told apart by case
    assert len(names()) > 600


def test_names_are_found_whatever_their_case_plural_and_spelling() -> None:
    wanted = {
        "poddisruptionbudgets": "PodDisruptionBudget", "PDB": "PodDisruptionBudget", "a network policy": "NetworkPolicy", "crash loop back off": "CrashLoopBackOff",
        "FailedSceduling": "FailedScheduling", "CreateContainerConfigErorr": "CreateContainerConfigError", "the OOMKilled status": "OOMKilled", "SIGKILL": "exit code 137",
        "code 137": "exit code 137", "signal 15": "exit code 143", "network policies in kubernetes": "NetworkPolicy",
    }  # fmt: skip
    assert {term: found.entry.name if (found := find(term)) else None for term in wanted} == wanted


def test_what_is_no_term_is_not_taken_for_one() -> None:
    assert [find(term) for term in ("banana", "flux capacitor", "cart-api", "orders database", "the weather", "x")] == [None] * 6


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("difference between liveness and readiness probes", "restarted.*traffic"),
        ("what is the difference between a Deployment and a StatefulSet?", "stable names"),
        ("requests vs limits", "throttled.*killed"),
        ("how does a job differ from a cronjob?", "schedule"),
        ("role vs clusterrole", "namespace"),
        ("ClusterIP or NodePort?", "every node"),
        ("difference between sigterm and sigkill", "cannot be handled"),
        ("difference between a Lease and a RuntimeClass", "heartbeat.*gVisor"),
    ],
)
def test_two_terms_are_told_apart(question: str, words: str) -> None:
    assert re.search(words, difference(question) or "", re.S)


def test_a_comparison_of_workloads_is_no_question_about_terms() -> None:
    assert [
        difference(text) for text in ("cart-api vs checkout-api", "difference between cart-api and checkout-api?", "compare a and b")
    ] == [None] * 3


def test_the_most_specific_term_of_a_question_is_explained() -> None:
    assert mentioned("which reclaim policies are there for a PV?")[0].name == "reclaim policy"
    assert mentioned("exit code 127 of a container, meaning?")[0].name == "exit code 127"
    assert mentioned("is everything fine?") == []


@pytest.mark.parametrize("with_cluster", [True, False])
def test_fields_are_explained_from_the_recorded_schema_or_the_one_that_ships(demo: RecordedCluster, with_cluster: bool) -> None:
    source = demo if with_cluster else None
    grace = explain("explain pod.spec.terminationGracePeriodSeconds", source=source)
    policy = explain("kubectl explain cronjob.spec.concurrencyPolicy", source=source)
    alone = explain("what is minReadySeconds?", source=source)
    assert grace and "kill signal" in grace.answer and "kubectl explain pod.spec.terminationGracePeriodSeconds" in grace.answer
    assert policy and "Allow, Forbid, Replace" in policy.answer
    assert alone and alone.answer.startswith("Deployment spec.minReadySeconds <integer>")


def test_a_field_that_is_not_there_is_said_with_the_nearest(demo: RecordedCluster) -> None:
    found = explain("explain deployment.spec.replica", source=demo)
    assert found and "Deployment has no field replica in spec. Did you mean replicas" in found.answer


def test_a_host_name_is_no_field() -> None:
    assert fields.path_in("why is shop.acme.example slow") is None


def test_questions_as_people_type_them_are_explained() -> None:
    for question, words in {
        "what does CreateContainerConfigError mean?": "ConfigMap", "FailedScheduling - what is it?": "fits on no node", "what QoS classes are there?": "Guaranteed.*",
        "was ist ein DaemonSet?": "one Pod on every node", "exit code 137?": "SIGKILL", "what does CrashLoopBackof mean": "Understood",
    }.items():  # fmt: skip
        told = explain(question, question.removeprefix("what does ").removesuffix(" mean").strip("?"))
        assert told and re.search(words, told.answer), question

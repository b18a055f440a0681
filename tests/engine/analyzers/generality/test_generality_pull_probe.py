"""Faults of images, probes and mounts, in a lab with healthy neighbours."""

# ruff: noqa: E501 - messages stand as the kubelet writes them
from __future__ import annotations

from collections.abc import Callable

import pytest
from fakes.lab import Lab, Scenario, claim, obj, score, uses_claim, volume
from fakes.manifests import Raw, config_map, crash_loop, running, secret, service, waiting

SCENARIOS: dict[str, Callable[[], Scenario]] = {}


def scenario(build: Callable[[], Scenario]) -> Callable[[], Scenario]:
    SCENARIOS[build.__name__] = build
    return build


def pulling(image: str, error: str, *, must: tuple[str, ...], reason: str = "ImagePullBackOff", **fields: object) -> Scenario:
    """`search` cannot pull its image; after the first try the waiting state only says Back-off."""
    lab = Lab()
    full = f'Failed to pull image "{image}": {error}'
    state = f'Back-off pulling image "{image}": ErrImagePull: {error}' if reason == "ImagePullBackOff" else error
    made = lab.app("search", waiting(reason, state), image=image, of_pod={"phase": "Pending"}, **fields)  # type: ignore[arg-type]
    lab.say(made, ("Failed", full), ("Failed", "Error: ErrImagePull"), container="app")
    return Scenario(lab, "search is not coming up", "Deployment/search", must)


@scenario
def never_pulled() -> Scenario:
    lab = Lab()
    text = 'Container image "search:dev" is not present with pull policy of Never'
    made = lab.app("search", waiting("ErrImageNeverPull", text), image="search:dev", imagePullPolicy="Never", of_pod={"phase": "Pending"})
    lab.say(made, ("ErrImageNeverPull", text), ("Failed", "Error: ErrImageNeverPull"), container="app")
    return Scenario(lab, "search pods do not start", "Deployment/search", ("Never", "search:dev"))


@scenario
def registry_host_unknown() -> Scenario:
    return pulling(
        "registry.acmee.example/search:4",
        'failed to pull and unpack image "registry.acmee.example/search:4": failed to resolve reference "registry.acmee.example/search:4": failed to do request: Head "https://registry.acmee.example/v2/search/manifests/4": dial tcp: lookup registry.acmee.example on 10.0.0.2:53: no such host',
        must=("registry\\.acmee\\.example", "no such host|resolv|DNS"),
    )


@scenario
def registry_certificate() -> Scenario:
    return pulling(
        "hub.lan.example/search:4",
        'failed to pull and unpack image "hub.lan.example/search:4": failed to resolve reference "hub.lan.example/search:4": failed to do request: Head "https://hub.lan.example/v2/search/manifests/4": tls: failed to verify certificate: x509: certificate signed by unknown authority',
        must=("hub\\.lan\\.example", "x509|certificate"),
    )


@scenario
def registry_speaks_plain_http() -> Scenario:
    return pulling(
        "hub.lan.example:5000/search:4",
        'failed to pull and unpack image "hub.lan.example:5000/search:4": failed to resolve reference "hub.lan.example:5000/search:4": failed to do request: Head "https://hub.lan.example:5000/v2/search/manifests/4": http: server gave HTTP response to HTTPS client',
        must=("hub\\.lan\\.example:5000", "HTTP"),
    )


@scenario
def registry_times_out() -> Scenario:
    return pulling(
        "registry.example/search:4",
        'failed to pull and unpack image "registry.example/search:4": failed to resolve reference "registry.example/search:4": failed to do request: Head "https://registry.example/v2/search/manifests/4": dial tcp 203.0.113.9:443: i/o timeout',
        must=("registry\\.example", "time ?d? ?out|unreachable"),
    )


@scenario
def registry_is_down() -> Scenario:
    return pulling(
        "registry.example/search:4",
        'failed to pull and unpack image "registry.example/search:4": failed to resolve reference "registry.example/search:4": unexpected status from HEAD request to https://registry.example/v2/search/manifests/4: 503 Service Unavailable',
        must=("503", "registry\\.example"),
    )


@scenario
def digest_gone() -> Scenario:
    digest = "sha256:" + "ab12" * 16
    return pulling(
        f"registry.example/search@{digest}",
        f'rpc error: code = NotFound desc = failed to pull and unpack image "registry.example/search@{digest}": failed to resolve reference "registry.example/search@{digest}": registry.example/search@{digest}: not found',
        must=("sha256:ab12", "not (found|exist)|does not exist"),
    )


@scenario
def no_manifest_for_the_platform() -> Scenario:
    return pulling(
        "registry.example/search:4-arm",
        'rpc error: code = NotFound desc = failed to pull and unpack image "registry.example/search:4-arm": no match for platform in manifest: not found',
        must=("platform|architecture", "search:4-arm"),
    )


@scenario
def node_disk_full_while_pulling() -> Scenario:
    return pulling(
        "registry.example/search:4",
        'failed to pull and unpack image "registry.example/search:4": failed to extract layer sha256:aa: write /var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots/9/fs/model.bin: no space left on device: unknown',
        must=("no space left|disk|full",),
    )


@scenario
def pull_secret_of_another_registry() -> Scenario:
    made = pulling(
        "ghcr.io/acme/search:4",
        'failed to pull and unpack image "ghcr.io/acme/search:4": failed to resolve reference "ghcr.io/acme/search:4": failed to authorize: failed to fetch anonymous token: unexpected status from GET request to https://ghcr.io/token?scope=repository%3Aacme%2Fsearch%3Apull&service=ghcr.io: 403 Forbidden',
        spec={"imagePullSecrets": [{"name": "old-hub"}]},
        must=("403|forbidden|denied|authori", "pull ?secret|credential"),
    )
    made.lab.add(secret("old-hub", ".dockerconfigjson", kind="kubernetes.io/dockerconfigjson"))
    return made


def probed(
    kind: str,
    probe: Raw,
    message: str,
    *,
    must: tuple[str, ...],
    log: str = "INFO listening on :8080",
    asks: str = "search restarts all the time",
    **fields: object,
) -> Scenario:
    lab = Lab()
    kills = kind != "readiness"
    status = crash_loop(code=137 if kind == "startup" else 143) if kills else running(ready=False)
    made = lab.app("search", status, log=log, port=8080, **{f"{kind}Probe": probe}, **fields)  # type: ignore[arg-type]
    lab.say(made, ("Unhealthy", f"{kind.capitalize()} probe {message}"), container="app")
    if kills:
        lab.say(made, ("Killing", f"Container app failed {kind} probe, will be restarted"), container="app", seconds=40)
    lab.add(service("search"))
    return Scenario(lab, asks, "Deployment/search", must)


@scenario
def liveness_times_out() -> Scenario:
    return probed(
        "liveness",
        {"httpGet": {"path": "/healthz", "port": 8080}, "timeoutSeconds": 1, "periodSeconds": 5, "failureThreshold": 3},
        'failed: Get "http://10.244.1.9:8080/healthz": context deadline exceeded (Client.Timeout exceeded while awaiting headers)',
        must=("liveness", "time ?out|timeoutSeconds|1 ?s"),
    )


@scenario
def liveness_command_fails() -> Scenario:
    return probed(
        "liveness",
        {"exec": {"command": ["cat", "/tmp/alive"]}},
        "failed: cat: can't open '/tmp/alive': No such file or directory",
        must=("liveness", "/tmp/alive"),
    )


@scenario
def readiness_path_wrong() -> Scenario:
    return probed(
        "readiness",
        {"httpGet": {"path": "/redy", "port": 8080}},
        "failed: HTTP probe failed with statuscode: 404",
        asks="search gets no traffic",
        must=("readiness", "/redy|404"),
    )


@scenario
def startup_port_wrong() -> Scenario:
    return probed(
        "startup",
        {"tcpSocket": {"port": 8081}, "failureThreshold": 3},
        "failed: dial tcp 10.244.1.9:8081: connect: connection refused",
        must=("startup", "8081"),
    )


@scenario
def grpc_health_not_served() -> Scenario:
    return probed(
        "liveness",
        {"grpc": {"port": 9090, "service": "search.v1"}},
        "errored and resulted in unknown state: rpc error: code = Unimplemented desc = unknown service grpc.health.v1.Health",
        must=("grpc", "unimplemented|health|not implement"),
        log="INFO gRPC server listening on :9090",
    )


@scenario
def readiness_asks_plain_http_of_tls() -> Scenario:
    return probed(
        "readiness",
        {"httpGet": {"path": "/ready", "port": 8443, "scheme": "HTTP"}},
        "failed: HTTP probe failed with statuscode: 400",
        log="http: TLS handshake error\nClient sent an HTTP request to an HTTPS server.",
        asks="search never becomes ready",
        must=("readiness", "HTTPS?|400"),
    )


@scenario
def readiness_unauthorized() -> Scenario:
    return probed(
        "readiness",
        {"httpGet": {"path": "/admin/health", "port": 8080}},
        "failed: HTTP probe failed with statuscode: 401",
        asks="search never becomes ready",
        must=("readiness", "401"),
    )


@scenario
def config_map_item_that_is_no_key() -> Scenario:
    lab = Lab()
    spec = {"volumes": [{"name": "c", "configMap": {"name": "search-conf", "items": [{"key": "app.yml", "path": "app.yml"}]}}]}
    made = lab.app(
        "search",
        waiting("ContainerCreating"),
        spec=spec,
        volumeMounts=[{"name": "c", "mountPath": "/etc/search"}],
        of_pod={"phase": "Pending"},
    )
    lab.add(config_map("search-conf", {"app.yaml": "a: b"}))
    lab.say(made, ("FailedMount", 'MountVolume.SetUp failed for volume "c" : configmap references non-existent config key: app.yml'))
    return Scenario(lab, "search hangs in ContainerCreating", "ConfigMap/search-conf", ("app\\.yml", "search-conf"))


@scenario
def config_map_renamed() -> Scenario:
    lab = Lab()
    made = lab.app(
        "search",
        waiting("CreateContainerConfigError", 'configmap "search-env" not found'),
        envFrom=[{"configMapRef": {"name": "search-env"}}],
        of_pod={"phase": "Pending"},
    )
    lab.add(config_map("search-env-v2", {"A": "b"}))
    lab.say(made, ("Failed", 'Error: configmap "search-env" not found'), container="app")
    return Scenario(
        lab,
        "search is in CreateContainerConfigError since the config was renamed",
        "ConfigMap/search-env",
        ("search-env\\b", "not (found|exist)|does not exist|missing"),
    )


@scenario
def secret_with_another_key() -> Scenario:
    lab = Lab()
    env = [{"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "search-auth", "key": "api-token"}}}]
    made = lab.app(
        "search",
        waiting("CreateContainerConfigError", "couldn't find key api-token in Secret lab/search-auth"),
        env=env,
        of_pod={"phase": "Pending"},
    )
    lab.add(secret("search-auth", "apiToken"))
    lab.say(made, ("Failed", "Error: couldn't find key api-token in Secret lab/search-auth"), container="app")
    return Scenario(lab, "search won't start", "Secret/search-auth", ("api-token", "search-auth"))


@scenario
def volume_attached_elsewhere() -> Scenario:
    lab = Lab()
    fields, spec = uses_claim("search-data")
    lab.add(
        claim("search-data", "Bound", volumeName="pvc-77"),
        volume("pvc-77", "Bound", claimRef={"name": "search-data", "namespace": "lab", "uid": "uid-lab-search-data"}),
    )
    old = lab.app("search-old", spec=spec, node="worker-2", **fields)
    made = lab.app("search", waiting("ContainerCreating"), spec=spec, node="worker-1", of_pod={"phase": "Pending"}, **fields)
    lab.add(
        obj(
            "storage.k8s.io/v1",
            "VolumeAttachment",
            "csi-1",
            "",
            spec={"attacher": "csi.disk.example", "nodeName": "worker-2", "source": {"persistentVolumeName": "pvc-77"}},
            status={"attached": True},
        )
    )
    lab.say(
        made, ("FailedAttachVolume", f'Multi-Attach error for volume "pvc-77" Volume is already used by pod(s) {old["metadata"]["name"]}')
    )
    return Scenario(
        lab,
        "search hangs in ContainerCreating",
        "Deployment/search",
        ("multi-attach|already (used|attached)|ReadWriteOnce", "search-data|pvc-77"),
    )


@scenario
def nfs_server_does_not_answer() -> Scenario:
    lab = Lab()
    spec = {"volumes": [{"name": "share", "nfs": {"server": "10.9.9.9", "path": "/exports/media"}}]}
    made = lab.app(
        "search", waiting("ContainerCreating"), spec=spec, volumeMounts=[{"name": "share", "mountPath": "/m"}], of_pod={"phase": "Pending"}
    )
    lab.say(
        made,
        (
            "FailedMount",
            'MountVolume.SetUp failed for volume "share" : mount failed: exit status 32\nMounting command: mount\nMounting arguments: -t nfs 10.9.9.9:/exports/media /var/lib/kubelet/pods/1/volumes/kubernetes.io~nfs/share\nOutput: mount.nfs: Connection timed out',
        ),
    )
    return Scenario(lab, "search stays in ContainerCreating", "Deployment/search", ("10\\.9\\.9\\.9|nfs", "timed out|mount"))


@scenario
def csi_driver_not_on_the_node() -> Scenario:
    lab = Lab()
    fields, spec = uses_claim("search-data")
    lab.add(
        claim("search-data", "Bound", volumeName="pv-9"), volume("pv-9", "Bound", csi={"driver": "files.csi.example", "volumeHandle": "x"})
    )
    made = lab.app("search", waiting("ContainerCreating"), spec=spec, of_pod={"phase": "Pending"}, **fields)
    lab.say(
        made,
        (
            "FailedMount",
            'MountVolume.MountDevice failed for volume "pv-9" : kubernetes.io/csi: attacher.MountDevice failed to create newCsiDriverClient: driver name files.csi.example not found in the list of registered CSI drivers',
        ),
    )
    return Scenario(lab, "search stays in ContainerCreating", "Deployment/search", ("files\\.csi\\.example", "driver|registered"))


@scenario
def host_path_of_another_type() -> Scenario:
    lab = Lab()
    spec = {"volumes": [{"name": "models", "hostPath": {"path": "/opt/models", "type": "Directory"}}]}
    made = lab.app(
        "search", waiting("ContainerCreating"), spec=spec, volumeMounts=[{"name": "models", "mountPath": "/m"}], of_pod={"phase": "Pending"}
    )
    lab.say(
        made, ("FailedMount", 'MountVolume.SetUp failed for volume "models" : hostPath type check failed: /opt/models is not a directory')
    )
    return Scenario(lab, "search stays in ContainerCreating", "Deployment/search", ("/opt/models", "hostPath|directory"))


@scenario
def pod_network_out_of_addresses() -> Scenario:
    lab = Lab()
    made = lab.app("search", waiting("ContainerCreating"), of_pod={"phase": "Pending"})
    lab.say(
        made,
        (
            "FailedCreatePodSandBox",
            'Failed to create pod sandbox: rpc error: code = Unknown desc = failed to setup network for sandbox "a1": plugin type="host-local" failed (add): failed to allocate for range 0: no IP addresses available in range set: 10.244.1.1-10.244.1.254',
        ),
    )
    return Scenario(lab, "search stays in ContainerCreating", "Node/worker-1", ("no IP addresses|IP address", "worker-1|10\\.244\\.1"))


@scenario
def runtime_class_without_handler() -> Scenario:
    lab = Lab()
    lab.add(obj("node.k8s.io/v1", "RuntimeClass", "gvisor", "", handler="runsc"))
    made = lab.app("search", waiting("ContainerCreating"), spec={"runtimeClassName": "gvisor"}, of_pod={"phase": "Pending"})
    lab.say(
        made,
        (
            "FailedCreatePodSandBox",
            'Failed to create pod sandbox: rpc error: code = Unknown desc = failed to get sandbox runtime: no runtime for "runsc" is configured',
        ),
    )
    return Scenario(lab, "search stays in ContainerCreating", "Deployment/search", ("runsc|gvisor", "runtime"))


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_first_root_cause_is_the_fault_of_image_probe_or_mount(name: str) -> None:
    told = score(SCENARIOS[name]())
    assert told.right, told.said
    assert told.summary, told.said
    assert told.object, told.said

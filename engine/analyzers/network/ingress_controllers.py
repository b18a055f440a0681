"""Which pods serve an IngressClass: found by the controller's name in images, arguments and labels."""

from __future__ import annotations

from engine.analyzers.common.containers import is_finished
from engine.analyzers.common.view import ClusterView
from engine.cluster.objects import Obj, maps_at, text_at, texts_at

CLASSES = "ingressclasses.networking.k8s.io"
DEFAULT_CLASS = "ingressclass.kubernetes.io/is-default-class"
OLD_CLASS = "kubernetes.io/ingress.class"
_KNOWN = {
    "k8s.io/ingress-nginx": ("ingress-nginx", "nginx-ingress"),
    "nginx.org/ingress-controller": ("nginx-ingress", "kubernetes-ingress"),
    "traefik.io/ingress-controller": ("traefik",),
    "haproxy.org/ingress-controller": ("haproxy",),
    "haproxy-ingress.github.io/controller": ("haproxy",),
    "ingress.k8s.aws/alb": ("aws-load-balancer-controller",),
    "projectcontour.io/ingress-controller": ("contour",),
    "istio.io/ingress-controller": ("istio", "pilot"),
    "ingress-controllers.konghq.com/kong": ("kong",),
    "openshift.io/ingress-to-route": ("route-controller", "openshift"),
}
_HOSTED = ("gce", "azure", "cloud.google", "networking.gke.io")


def class_of(view: ClusterView, ingress: Obj) -> Obj | None:
    """The IngressClass of an Ingress: named, by the old annotation, or the default one."""
    name = ingress.text("spec", "ingressClassName") or ingress.annotations.get(OLD_CLASS, "")
    if name:
        return view.find(CLASSES, "", name)
    return next((c for c in view.all(CLASSES) if c.annotations.get(DEFAULT_CLASS) == "true"), None)


def controller_pods(view: ClusterView, ingress: Obj) -> list[Obj]:
    """The running pods of the controller that serves an Ingress; empty where none is found."""
    found = class_of(view, ingress)
    return pods_of_class(view, found) if found is not None else []


def pods_of_class(view: ClusterView, ingress_class: Obj) -> list[Obj]:
    """The pods that look like the controller of an IngressClass."""
    controller = ingress_class.text("spec", "controller")
    words = _KNOWN.get(controller) or tuple(
        w for w in (controller.rpartition("/")[2], controller.partition("/")[0].partition(".")[0]) if len(w) > 3
    )
    found = []
    for pod in view.within("pods", None):
        if is_finished(pod):
            continue
        parts = [text_at(c, "image") for c in maps_at(pod.raw, "spec", "containers")]
        parts += [a for c in maps_at(pod.raw, "spec", "containers") for a in texts_at(c, "args")]
        parts += [pod.labels.get("app.kubernetes.io/name", ""), pod.labels.get("app", "")]
        if any(controller and controller in p for p in parts) or any(w in p.rpartition("@")[0] or w in p for p in parts for w in words):
            found.append(pod)
    return found


def is_hosted(ingress_class: Obj) -> bool:
    """Whether a cloud serves the class outside of the cluster, so that no pod is to be expected."""
    return any(word in ingress_class.text("spec", "controller") for word in _HOSTED)

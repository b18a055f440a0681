"""Why a PersistentVolumeClaim has no volume: its StorageClass, its provisioner, and each volume that might have served."""

from __future__ import annotations

import re
from collections.abc import Iterable

from engine.analyzers.common.citations import event, field, fields, latest_event, listed, nearest, weights
from engine.analyzers.common.confidence import HINT, RELATION, confidence
from engine.analyzers.common.placement import claims_of
from engine.analyzers.common.selectors import selects
from engine.analyzers.common.view import ClusterView
from engine.cluster.objects import Obj, text_at
from engine.cluster.usage import quantity
from engine.core.types import Evidence, Finding, ObjectRef, Remedy

DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"
_OLD_DEFAULT_CLASS = "storageclass.beta.kubernetes.io/is-default-class"
_OLD_CLASS = "volume.beta.kubernetes.io/storage-class"
NO_PROVISIONER = "kubernetes.io/no-provisioner"
_YOUNG_SECONDS = 20.0
_REFUSED = r"(?:not supported|does not support|unsupported|invalid)"
_CAPABLE = r"(?:access ?mode|volume ?mode|capabilit(?:y|ies)|multi.?node)"
_CAPABILITY = re.compile(rf"{_CAPABLE}.{{0,60}}{_REFUSED}|{_REFUSED}.{{0,60}}{_CAPABLE}", re.IGNORECASE)
"""A driver's words for a way of use that it cannot offer."""


def default_classes(view: ClusterView) -> list[Obj]:
    """The StorageClasses marked as default."""
    marks = (DEFAULT_CLASS, _OLD_DEFAULT_CLASS)
    return [c for c in view.all("storageclasses.storage.k8s.io") if any(c.annotations.get(m) == "true" for m in marks)]


def class_of(claim: Obj) -> str | None:
    """The StorageClass that a claim names; None where it names none (the default applies), "" where it wants none."""
    name = claim.at("spec", "storageClassName")
    return name if isinstance(name, str) else claim.annotations.get(_OLD_CLASS)


def consumers(view: ClusterView, claim: Obj) -> list[Obj]:
    """The pods that mount a claim."""
    return [p for p in view.within("pods", claim.namespace) if p.namespace == claim.namespace and claim.name in claims_of(p)]


def explain_claim(view: ClusterView, claim: Obj) -> Finding | None:
    """Why a claim is Pending or Lost, with the claim (or the volume) to fix as object; None where the claim is not at fault."""
    phase = claim.text("status", "phase")
    if claim.deleting_since is not None or phase == "Bound":
        return None
    if phase == "Lost":
        gone = claim.text("spec", "volumeName")
        return _finding(
            view,
            claim,
            "ClaimLost",
            f"its PersistentVolume {gone} no longer exists, so the data behind it is gone",
            RELATION,
            (field(claim, "status", "phase"), *fields(claim, ("spec", "volumeName"))),
        )
    age = (view.now - claim.created).total_seconds() if claim.created else _YOUNG_SECONDS
    failed = latest_event(view, claim, "ProvisioningFailed", "FailedBinding", "VolumeMismatch", "ClaimMisbound")
    if phase not in ("Pending", "") or (age < _YOUNG_SECONDS and failed is None):
        return None
    if claim.text("spec", "volumeName"):
        return _prebound(view, claim, failed)
    name = class_of(claim)
    if name is None:
        return _no_class(view, claim, failed)
    found = view.find("storageclasses.storage.k8s.io", "", name) if name else None
    if found is None:
        return _unknown_class(view, claim, name, failed)
    return _with_class(view, claim, found, failed)


def _no_class(view: ClusterView, claim: Obj, failed: Obj | None) -> Finding | None:
    defaults = default_classes(view)
    if defaults:
        return _with_class(view, claim, defaults[0], failed)
    if not view.can_see("storageclasses.storage.k8s.io") and failed is None:
        return None
    known = sorted(c.name for c in view.all("storageclasses.storage.k8s.io"))
    rest = f"StorageClasses there are: {listed(known)}" if known else "there is no StorageClass at all"
    static = _candidates(view, claim, "")
    near = f"; {_refusals(static)}" if static else _elsewhere(view, claim, "")
    choice = known[0] if known else "CLASS"
    return _finding(
        view,
        claim,
        "NoDefaultStorageClass",
        f"it names no StorageClass and the cluster has no default StorageClass ({rest}), so no volume is provisioned or bound{near}",
        RELATION,
        (*_said(failed), field(claim, "spec")),
        (
            Remedy(
                "make an existing StorageClass the default",
                f'kubectl patch storageclass {choice} -p \'{{"metadata":{{"annotations":{{"{DEFAULT_CLASS}":"true"}}}}}}\'',
                "mutate",
            )
            if known
            else Remedy("install a provisioner with a StorageClass, or create a PersistentVolume that fits", ""),
            Remedy(
                "set storageClassName in the claim (template) and create the claim again",
                f"kubectl -n {claim.namespace} delete pvc {claim.name}",
                "destructive",
            ),
        ),
    )


def _unknown_class(view: ClusterView, claim: Obj, name: str, failed: Obj | None) -> Finding | None:
    static = _candidates(view, claim, name)
    if (name == "" and static) or any(v.text("status", "phase") != "Bound" for v, _ in static):
        return _no_match(view, claim, name, static, failed)
    if name == "":
        return _finding(
            view,
            claim,
            "NoMatchingVolume",
            'it wants a volume without a StorageClass (storageClassName: "") and no such PersistentVolume exists'
            + _elsewhere(view, claim, name),
            RELATION,
            (*_said(failed), field(claim, "spec")),
        )
    if not view.can_see("storageclasses.storage.k8s.io") and (failed is None or "not found" not in failed.text("message")):
        return None
    known = sorted(c.name for c in view.all("storageclasses.storage.k8s.io"))
    guess = nearest(name, known)
    hint = f"; did you mean {guess}?" if guess else (f" (there are: {listed(known)})" if known else " (there is no StorageClass at all)")
    if static:
        hint += f"; the volumes of that class are all taken ({_refusals(static)})"
    hint += _elsewhere(view, claim, name)
    return _finding(
        view,
        claim,
        "StorageClassNotFound",
        f"it asks for StorageClass {name}, which does not exist{hint}",
        RELATION,
        (*_said(failed), field(claim, "spec", "storageClassName")),
        (
            Remedy(
                (
                    f"create StorageClass {name}, or use an existing one: "
                    f"storageClassName cannot be changed in place, so create the claim again"
                ),
                f"kubectl -n {claim.namespace} delete pvc {claim.name}",
                "destructive",
            ),
            Remedy("see the StorageClasses", "kubectl get storageclass", "read"),
        ),
    )


def _with_class(view: ClusterView, claim: Obj, storage_class: Obj, failed: Obj | None) -> Finding | None:
    provisioner = storage_class.text("provisioner")
    waits = storage_class.text("volumeBindingMode") == "WaitForFirstConsumer"
    users = consumers(view, claim)
    if failed is not None and failed.text("reason") == "ProvisioningFailed" and provisioner != NO_PROVISIONER:
        return _finding(
            view,
            claim,
            "ProvisioningFailed",
            f"provisioner {provisioner} of StorageClass {storage_class.name} fails: {_reason(failed)}{_asked_in_vain(view, claim, failed)}",
            RELATION,
            (event(failed), field(storage_class, "provisioner"), *fields(storage_class, ("parameters",))),
            (Remedy("see the parameters of the StorageClass", f"kubectl get storageclass {storage_class.name} -o yaml", "read"),),
        )
    if provisioner == NO_PROVISIONER:
        static = _candidates(view, claim, storage_class.name)
        if waits and not users:
            return _unused(view, claim, storage_class)
        if not static:
            text = f"StorageClass {storage_class.name} does not provision ({NO_PROVISIONER}) and no PersistentVolume of that class exists"
            return _finding(
                view, claim, "NoMatchingVolume", text, RELATION, (*_said(failed), field(claim, "spec"), field(storage_class, "provisioner"))
            )
        return _no_match(view, claim, storage_class.name, static, failed)
    if waits and "volume.kubernetes.io/selected-node" not in claim.annotations:
        return None if users else _unused(view, claim, storage_class)
    drivers = {d.name for d in view.all("csidrivers.storage.k8s.io")}
    waiting = latest_event(view, claim, "ExternalProvisioning", "Provisioning")
    if provisioner not in drivers and not _runs(view, provisioner):
        guess = nearest(provisioner, drivers)
        hint = f"; did you mean {guess}?" if guess else ""
        return _finding(
            view,
            claim,
            "ProvisionerAbsent",
            (
                f"StorageClass {storage_class.name} relies on provisioner {provisioner}, which "
                f"is not installed or not running: no CSIDriver of that name is registered{hint}"
            ),
            RELATION,
            (*_said(waiting or failed), field(storage_class, "provisioner")),
            (Remedy("see which CSI drivers are registered", "kubectl get csidrivers,csinodes", "read"),),
        )
    if waiting is None:
        return None
    text = f"provisioner {provisioner} of StorageClass {storage_class.name} has not answered"
    return _finding(view, claim, "ProvisionerSilent", text, HINT, (event(waiting), field(storage_class, "provisioner")))


def _asked_in_vain(view: ClusterView, claim: Obj, failed: Obj) -> str:
    """What the claim asks for where the driver says that it cannot do that, as a clause; "" for other failures."""
    if not _CAPABILITY.search(failed.text("message")):
        return ""
    modes = claim.texts("spec", "accessModes")
    shared = [m for m in modes if m in ("ReadWriteMany", "ReadOnlyMany")]
    block = claim.text("spec", "volumeMode") == "Block"
    what = f"access mode {listed(shared or modes)}" + (" as a raw block device" if block else "")
    hint = "; block storage is for one node at a time (ReadWriteOnce): use a file system like NFS for shared volumes" if shared else ""
    return f": the claim asks for {what}, which this driver does not support{hint}"


def _prebound(view: ClusterView, claim: Obj, failed: Obj | None) -> Finding | None:
    name = claim.text("spec", "volumeName")
    volume = view.find("persistentvolumes", "", name)
    evidence = (*_said(failed), field(claim, "spec", "volumeName"))
    if volume is None:
        if not view.can_see("persistentvolumes"):
            return None
        guess = nearest(name, [v.name for v in view.all("persistentvolumes")])
        hint = f"; did you mean {guess}?" if guess else ""
        return _finding(
            view,
            claim,
            "PersistentVolumeNotFound",
            f"it is pinned to PersistentVolume {name}, which does not exist{hint}",
            RELATION,
            evidence,
        )
    holder = volume.map("spec", "claimRef")
    if holder and (text_at(holder, "namespace"), text_at(holder, "name")) != (claim.namespace, claim.name):
        other = f"{text_at(holder, 'namespace')}/{text_at(holder, 'name')}"
        text = f"it is pinned to PersistentVolume {name}, which belongs to claim {other}"
        return _finding(view, claim, "PersistentVolumeTaken", text, RELATION, (*evidence, field(volume, "spec", "claimRef")))
    reasons = _misfits(claim, volume, class_of(claim) or "")
    text = (
        f"it is pinned to PersistentVolume {name}, which does not fit: {listed(reasons)}"
        if reasons
        else f"it is pinned to PersistentVolume {name} and has not been bound"
    )
    return _finding(
        view, claim, "NoMatchingVolume", text, RELATION if reasons else HINT, (*evidence, field(volume, "spec"), field(claim, "spec"))
    )


def _no_match(view: ClusterView, claim: Obj, name: str, static: list[tuple[Obj, list[str]]], failed: Obj | None) -> Finding | None:
    if any(not reasons for _, reasons in static):
        return None if failed is None else _finding(view, claim, "ProvisioningFailed", _reason(failed), HINT, _said(failed))
    evidence = (
        *_said(failed),
        field(claim, "spec"),
        *(field(v, "spec", "capacity") for v, _ in static[:2]),
        *(field(v, "spec", "accessModes") for v, _ in static[:2]),
    )
    released = [v for v, reasons in static if len(reasons) == 1 and v.text("status", "phase") == "Released"]
    if released:
        volume = released[0]
        holder = f"{volume.text('spec', 'claimRef', 'namespace')}/{volume.text('spec', 'claimRef', 'name')}"
        return _finding(
            view,
            claim,
            "PersistentVolumeReleased",
            (
                f"PersistentVolume {volume.name} would fit but is Released: it still holds the claimRef of the "
                f"deleted claim {holder} (reclaim policy {volume.text('spec', 'persistentVolumeReclaimPolicy')})"
            ),
            RELATION,
            (*_said(failed), field(volume, "status", "phase"), field(volume, "spec", "claimRef")),
            (
                Remedy(
                    "after checking its data, free the volume for a new claim",
                    f'kubectl patch pv {volume.name} --type=json -p \'[{{"op":"remove","path":"/spec/claimRef"}}]\'',
                    "mutate",
                ),
            ),
        )
    class_text = f" of StorageClass {name}" if name else ""
    wanted = f"{claim.text('spec', 'resources', 'requests', 'storage')}, {listed(claim.texts('spec', 'accessModes'))}"
    return _finding(
        view,
        claim,
        "NoMatchingVolume",
        f"no PersistentVolume{class_text} fits its request ({wanted}): {_refusals(static)}",
        RELATION,
        evidence,
    )


def _candidates(view: ClusterView, claim: Obj, name: str) -> list[tuple[Obj, list[str]]]:
    """The volumes of a class, each with the reasons why it does not fit."""
    volumes = [v for v in view.all("persistentvolumes") if v.text("spec", "storageClassName") == name]
    free_first = sorted(volumes, key=lambda v: v.text("status", "phase") == "Bound")
    return [(v, _misfits(claim, v, name)) for v in free_first]


def _misfits(claim: Obj, volume: Obj, name: str) -> list[str]:
    reasons = []
    holder = volume.map("spec", "claimRef")
    phase = volume.text("status", "phase")
    if phase == "Released" or (holder and (text_at(holder, "namespace"), text_at(holder, "name")) != (claim.namespace, claim.name)):
        reasons.append(f"it is {phase or 'taken'} (claimRef {text_at(holder, 'namespace')}/{text_at(holder, 'name')})")
    have_class = volume.text("spec", "storageClassName")
    if have_class != name:
        reasons.append(f'its storageClassName is "{have_class}", the claim asks for "{name}"')
    wanted, have = quantity(claim.at("spec", "resources", "requests", "storage")), quantity(volume.at("spec", "capacity", "storage"))
    if wanted is not None and have is not None and have < wanted:
        reasons.append(
            f"its capacity {volume.text('spec', 'capacity', 'storage')} is less than "
            f"the {claim.text('spec', 'resources', 'requests', 'storage')} asked for"
        )
    missing = [m for m in claim.texts("spec", "accessModes") if m not in volume.texts("spec", "accessModes")]
    if missing:
        reasons.append(f"its access modes are {listed(volume.texts('spec', 'accessModes'))}, the claim asks for {listed(missing)}")
    if (volume.text("spec", "volumeMode") or "Filesystem") != (claim.text("spec", "volumeMode") or "Filesystem"):
        reasons.append(f"its volumeMode is {volume.text('spec', 'volumeMode') or 'Filesystem'}")
    if claim.map("spec", "selector") and not selects(claim.map("spec", "selector"), volume.labels):
        reasons.append("its labels do not match the claim's selector")
    return reasons


def _elsewhere(view: ClusterView, claim: Obj, name: str) -> str:
    """A free volume that would fit but for its class, as a clause; "" where there is none."""
    for volume in view.all("persistentvolumes"):
        theirs = volume.text("spec", "storageClassName")
        if theirs != name and volume.text("status", "phase") == "Available" and not _misfits(claim, volume, theirs):
            return f'; PersistentVolume {volume.name} would fit but has storageClassName "{theirs}"'
    return ""


def _refusals(static: list[tuple[Obj, list[str]]]) -> str:
    return listed((f"{v.name}: {listed(reasons)}" for v, reasons in static), 3)


def _unused(view: ClusterView, claim: Obj, storage_class: Obj) -> Finding:
    text = f"StorageClass {storage_class.name} waits for the first consumer and no pod uses the claim"
    return _finding(
        view,
        claim,
        "WaitForFirstConsumer",
        text,
        RELATION,
        (field(storage_class, "volumeBindingMode"), field(claim, "status", "phase")),
        severity_info=True,
    )


def _runs(view: ClusterView, provisioner: str) -> bool:
    """Whether any volume was provisioned by it already: then it has run, CSIDriver or not."""
    mark = "pv.kubernetes.io/provisioned-by"
    return any(v.annotations.get(mark) == provisioner for v in view.all("persistentvolumes"))


def _reason(failed: Obj) -> str:
    return failed.text("message").strip().rstrip(".")


def _said(found: Obj | None) -> tuple[Evidence, ...]:
    return (event(found),) if found is not None else ()


def _finding(
    view: ClusterView,
    claim: Obj,
    code: str,
    cause: str,
    weight: float,
    evidence: Iterable[Evidence],
    remedies: tuple[Remedy, ...] = (),
    *,
    severity_info: bool = False,
) -> Finding:
    cited = tuple(evidence)
    users = consumers(view, claim)
    owner = view.workload_of(users[0]) if users else ObjectRef(claim.kind, claim.namespace, claim.name)
    phase = claim.text("status", "phase") or "Pending"
    see = Remedy("see the claim with its events", f"kubectl -n {claim.namespace} describe pvc {claim.name}", "read")
    return Finding(
        code=code,
        severity="info" if severity_info else "critical" if users or phase == "Lost" else "warning",
        object=claim.ref,
        summary=f"PersistentVolumeClaim {claim.name} is {phase}: {cause}",
        evidence=cited,
        owner=owner,
        remedies=(*remedies, see),
        confidence=confidence([weight, *weights(cited)]),
        docs=("PersistentVolumeClaim pending", "StorageClass", code),
        speciality="storage",
    )

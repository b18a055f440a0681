"""`Cause`: why a container fails, before it becomes a finding; and what all refinements of a log's story need."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from engine.analyzers.common import citations
from engine.analyzers.common.containers import Container
from engine.analyzers.common.settings import Setting, settings
from engine.analyzers.common.view import ClusterView
from engine.analyzers.log_patterns import known_patterns
from engine.analyzers.logs.entries import unstamped
from engine.core.types import Evidence, ObjectRef, Remedy


@dataclass(slots=True)
class Cause:
    """Why a container fails: a clause for the summary, the object to fix, evidence with its weights, remedies."""

    code: str
    says: str
    object: ObjectRef
    evidence: list[Evidence] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)
    remedies: list[Remedy] = field(default_factory=list)
    docs: tuple[str, ...] = ()
    speciality: str = "workload"
    mistake: str = ""
    """What is wrong with the probe itself, where one reports the fault: then nothing in the log is its cause."""


def waits_on_others(code: str) -> bool:
    """Whether findings of a code may be explained by what is wrong with another object that is called."""
    return code in known_patterns().peer_codes or code == "InitContainerHangs"


def all_settings(view: ClusterView, container: Container) -> list[Setting]:
    """Every setting of a container whose place is known."""
    return list(settings(view, container.pod.namespace, container.pod.map("spec"), container.spec))


def cite_setting(view: ClusterView, setting: Setting, container: Container) -> Evidence:
    """A setting's value, quoted from where it stands."""
    if setting.source is not None:
        source = view.find_ref(setting.source)
        if source is not None and setting.source.kind == "ConfigMap" and setting.how == "variable":
            return citations.field(source, "data", setting.key)
        if source is not None and setting.source.kind == "ConfigMap":
            return Evidence(f"{setting.source} data.{setting.key}", setting.value[:700], object=setting.source)
    return Evidence(
        f"{container.pod.ref} {container.spec_where} {setting.how} {setting.name}", setting.value[:700], object=container.pod.ref
    )


def without_login(value: str) -> str:
    """A value in which the password of a URL is masked, fit for a sentence."""
    return re.sub(r"(://[^:/@\s]*):[^@\s]*@", r"\1:***@", value)


def edit_command(ref: ObjectRef) -> str:
    """The command that opens an object for a correction by hand."""
    return f"kubectl edit {ref.kind.lower()}/{ref.name} -n {ref.namespace}"


def log_lines(view: ClusterView, container: Container, *, previous: bool) -> list[str]:
    """A container's log lines, without what a server says when it has none."""
    lines = view.logs(container.pod.namespace, container.pod.name, container.name, previous=previous)
    if len(lines) == 1 and unstamped(lines[0])[1].startswith("unable to retrieve container logs"):
        return []
    return lines

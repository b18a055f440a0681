"""From a log's story to the cause: the value's ConfigMap, the callee's Service, the mount behind a path."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from engine.analyzers.common.containers import Container
from engine.analyzers.common.view import ClusterView
from engine.analyzers.logs import causes_calls, causes_files, causes_objects, causes_settings
from engine.analyzers.logs.cause import Cause
from engine.analyzers.logs.reader import Story
from engine.core.types import Evidence, ObjectRef, Remedy

_URL = re.compile(r"https?://[^\s\"'/]+")
_Refine = Callable[[ClusterView, Container, Story, Cause], None]


def _rows(refine: _Refine, codes: Iterable[str]) -> dict[str, _Refine]:
    return dict.fromkeys(codes, refine)


_REFINE: dict[str, _Refine] = {
    **_rows(causes_settings.missing_variable, ["MissingEnvironment"]),
    **_rows(causes_settings.bad_value, ["InvalidConfigurationValue", "UnknownOption"]),
    **_rows(causes_settings.bad_file, ["InvalidConfigurationFile"]),
    **_rows(causes_files.missing_file, ["MissingFile"]),
    **_rows(causes_files.file_access, ["ReadOnlyFileSystem", "PermissionDenied", "PrivilegedPort"]),
    **_rows(causes_files.path_is_directory, ["PathIsDirectory"]),
    **_rows(causes_files.disk_full, ["DiskFull"]),
    **_rows(causes_calls.name_not_resolved, ["NameNotResolved"]),
    **_rows(
        causes_calls.connection,
        ["ConnectionRefused", "ConnectionTimeout", "ConnectionReset", "NoRoute", "BrokerUnavailable", "UpstreamError"],
    ),
    **_rows(causes_calls.credentials, ["AuthenticationFailed"]),
    **_rows(causes_calls.advertised_listener, ["AdvertisedListener"]),
    **_rows(causes_calls.port_in_use, ["PortInUse"]),
    **_rows(causes_settings.heap_limit, ["HeapExhausted"]),
    **_rows(causes_objects.object_not_found, ["ReferenceNotFound"]),
    **_rows(causes_files.exec_format, ["ExecFormat"]),
}


def from_story(view: ClusterView, container: Container, owner: ObjectRef, story: Story, *, previous: bool) -> Cause:
    """The cause that a log's story tells, refined by the objects it speaks of."""
    line = Evidence(
        source=f"log of {container.pod.ref} container {container.name}{' (previous)' if previous else ''}",
        excerpt=story.excerpt[:700],
        at=story.entry.last_stamp or story.entry.stamp,
        object=container.pod.ref,
    )
    cause = Cause(story.code, story.says, owner, [line], [story.weight], docs=story.docs)
    if story.pattern is not None and story.pattern.fix:
        cause.remedies.append(Remedy(story.pattern.fix, "", ""))
    refine = _REFINE.get(story.code)
    if refine is not None:
        refine(view, container, story, cause)
    causes_settings.unexpanded_reference(view, container, story, cause)
    quoted = story.message in cause.says or story.groups.get("error", story.message) in cause.says
    if story.pattern is not None and (not quoted or any(url not in cause.says for url in _URL.findall(story.message))):
        cause.says += f" (log: “{story.message}”)"
    return cause

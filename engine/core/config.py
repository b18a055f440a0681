"""k8sagent.toml to typed settings: shipped defaults < user's file < --config < environment < flags.

An unknown key, a wrong type or a broken file is a `ConfigError` that names the file, the line and the nearest right key.
Nothing is read from the current folder.
"""

from __future__ import annotations

import dataclasses
import difflib
import os
import re
import tomllib
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints


class ConfigError(Exception):
    """An invalid setting; the message names its place and what would be valid."""


@dataclass(frozen=True, slots=True)
class ClusterSettings:
    """[cluster]"""

    kubeconfig: str = ""
    context: str = ""
    namespace: str = ""
    request_timeout_seconds: float = 15


@dataclass(frozen=True, slots=True)
class KubectlSettings:
    """[kubectl]"""

    path: str = ""
    read_seconds: float = 30
    change_seconds: float = 300
    credential_env: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelSection:
    """[model]"""

    provider: Literal["ollama", "openai", "none"] = "ollama"
    name: str = "llama3.1:8b"
    host: str = ""
    num_ctx: int = 8192
    max_tokens: int = 700
    temperature: float = 0.2
    keep_alive: str = "10m"
    connect_seconds: float = 2
    load_seconds: float = 300
    first_token_seconds: float = 90
    stall_seconds: float = 20
    total_seconds: float = 600
    api_key_env: str = ""
    allow_remote: tuple[str, ...] = ()
    proxy: str = ""
    ca_file: str = ""
    verify_tls: bool = True


@dataclass(frozen=True, slots=True)
class PolicySection:
    """[policy]"""

    mode: Literal["ask", "read-only", "suggest-only"] = "ask"
    protected_contexts: tuple[str, ...] = ("*prod*", "*live*", "prd", "prod", "production", "live")
    read_only_contexts: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    forbid: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class IndexSettings:
    """[index]"""

    docs: tuple[str, ...] = ()
    semantic: bool = False
    embed_model: str = "nomic-embed-text"


@dataclass(frozen=True, slots=True)
class BudgetSettings:
    """[budget]"""

    informational_seconds: float = 10
    troubleshooting_seconds: float = 60
    action_seconds: float = 15
    prompt_tokens: int = 6000
    commands: int = 4
    choice_seconds: float = 60


@dataclass(frozen=True, slots=True)
class HostSettings:
    """[hosts]"""

    enabled: bool = False
    names: tuple[str, ...] = ()
    nodes: bool = False
    user: str = ""
    node_address: Literal["name", "InternalIP", "ExternalIP", "Hostname", "InternalDNS", "ExternalDNS"] = "name"
    ssh_config: str = ""
    connect_seconds: float = 10
    seconds: float = 60
    parallel: int = 8


@dataclass(frozen=True, slots=True)
class PrometheusSettings:
    """[prometheus]"""

    url: str = ""
    token_env: str = ""
    verify: bool = True
    timeout_seconds: float = 5


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """[session]"""

    save: bool = True
    keep_days: int = 30
    keep_undo_days: int = 7
    keep_incidents_days: int = 30
    timeout_seconds: float = 3600
    history: int = 500
    log_level: Literal["debug", "info", "warning", "error"] = "info"


@dataclass(frozen=True, slots=True)
class ApiSettings:
    """[api]"""

    host: str = "127.0.0.1"
    port: int = 8000
    names: tuple[str, ...] = ()
    max_runs: int = 4
    max_requests: int = 100
    max_body_kib: int = 1024
    request_seconds: float = 15
    keepalive_seconds: float = 15


@dataclass(frozen=True, slots=True)
class UiSettings:
    """[ui]"""

    theme: Literal["dark", "light", "contrast", "colorblind"] = "dark"
    mouse: bool = True


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings in force; `origins` says for each `section.key` where it came from (`default`, a file, a variable, a flag)."""

    cluster: ClusterSettings = ClusterSettings()
    kubectl: KubectlSettings = KubectlSettings()
    model: ModelSection = ModelSection()
    policy: PolicySection = PolicySection()
    index: IndexSettings = IndexSettings()
    prometheus: PrometheusSettings = PrometheusSettings()
    budget: BudgetSettings = BudgetSettings()
    hosts: HostSettings = HostSettings()
    session: SessionSettings = SessionSettings()
    api: ApiSettings = ApiSettings()
    ui: UiSettings = UiSettings()
    keys: Mapping[str, str] = field(default_factory=dict)
    """[keys]: an action's id to the keys that run it, comma between several; the screen knows which actions there are."""
    origins: Mapping[str, str] = field(default_factory=dict, compare=False)

    def rows(self) -> list[tuple[str, Any, str]]:
        """(section.key, value, origin) of every setting, in file order."""
        return [
            (f"{section}.{f.name}", getattr(getattr(self, section), f.name), self.origins.get(f"{section}.{f.name}", "default"))
            for section in SECTIONS
            for f in dataclasses.fields(SECTIONS[section])
        ] + [(f"keys.{action}", keys, self.origins.get(f"keys.{action}", "default")) for action, keys in self.keys.items()]


SECTIONS: dict[str, Any] = {name: hint for name, hint in get_type_hints(Settings).items() if dataclasses.is_dataclass(hint)}


def user_config_path(env: Mapping[str, str] | None = None) -> Path:
    """The user's own settings: `$XDG_CONFIG_HOME/k8sagent/k8sagent.toml`."""
    variables = os.environ if env is None else env
    base = variables.get("XDG_CONFIG_HOME") or ""
    root = Path(base) if base.startswith("/") else Path(variables.get("HOME") or "~").expanduser() / ".config"
    return root / "k8sagent" / "k8sagent.toml"


def load(
    config: Path | None = None,
    *,
    env: Mapping[str, str] | None = None,
    flags: Mapping[str, Any] | None = None,
    flag_names: Mapping[str, str] | None = None,
) -> Settings:
    """The settings in force; raises ConfigError.

    `flags` maps `section.key` to a value (None = not given), `flag_names` to what the person typed for it.
    """
    variables = os.environ if env is None else env
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    user = user_config_path(variables)
    if user.is_file():
        _take_file(user, values, origins)
    if config is not None:
        if not config.is_file():
            raise ConfigError(f"{config}: no such file; name an existing one with --config, or write one with `k8sagent config init`")
        _take_file(config, values, origins)
    _take_environment(variables, values, origins)
    for name, value in (flags or {}).items():
        if value is not None:
            flag = (flag_names or {}).get(name, "flag")
            values[name], origins[name] = _typed(name, value, f"{flag} ({name})"), flag
    sections = {
        section: cls(**{key.split(".", 1)[1]: value for key, value in values.items() if key.startswith(section + ".")})
        for section, cls in SECTIONS.items()
    }
    keys = {name.split(".", 1)[1]: value for name, value in values.items() if name.startswith("keys.")}
    return Settings(**sections, keys=types.MappingProxyType(keys), origins=types.MappingProxyType(origins))


def _take_file(path: Path, values: dict[str, Any], origins: dict[str, str]) -> None:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from error
    for section, body in data.items():
        where = f"{path}:{_line_of(text, section, None)}"
        if section not in SECTIONS and section != "keys":
            raise ConfigError(f"{where}: unknown section [{section}]{_nearest(section, [*SECTIONS, 'keys'])}")
        if not isinstance(body, dict):
            raise ConfigError(f"{where}: `{section}` is a section: write [{section}] and its keys below it")
        if section == "keys":
            _take_keys(path, text, body, values, origins)
            continue
        for key, value in body.items():
            name, spot = f"{section}.{key}", f"{path}:{_line_of(text, section, key)}"
            known = [f.name for f in dataclasses.fields(SECTIONS[section])]
            if key not in known:
                raise ConfigError(f"{spot}: unknown key `{key}` in [{section}]{_nearest(key, known)}")
            values[name], origins[name] = _typed(name, value, spot), spot


def _take_keys(path: Path, text: str, body: Mapping[str, Any], values: dict[str, Any], origins: dict[str, str]) -> None:
    for action, keys in body.items():
        if not isinstance(keys, str) or not keys.strip():
            raise ConfigError(f'{path}:{_line_of(text, "keys", action)}: `{action}` must be keys in quotes, as in {action} = "f7,ctrl+t"')
        values[f"keys.{action}"], origins[f"keys.{action}"] = keys, f"{path}:{_line_of(text, 'keys', action)}"


def _take_environment(variables: Mapping[str, str], values: dict[str, Any], origins: dict[str, str]) -> None:
    for section, cls in SECTIONS.items():
        for f in dataclasses.fields(cls):
            variable = f"K8SAGENT_{section}_{f.name}".upper()
            if variable in variables:
                name = f"{section}.{f.name}"
                values[name] = _typed(name, _from_text(name, variables[variable]), f"environment variable {variable}")
                origins[name] = variable
        known = [f"K8SAGENT_{section}_{f.name}".upper() for f in dataclasses.fields(cls)]
        strange = [name for name in variables if name.startswith(f"K8SAGENT_{section.upper()}_") and name not in known]
        if strange:
            raise ConfigError(f"environment variable {strange[0]}: there is no such setting{_nearest(strange[0], known)}")


def _hint(name: str) -> Any:
    section, key = name.split(".", 1)
    return get_type_hints(SECTIONS[section], vars(typing))[key]


def _from_text(name: str, text: str) -> Any:
    hint = _hint(name)
    if hint is bool:
        lowered = text.strip().lower()
        return {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}.get(lowered, text)
    if hint in (int, float):
        try:
            return int(text) if hint is int else float(text)
        except ValueError:
            return text
    if get_origin(hint) is tuple:
        return [part.strip() for part in text.split(",") if part.strip()]
    return text


def _typed(name: str, value: Any, where: str) -> Any:
    hint = _hint(name)
    key = name.split(".", 1)[1]
    if get_origin(hint) is Literal:
        choices = get_args(hint)
        if value in choices:
            return value
        raise ConfigError(f"{where}: `{key}` is {value!r}, but must be one of {', '.join(map(repr, choices))}")
    if get_origin(hint) is tuple:
        if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
            _check_items(name, value, where)
            return tuple(value)
        raise ConfigError(f'{where}: `{key}` must be a list of texts, as in {key} = ["one", "two"]')
    if hint is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, hint) and not (hint is int and isinstance(value, bool)):
        return value
    words = {bool: "true or false", int: "a whole number", float: "a number", str: "a text in quotes"}
    raise ConfigError(f"{where}: `{key}` is {value!r}, but must be {words.get(hint, str(hint))}")


def _check_items(name: str, items: typing.Sequence[str], where: str) -> None:
    """Refuse what the policy could not use; a rule that does not work must not look as if it did."""
    for item in items:
        if name == "policy.forbid":
            try:
                re.compile(item)
            except re.error as error:
                raise ConfigError(f"{where}: `forbid` holds {item!r}, which is no regular expression: {error}") from error
        if name in ("policy.allow", "policy.forbid") and not item.strip():
            raise ConfigError(f"{where}: `{name.split('.')[1]}` holds an empty text, which would match every command or none")
        if name == "policy.allow" and re.search(r"[|&;<>$`\n]", item):
            raise ConfigError(f"{where}: `allow` holds {item!r}; write the plain words of one command, or one --flag of kubectl")


def _nearest(word: str, known: typing.Iterable[str]) -> str:
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"; did you mean `{near[0]}`?" if near else f"; known are {', '.join(known)}"


def _line_of(text: str, section: str, key: str | None) -> int:
    here = ""
    for number, line in enumerate(text.splitlines(), 1):
        header = re.match(r"\s*\[\s*\"?([A-Za-z0-9_-]+)\"?\s*\]", line)
        if header:
            here = header.group(1)
            if key is None and here == section:
                return number
        elif here == section and key is not None and re.match(rf"\s*\"?{re.escape(key)}\"?\s*=", line):
            return number
        elif key is None and re.match(rf"\s*\"?{re.escape(section)}\"?\s*[.=]", line):
            return number
        elif key is not None and re.match(rf"\s*{re.escape(section)}\.{re.escape(key)}\s*=", line):
            return number
    return 1

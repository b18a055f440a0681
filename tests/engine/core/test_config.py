"""Settings: precedence, origins, and errors that name file, line and the nearest right key."""

import dataclasses
import tomllib
from pathlib import Path

import pytest
from data import make_settings

from engine.core.config import SECTIONS, ConfigError, Settings, load, user_config_path

ROOT = Path(__file__).parents[3]


def env(tmp_path: Path, **more: str) -> dict[str, str]:
    return {"XDG_CONFIG_HOME": str(tmp_path), "HOME": str(tmp_path), **more}


def write_user(tmp_path: Path, text: str) -> Path:
    path = user_config_path(env(tmp_path))
    path.parent.mkdir(parents=True)
    path.write_text(text)
    return path


def test_the_shipped_file_names_every_setting_with_its_default() -> None:
    shipped = tomllib.loads((ROOT / "k8sagent.toml").read_text())
    defaults = Settings()
    assert {(s, k) for s, body in shipped.items() for k in body} == {
        (s, f.name) for s, c in SECTIONS.items() for f in dataclasses.fields(c)
    }
    for section, body in shipped.items():
        for key, value in body.items():
            default = getattr(getattr(defaults, section), key)
            assert (list(default) if isinstance(default, tuple) else default) == value, f"{section}.{key}"


def test_every_line_of_the_shipped_file_explains_its_setting() -> None:
    unexplained = {"troubleshooting_seconds", "action_seconds"}  # said by the line above them
    for line in (ROOT / "k8sagent.toml").read_text().splitlines():
        if "=" in line and not line.startswith("#") and line.split("=")[0].strip() not in unexplained:
            assert " # " in line, line


def test_the_guide_has_every_setting() -> None:
    assert make_settings.PAGE.read_text(encoding="utf-8") == make_settings.page(), "write it again with: python tests/data/make_settings.py"
    for section, shape in SECTIONS.items():
        assert f"### [{section}]" in make_settings.tables() or section == "keys"
        for setting in dataclasses.fields(shape):
            assert f"| `{setting.name}` |" in make_settings.tables()


def test_later_sources_win_and_say_where_they_came_from(tmp_path: Path) -> None:
    user = write_user(tmp_path, '[model]\nname = "user"\nnum_ctx = 1024\nhost = "h"\n[ui]\nmouse = false\n')
    extra = tmp_path / "extra.toml"
    extra.write_text('[model]\nname = "extra"\nnum_ctx = 2048\n')
    settings = load(
        extra, env=env(tmp_path, K8SAGENT_MODEL_NAME="environment"), flags={"cluster.namespace": "shop", "cluster.context": None}
    )
    assert (settings.model.name, settings.model.num_ctx, settings.model.host) == ("environment", 2048, "h")
    assert settings.cluster.namespace == "shop"
    assert settings.origins["model.name"] == "K8SAGENT_MODEL_NAME"
    assert settings.origins["model.num_ctx"] == f"{extra}:3"
    assert settings.origins["model.host"] == f"{user}:4"
    assert settings.origins["cluster.namespace"] == "flag"
    assert ("ui.theme", "dark", "default") in settings.rows()


def test_a_flag_is_called_as_it_was_typed(tmp_path: Path) -> None:
    settings = load(env=env(tmp_path), flags={"model.name": "m"}, flag_names={"model.name": "--model"})
    assert settings.origins["model.name"] == "--model"


def test_a_variable_of_a_section_that_names_no_setting_is_told_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"K8SAGENT_MODEL_NMAE.*did you mean `K8SAGENT_MODEL_NAME`"):
        load(env=env(tmp_path, K8SAGENT_MODEL_NMAE="x"))
    load(env=env(tmp_path, K8SAGENT_WRAPPER="not ours to judge"))


def test_environment_values_are_typed(tmp_path: Path) -> None:
    settings = load(env=env(tmp_path, K8SAGENT_UI_MOUSE="off", K8SAGENT_MODEL_NUM_CTX="4096", K8SAGENT_INDEX_DOCS="/a, /b"))
    assert settings.ui.mouse is False
    assert settings.model.num_ctx == 4096
    assert settings.index.docs == ("/a", "/b")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[model]\n\nnmae = "x"\n', [":3:", "nmae", "`name`"]),
        ("[modle]\nname = 1\n", [":1:", "[modle]", "`model`"]),
        ('[ui]\ntheme = "pink"\n', [":2:", "theme", "'pink'", "'contrast'"]),
        ("[ui]\nmouse = 1\n", [":2:", "mouse", "true or false"]),
        ("[model]\nnum_ctx = true\n", [":2:", "num_ctx", "whole number"]),
        ("[index]\ndocs = 'x'\n", [":2:", "docs", "list"]),
        ("[ui]\nmouse = tru\n", ["not valid TOML", "line 2"]),
        ("model = 3\n", [":1:", "model", "section"]),
    ],
)
def test_a_broken_file_names_the_key_and_the_line(tmp_path: Path, text: str, words: list[str]) -> None:
    path = write_user(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        load(env=env(tmp_path))
    for word in [str(path), *words]:
        assert word in str(caught.value)


def test_a_config_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        load(tmp_path / "none.toml", env=env(tmp_path))


def test_a_wrong_environment_value_names_its_variable(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="K8SAGENT_MODEL_NUM_CTX"):
        load(env=env(tmp_path, K8SAGENT_MODEL_NUM_CTX="many"))


def test_keys_of_actions_are_taken_as_texts(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text('[keys]\nnamespace = "f7,ctrl+n"\n', encoding="utf-8")
    assert load(file, env={}).keys == {"namespace": "f7,ctrl+n"}
    file.write_text("[keys]\nnamespace = 7\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"own.toml:2: `namespace` must be keys in quotes"):
        load(file, env={})


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ('forbid = ["delete (ns"]', "no regular expression"),
        ('forbid = [""]', "empty"),
        ('allow = ["  "]', "empty"),
        ('allow = ["mytool status | sh"]', "plain words"),
    ],
)
def test_a_rule_that_cannot_work_names_its_place(tmp_path: Path, line: str, word: str) -> None:
    path = write_user(tmp_path, f'[policy]\nmode = "ask"\n{line}\n')
    with pytest.raises(ConfigError) as error:
        load(env=env(tmp_path))
    assert f"{path}:3" in str(error.value)
    assert word in str(error.value)


def test_a_broken_rule_from_the_environment_names_the_variable(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="K8SAGENT_POLICY_FORBID"):
        load(env=env(tmp_path, K8SAGENT_POLICY_FORBID="(unclosed"))

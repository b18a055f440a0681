"""The files that ship with the program are found in an installed wheel and in a checkout alike."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.core.paths import ResourceKind, resource_path

WHEEL = {
    "runbooks": "index/data/runbooks",
    "guide": "index/data/guide",
    "defaults": "engine/data/k8sagent.toml",
    "demo": "engine/data/demo.tar.gz",
}
CHECKOUT = {"runbooks": "docs/runbooks", "guide": "docs/guide", "defaults": "k8sagent.toml", "demo": "engine/data/demo.tar.gz"}


def laid_out(root: Path, places: dict[str, str]) -> Path:
    for kind, place in places.items():
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        if kind in ("runbooks", "guide"):
            (root / place).mkdir(parents=True)
        else:
            (root / place).write_text("x")
    return root


@pytest.mark.parametrize("places", [WHEEL, CHECKOUT], ids=["wheel", "checkout"])
@pytest.mark.parametrize("kind", list(WHEEL))
def test_each_file_is_found(tmp_path: Path, places: dict[str, str], kind: ResourceKind) -> None:
    assert resource_path(kind, root=laid_out(tmp_path, places)) == tmp_path / places[kind]


def test_an_installed_package_wins_over_a_folder_that_happens_to_lie_beside_it(tmp_path: Path) -> None:
    laid_out(laid_out(tmp_path, CHECKOUT), {kind: WHEEL[kind] for kind in ("runbooks", "defaults")})
    assert resource_path("runbooks", root=tmp_path) == tmp_path / WHEEL["runbooks"]
    assert resource_path("defaults", root=tmp_path) == tmp_path / WHEEL["defaults"]


def test_an_incomplete_installation_names_the_places_looked_at(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"built-in guide .*index/data/guide.*docs/guide.*install the package again"):
        resource_path("guide", root=tmp_path)


def test_the_wheel_is_told_to_carry_them_where_they_are_looked_for() -> None:
    import tomllib

    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())
    included = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    assert {CHECKOUT[kind]: WHEEL[kind] for kind in ("runbooks", "guide", "defaults")} == included


def test_the_demo_of_this_checkout_is_a_file() -> None:
    assert resource_path("demo").is_file()

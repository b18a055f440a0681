"""The house: which way imports run, and what is imported before the first paint."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def modules_after(code: str) -> set[str]:
    """The names in sys.modules after running code in a fresh interpreter."""
    script = f"import sys\n{code}\nprint('\\n'.join(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def all_modules(package: str) -> str:
    """Code that imports every module of a package."""
    return (
        f"import importlib, pkgutil, {package}\n"
        f"for m in pkgutil.walk_packages({package}.__path__, '{package}.'): importlib.import_module(m.name)"
    )


@pytest.mark.parametrize(("package", "foreign"), [("index", ("engine", "tui", "textual", "rich")), ("engine", ("tui", "textual", "rich"))])
def test_arrows_run_one_way(package: str, foreign: tuple[str, ...]) -> None:
    loaded = modules_after(all_modules(package))
    assert package in loaded
    assert not {name for name in loaded if name.split(".")[0] in foreign}


@pytest.mark.parametrize("package", ["engine", "index"])
def test_heavy_libraries_are_imported_when_first_needed(package: str) -> None:
    loaded = modules_after(all_modules(package))
    assert not {name for name in loaded if name.split(".")[0] in ("kubernetes", "ollama", "httpx", "fastapi", "starlette", "uvicorn")}
    if package == "engine":
        assert "whoosh" not in loaded


def test_the_version_imports_almost_nothing() -> None:
    loaded = modules_after("from tui.cli.main import main; main(['--version'])")
    heavy = {"textual", "rich", "kubernetes", "ollama", "whoosh", "yaml", "msgspec", "argparse", "httpx"}
    assert not {name.split(".")[0] for name in loaded} & heavy


def test_the_screen_is_imported_without_cluster_model_or_index() -> None:
    loaded = modules_after("import tui.app.app")
    assert not {name.split(".")[0] for name in loaded} & {"kubernetes", "ollama", "whoosh", "httpx"}


FLOORS = ("core", "cluster", "simulator", "commands", "llm", "session", "analyzers", "language", "hosts", "flows", "agent", "api")
"""The rooms of engine/ from the ground up: each imports only what stands before it."""

MOST_ENTRIES = 12
LONG_FILES = {
    "engine/analyzers/control_plane/admission.py",  # one controller's refusals, a function each
    "engine/cluster/live/http.py",  # one client: connections, proxies and TLS belong together
    "engine/cluster/recordings/recorded_cluster.py",  # one class, the ClusterSource of a recording
    "engine/cluster/rows/build.py",  # one function a kind of row
    "engine/language/linking/linker.py",  # one pass over the words, a method a way of linking
    "engine/commands/policy/host_programs.py",  # one short function for each host program that a table cannot judge
    "engine/core/redaction/structure.py",  # one reader of structured text
    "index/store.py",  # one index on disk: build, swap, repair
    "tui/panes/chat.py",  # one pane
    "tui/widgets/log_view.py",  # one widget with its painting
}
"""Files over 400 lines, each with its reason."""


def modules() -> dict[str, Path]:
    """Every module of the three packages by its dotted name; a package by its folder's."""
    found = (path.relative_to(ROOT) for package in ("tui", "engine", "index") for path in (ROOT / package).rglob("*.py"))
    return {".".join(path.with_suffix("").parts).removesuffix(".__init__"): ROOT / path for path in found}


def imports() -> dict[str, set[str]]:
    """Which modules of ours each module imports, anywhere in its text, for types too."""
    known = modules()
    edges: dict[str, set[str]] = {}
    for module, path in known.items():
        edges[module] = set()
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module:
                names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            edges[module] |= {name for name in names if name in known and name != module and known[name].name != "__init__.py"}
    return edges


def test_no_import_runs_up_inside_the_engine() -> None:
    floor = {f"engine.{room}": number for number, room in enumerate(FLOORS)}
    rooms = {path.name for path in (ROOT / "engine").iterdir() if (path / "__init__.py").is_file()}
    assert rooms == set(FLOORS)
    up = [
        f"{module} imports {other}"
        for module, others in imports().items()
        for other in others
        if floor.get(".".join(module.split(".")[:2]), 99) < floor.get(".".join(other.split(".")[:2]), -1)
    ]
    assert up == []


def test_no_modules_import_each_other_in_a_circle() -> None:
    edges = imports()
    rest = dict(edges)
    while free := [module for module in rest if not any(other in rest for other in edges[module])]:
        for module in free:
            del rest[module]
    assert sorted(rest) == []


def test_no_folder_holds_more_than_a_reader_takes_in() -> None:
    folders = [path for package in ("tui", "engine", "index") for path in ((ROOT / package), *(ROOT / package).rglob("*")) if path.is_dir()]
    wide = {}
    for folder in folders:
        entries = [p for p in folder.iterdir() if (p.suffix == ".py" and not p.name.startswith("__")) or (p / "__init__.py").is_file()]
        if len(entries) > MOST_ENTRIES:
            wide[str(folder.relative_to(ROOT))] = len(entries)
    assert wide == {}


def test_the_tops_of_engine_and_tui_hold_rooms_only() -> None:
    assert [p.name for top in ("engine", "tui") for p in (ROOT / top).glob("*.py")] == ["__init__.py", "__init__.py"]


def test_a_file_over_400_lines_has_a_reason() -> None:
    long = {str(path.relative_to(ROOT)) for path in modules().values() if len(path.read_text().splitlines()) > 400}
    assert long <= LONG_FILES, long - LONG_FILES


def test_the_rest_door_stands_above_the_agent_and_only_serve_goes_through_it() -> None:
    for path in (path for package in ("engine", "tui") for path in (ROOT / package).rglob("*.py")):
        where = path.relative_to(ROOT)
        if where.is_relative_to("engine/api") or where == Path("tui/cli/serve.py"):
            continue
        names = [node.module or "" for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)]
        assert not [name for name in names if name.startswith("engine.api")], where


def test_a_command_that_does_not_serve_imports_nothing_of_the_rest_door() -> None:
    loaded = modules_after("from tui.cli.main import main; main(['policy', 'kubectl get pods'])")
    assert not {name for name in loaded if name.split(".")[0] in ("fastapi", "starlette", "uvicorn", "pydantic") or "engine.api" in name}


def test_every_package_says_what_belongs_there() -> None:
    for package in ("tui", "engine", "index"):
        doc = ast.get_docstring(ast.parse((ROOT / package / "__init__.py").read_text()))
        assert doc, package
        assert len(doc) > 80, package

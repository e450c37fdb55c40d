"""The house stands: imports run downwards only, and nothing loads TensorFlow before it is needed."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import qat_kit

PACKAGE = Path(qat_kit.__file__).parent
RECIPES = PACKAGE.parent / "recipes"

# The floors of the house. A module may import from its own room and from lower floors.
FLOORS = [
    ["errors", "lazy", "version", "vocabulary"],
    ["files", "input_shapes", "progress", "registry"],
    ["report", "results", "layers", "nets"],
    ["manifest"],
    ["numerics", "datasets", "prepare"],
    ["spec", "schemes"],
    ["tuning"],
    ["targets", "litert", "training", "kernels"],
    ["simulation", "compress", "convert", "measure"],
    ["debug", "inspection", "verify", "qat", "ptq", "checks", "keras_models", "folder"],
    ["recipe", "overview", "proof", "sampling"],
    ["run"],
    ["api", "conversion", "verification", "debugging", "recipes"],
    ["screen", "testing"],
    ["cli"],
]
FLOOR_OF = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}

MODULES = sorted(path for path in PACKAGE.rglob("*.py")) + sorted(RECIPES.glob("*.py"))


def room_of(path: Path) -> str:
    if path.is_relative_to(RECIPES):
        return "recipes"
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports_of(path: Path) -> set[str]:
    """Rooms of qat_kit that a module imports when it runs (type hints apart)."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    hints = {
        id(node)
        for branch in ast.walk(tree)
        if isinstance(branch, ast.If) and ast.unparse(branch.test) == "TYPE_CHECKING"
        for node in ast.walk(branch)
    }
    names = set()
    for node in ast.walk(tree):
        if id(node) in hints:
            continue
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("qat_kit."):
            names.add(node.module.split(".")[1])
        elif isinstance(node, ast.Import):
            names |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("qat_kit.")}
    return names


def test_every_room_has_a_floor():
    rooms = {room_of(path) for path in MODULES} - {"__init__"}
    assert rooms == set(FLOOR_OF), rooms ^ set(FLOOR_OF)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: f"{room_of(path)}/{path.name}")
def test_imports_run_downwards(path):
    room = room_of(path)
    if room == "__init__":
        return
    for imported in imports_of(path) - {room}:
        assert FLOOR_OF[imported] < FLOOR_OF[room], f"{path} imports {imported}, which is not below it"


@pytest.mark.parametrize(
    "statement",
    [
        "import qat_kit",
        "from qat_kit.recipe import all_recipes; all_recipes()",
        "import qat_kit.cli, qat_kit.schemes, qat_kit.spec, qat_kit.targets, qat_kit.numerics",
        "import qat_kit.verify, qat_kit.inspection, qat_kit.overview, qat_kit.measure.file, qat_kit.litert.interpreter",
    ],
)
def test_importing_loads_no_tensorflow(statement):
    check = f"import sys; {statement}; sys.exit(any(m in sys.modules for m in ('tensorflow', 'keras', 'tf_keras')))"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0


def test_only_the_litert_room_touches_the_runtime_and_only_one_place_imports_tfmot():
    for path in MODULES:
        text = path.read_text(encoding="utf-8")
        imports_litert = re.search(r"^\s*(from|import) ai_edge_litert", text, re.MULTILINE) is not None
        assert imports_litert <= (room_of(path) == "litert"), path
        assert ("import tensorflow_model_optimization" in text or "from tensorflow_model_optimization" in text) <= (
            path.name == "tfmot.py"
        ), path


def test_only_the_command_line_prints():
    for path in MODULES:
        if room_of(path) == "cli":
            continue
        calls = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
        assert not [call for call in calls if isinstance(call.func, ast.Name) and call.func.id == "print"], path


def test_public_names_are_frozen():
    assert qat_kit.__all__ == [
        "QatKitError",
        "QuantScheme",
        "Recipe",
        "RunResult",
        "Settings",
        "Target",
        "__version__",
        "get_scheme",
        "get_target",
        "load_recipe",
        "quantize",
        "read_model",
        "run",
        "verify",
    ]
    for name in qat_kit.__all__:
        assert getattr(qat_kit, name) is not None


def test_setup_lists_every_package():
    import configparser

    setup = configparser.ConfigParser()
    setup.read(PACKAGE.parent / "setup.cfg")
    listed = set(setup["options"]["packages"].split())
    found = {".".join(path.parent.relative_to(PACKAGE.parent).parts) for path in PACKAGE.rglob("__init__.py")}
    assert listed == found | {"qat_kit.recipes"}

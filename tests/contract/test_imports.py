"""The shape of the code: no circles, and folders that a reader takes in at a glance.

Which wing may import which is written in pyproject.toml and checked by import-linter.
"""

from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[2]
#: The most modules in one folder, in the packages that have wings.
MODULES = 12


def test_no_module_imports_itself_through_others() -> None:
    graph = grimp.build_graph("service", "triage", "workers")
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    assert len(imports) > 200
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(reversed(error.args[1])))


def test_a_folder_holds_at_most_twelve_modules() -> None:
    folders = [
        folder
        for room in ("service/api", "service/store", "workers")
        for folder in (ROOT / room, *(ROOT / room).rglob("*/"))
    ]
    counts = {
        str(folder.relative_to(ROOT)): len([path for path in folder.glob("*.py") if path.stem != "__init__"])
        for folder in folders
    }
    assert counts["service/api/routes/jobs"] > 3
    assert {folder: count for folder, count in counts.items() if count > MODULES} == {}

"""Modules with handlers are found by reading files; nothing is imported."""

from pathlib import Path

import pytest

from service.dev_server.discovery import find_handlers, source_folders

ROOT = Path(__file__).resolve().parents[2]
HANDLER = "from triage import job\n\n\n@job\nasync def work(ctx): ...\n"


def write(root: Path, **files: str) -> None:
    for name, text in files.items():
        path = root / f"{name.replace('__in__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.mark.parametrize(
    "text",
    [
        HANDLER,
        "from triage import Context, job as task\n@task(queue='bulk')\ndef work(ctx): ...",
        "import triage\n@triage.job\nasync def work(ctx): ...",
        "import triage as t\n@t.job(name='x')\nasync def work(ctx): ...",
        "from workers.handler import job\n@job()\nasync def work(ctx): ...",
        "import arq\nclass WorkerSettings:\n    functions = []",
        "from triage import job\n@job\nasync def broken(ctx: ...",
    ],
)
def test_a_module_with_handlers_is_found(tmp_path: Path, text: str) -> None:
    write(tmp_path, shop_jobs=text)
    assert find_handlers(tmp_path).modules == ("shop_jobs",)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "from triage import job",
        "from other import job\n@job\nasync def work(ctx): ...",
        "# triage\ndef job(f): return f\n@job\nasync def work(ctx): ...",
        "from triage.testing import run",
        "raise SystemExit('imported')",
    ],
)
def test_other_modules_are_not(tmp_path: Path, text: str) -> None:
    write(tmp_path, other=text)
    assert find_handlers(tmp_path).modules == ()


def test_packages_and_a_source_folder_are_searched_and_tests_and_environments_are_not(tmp_path: Path) -> None:
    write(
        tmp_path,
        top=HANDLER,
        shop__in__mail__in__jobs=HANDLER,
        shop__in____init__=HANDLER,
        src__in__inner__in__jobs=HANDLER,
        tests__in__jobs=HANDLER,
        node_modules__in__jobs=HANDLER,
        test_jobs=HANDLER,
        conftest=HANDLER,
        env__in__lib__in__jobs=HANDLER,
        a__in__b__in__c__in__d__in__e__in__too_deep=HANDLER,
    )
    (tmp_path / "env" / "pyvenv.cfg").touch()
    (tmp_path / ".hidden").mkdir()
    write(tmp_path / ".hidden", jobs=HANDLER)
    found = find_handlers(tmp_path)
    assert found.modules == ("inner.jobs", "shop", "shop.mail.jobs", "top")
    assert found.import_folders == (str(tmp_path / "src"),)
    names = {folder.name for folder in source_folders(tmp_path)}
    assert names.isdisjoint({"env", "tests", "node_modules", ".hidden"})


def test_in_triages_own_checkout_only_modules_next_to_the_readme_count() -> None:
    assert source_folders(ROOT) == [ROOT]
    assert find_handlers(ROOT).modules == ()

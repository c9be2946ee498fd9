"""The scripts of the pages match the types in their comments."""

from tests.e2e.processes import ROOT
from tests.sdks.tooling import Tooling

OPTIONS = (
    "--noEmit --allowJs --checkJs --strict --target esnext --module esnext --moduleResolution bundler "
    "--lib esnext,dom,dom.iterable"
)


def test_the_types_of_the_pages_hold(tooling: Tooling) -> None:
    scripts = sorted(str(path) for path in (ROOT / "service/api").glob("*/*.js"))
    assert len(scripts) > 20
    tooling.run(f"tsc {OPTIONS} {' '.join(scripts)}", ROOT / "service/api")

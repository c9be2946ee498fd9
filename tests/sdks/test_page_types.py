"""The scripts of the pages match the types in their comments."""

from tests.e2e.processes import ROOT
from tests.sdks.tooling import Tooling

OPTIONS = (
    "--noEmit --allowJs --checkJs --strict --target esnext --module esnext --moduleResolution bundler "
    "--lib esnext,dom,dom.iterable"
)


def test_the_types_of_the_pages_hold(tooling: Tooling) -> None:
    scripts = sorted(
        str(path)
        for path in [
            *(ROOT / "service/api/reference").glob("*.js"),
            *(ROOT / "service/api/dashboard").rglob("*.js"),
        ]
        if "vendor" not in path.parts
    )
    assert len(scripts) > 20
    # Libraries have no types of ours, so what they return is unknown, and their own findings do not count.
    report = tooling.run(
        f"tsc {OPTIONS} --noImplicitAny false {' '.join(scripts)}", ROOT / "service/api", None, {0, 2}
    )
    findings = [
        line for line in report.splitlines() if line and not line.startswith(("dashboard/vendor/", " "))
    ]
    assert findings == [], "\n".join(findings)

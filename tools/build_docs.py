"""Builds the documentation as a website: `make docs`.

It copies the pages, and the files that they link to, into one folder, because mkdocs reads no others.
docs/index.md is the only map: the navigation follows from it.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
STAGED, SITE = ROOT / ".cache/docs", ROOT / "site"
INDEX = ROOT / "docs/index.md"
#: Pages outside of docs that belong to the site.
OTHERS = ("CHANGELOG.md", "CONTRIBUTING.md", "helm/triage/README.md", *(
    str(path.relative_to(ROOT)) for path in sorted((ROOT / "examples").rglob("README.md"))
))  # fmt: skip
_LINK = re.compile(r"(\[[^\]]*\]\()([^)\s#]*)((?:#[^)\s]*)?\))")
_FENCE = re.compile(r"^( *)(```|~~~).*?^\1\2 *$", re.MULTILINE | re.DOTALL)
#: Files that are copied as they are; a page shows the text of any other.
_STATIC = frozenset({".json", ".svg", ".png"})
_EXTERNAL = re.compile(
    r"<(?:script|img|iframe)[^>]+src=[\"']?(?:https?:)?//[^>]+|<link[^>]+rel=[\"']?(?:stylesheet|preconnect)[^>]+https?:[^>]+"
)


def pages() -> list[Path]:
    return [*sorted((ROOT / "docs").rglob("*.md")), *(ROOT / name for name in OTHERS)]


def place_of(path: Path) -> Path:
    """Where a file of the repository is in the site: the folder docs is the root."""
    name = path.relative_to(ROOT)
    name = Path(*name.parts[1:]) if name.parts[0] == "docs" else name
    return name if name.suffix in {".md", *_STATIC} else name.with_name(f"{name.name}.md")


def stage() -> list[str]:
    """Write all pages and linked files; returns the links that lead nowhere."""
    shutil.rmtree(STAGED, ignore_errors=True)
    broken: list[str] = []
    linked: set[Path] = set()
    for page in pages():
        text, found, missing = rewritten(page)
        broken += missing
        linked |= found
        _write(STAGED / place_of(page), indented(text))
    for path in sorted(linked - set(pages())):
        if path.suffix in _STATIC:
            (STAGED / place_of(path)).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, STAGED / place_of(path))
        else:
            language = {".py": "python", ".yaml": "yaml", ".toml": "toml"}.get(path.suffix, "text")
            name = path.relative_to(ROOT)
            _write(STAGED / place_of(path), f"# {name}\n\n```{language}\n{path.read_text()}```\n")
    return broken


def rewritten(page: Path) -> tuple[str, set[Path], list[str]]:
    """The page with links that fit the site, the files that it links to, and its broken links."""
    found: set[Path] = set()
    broken: list[str] = []
    here = place_of(page).parent

    def replaced(match: re.Match[str]) -> str:
        link = match[2]
        if not link or "://" in link or link.startswith("mailto:"):
            return match[0]
        target = Path(os.path.normpath(page.parent / link))
        if target.is_dir():
            target = next(
                (path for path in (target / "README.md", target / "Dockerfile") if path.exists()), target
            )
        if not target.is_file():
            broken.append(f"{page.relative_to(ROOT)}: {link}")
            return match[0]
        found.add(target)
        return f"{match[1]}{os.path.relpath(place_of(target), here)}{match[3]}"

    return "".join(_outside_code(page.read_text(), replaced)), found, broken


def _outside_code(text: str, replace: Callable[[re.Match[str]], str]) -> Iterator[str]:
    last = 0
    for fence in _FENCE.finditer(text):
        yield _LINK.sub(replace, text[last : fence.start()])
        yield fence[0]
        last = fence.end()
    yield _LINK.sub(replace, text[last:])


def indented(text: str) -> str:
    """With four spaces before what belongs to an item of a list, as Python's Markdown requires."""
    lines: list[str] = []
    width, in_code = 0, False
    for line in text.split("\n"):
        if line.startswith("```"):
            in_code, width = not in_code, 0
        item = None if in_code else re.match(r"\* |\d+\. ", line)
        if item is not None:
            width = len(item[0])
        elif line.strip() and not line.startswith(" " * width):
            width = 0
        lines.append(" " * (4 - width) + line if width and item is None and line.strip() else line)
    return "\n".join(lines)


def navigation() -> list[Mapping[str, object]]:
    """The map as mkdocs wants it: sections, and groups in them, of pages."""
    nav: list[dict[str, object]] = [{"Home": "index.md"}]
    group: list[dict[str, object]] = nav
    section: list[dict[str, object]] = nav
    for line in INDEX.read_text().splitlines():
        if line.startswith("## "):
            group = section = []
            nav.append({line[3:]: section})
        elif (heading := re.fullmatch(r"\*\*(.+)\*\*", line)) is not None:
            group = []
            section.append({heading[1]: group})
        for link in re.findall(r"\]\(([^)#\s]+)", line):
            target = Path(os.path.normpath(INDEX.parent / link))
            if target.suffix == ".md":
                group += _entries(target)
    return [*nav, {"Project": [{"Changelog": "CHANGELOG.md"}, {"Contributing": "CONTRIBUTING.md"}]}]


def _entries(target: Path) -> list[dict[str, object]]:
    """A page, and the pages of the folder that it introduces."""
    folder = target.parent if target.name == "README.md" else target.with_suffix("")
    below = sorted(path for path in folder.glob("*.md") if path != target) if folder.is_dir() else []
    if target.name == "README.md" and folder.name == "examples":
        below = sorted(path for path in folder.rglob("README.md") if path != target)
    if not below:
        return [{title(target): str(place_of(target))}]
    return [
        {
            title(target): [
                {"Overview": str(place_of(target))},
                *({title(page): str(place_of(page))} for page in below),
            ]
        }
    ]


def title(page: Path) -> str:
    return re.search(r"^# (.+)$", page.read_text(), re.MULTILINE)[1].replace("`", "")  # type: ignore[index]


def main() -> int:
    """Exit with 1 for a broken link, a page outside the map, or one that loads something from elsewhere."""
    if broken := stage():
        sys.stderr.write("\n".join(["Links that lead nowhere:", *broken, ""]))
        return 1
    config = yaml.safe_load((ROOT / "tools/mkdocs.yaml").read_text())
    written = config | {"docs_dir": str(STAGED), "site_dir": str(SITE), "nav": navigation()}
    file = STAGED.with_name("mkdocs.yaml")
    _write(file, yaml.safe_dump(written, sort_keys=False))
    environment = {**os.environ, "DISABLE_MKDOCS_2_WARNING": "true", "NO_MKDOCS_2_WARNING": "true"}
    command = [
        sys.executable,
        "-m",
        "mkdocs",
        "build",
        "--strict",
        "--quiet",
        "--clean",
        "--config-file",
        str(file),
    ]
    if (code := subprocess.run(command, check=False, env=environment).returncode) != 0:
        return code
    foreign = [f"{path.relative_to(SITE)}: {found[0][:120]}" for path in SITE.rglob("*.html")
               for found in _EXTERNAL.finditer(path.read_text())]  # fmt: skip
    if foreign:
        sys.stderr.write("\n".join(["Loaded from elsewhere:", *foreign[:20], ""]))
        return 1
    print(f"wrote {SITE.relative_to(ROOT)}/: {len(list(SITE.rglob('index.html')))} pages")
    return 0


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


if __name__ == "__main__":
    raise SystemExit(main())

"""Web pages: static files of the package, under URLs that contain a hash of their content."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Self

_MEDIA_TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
    "md": "text/markdown; charset=utf-8",
}
#: The placeholder in a page for the URL of its files.
_BUILD = b"@build@"
_PAGE = "index.html"


@dataclass(frozen=True, slots=True)
class File:
    content: bytes
    media_type: str
    etag: str

    @classmethod
    def of(cls, name: str, content: bytes) -> Self:
        return cls(content, _MEDIA_TYPES[name.rpartition(".")[2]], f'"{_digest(content)}"')


@dataclass(frozen=True, slots=True)
class Site:
    """A page and its files. `build` changes with any file, so that browsers never mix builds."""

    build: str
    page: File
    files: Mapping[str, File]


def build_site(*folders: Traversable, names: frozenset[str] | None = None) -> Site:
    """Build from all files of the first folder, and from the files with these `names` in the others."""
    contents: dict[str, bytes] = {}
    for number, folder in enumerate(folders):
        for path in sorted(folder.iterdir(), key=lambda path: path.name):
            if number == 0 or names is None or path.name in names:
                contents[path.name] = path.read_bytes()
    build = _digest(*(part for name, content in contents.items() for part in (name.encode(), content)))
    page = contents.pop(_PAGE).replace(_BUILD, build.encode())
    return Site(
        build, File.of(_PAGE, page), {name: File.of(name, content) for name, content in contents.items()}
    )


@cache
def dashboard() -> Site:
    """The dashboard for operators."""
    return build_site(files("service.api") / "dashboard")


@cache
def reference() -> Site:
    """The API reference: Swagger UI, from a Python package rather than a CDN."""
    return build_site(
        files("service.api") / "reference",
        files("service.api") / "dashboard",
        files("fastapi_offline") / "static",
        names=frozenset({"icon.svg", "swagger-ui-bundle.js", "swagger-ui.css"}),
    )


def _digest(*parts: bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()[:16]

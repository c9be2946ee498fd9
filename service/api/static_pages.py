"""Web pages: static files of the package, under URLs that contain a hash of their content."""

import gzip
import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from html import escape
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Self

_MEDIA_TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "mjs": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
    "md": "text/markdown; charset=utf-8",
}
#: The placeholder in a page for the URL of its files.
_BUILD = b"@build@"
#: The placeholder in a page for hints that load all its modules at once, instead of import by import.
_MODULES = b"@modules@"
_PAGE = "index.html"
#: The folder of a site with unchanged files of other projects.
_VENDOR = "vendor/"
#: Vendored modules import each other by package name, and an import map would have to be inline.
_PACKAGES = {b'from"preact"': b'from"./preact.mjs"'}
_SOURCE_MAP = re.compile(rb"\n//# sourceMappingURL=\S+\s*$")


@dataclass(frozen=True, slots=True)
class File:
    content: bytes
    media_type: str
    etag: str

    @classmethod
    def of(cls, name: str, content: bytes) -> Self:
        return cls(content, _MEDIA_TYPES[name.rpartition(".")[2]], f'"{_digest(content)}"')

    def compressed(self) -> "File":
        """The same with `Content-Encoding: gzip`: another representation, so with another ETag."""
        return _compressed(self)


@cache
def _compressed(file: File) -> File:
    return File(gzip.compress(file.content, mtime=0), file.media_type, f'{file.etag[:-1]}-gzip"')


@dataclass(frozen=True, slots=True)
class Site:
    """A page and its files. `build` changes with any file, so that browsers never mix builds."""

    build: str
    page: File
    files: Mapping[str, File]

    def with_settings(self, settings: Mapping[str, str]) -> Self:
        """The same site, whose page has these settings as `data-` attributes of its root."""
        written = "".join(f' data-{name}="{escape(value)}"' for name, value in settings.items())
        content = self.page.content.replace(b"<html", b"<html" + written.encode(), 1)
        return type(self)(self.build, File.of(_PAGE, content), self.files)


def build_site(*folders: Traversable, names: frozenset[str] | None = None) -> Site:
    """Build from all files of the first folder, and from the files with these `names` in the others."""
    contents: dict[str, bytes] = {}
    for number, folder in enumerate(folders):
        for name, path in _files(folder) if number == 0 else _files_in(folder):
            if number == 0 or names is None or name in names:
                contents[name] = _resolved(name, path.read_bytes())
    build = _digest(*(part for name, content in contents.items() for part in (name.encode(), content)))
    page = contents.pop(_PAGE).replace(_MODULES, _hints(contents)).replace(_BUILD, build.encode())
    return Site(
        build, File.of(_PAGE, page), {name: File.of(name, content) for name, content in contents.items()}
    )


def _hints(names: Iterable[str]) -> bytes:
    # A minified file is a classic script.
    modules = [name for name in names if name.endswith((".js", ".mjs")) and ".min." not in name]
    return "\n  ".join(
        f'<link rel="modulepreload" href="dashboard/@build@/{name}">' for name in modules
    ).encode()


def _files(folder: Traversable, prefix: str = "") -> Iterator[tuple[str, Traversable]]:
    """Files of known types with their paths, also in subfolders."""
    yield from _files_in(folder, prefix)
    for path in sorted(folder.iterdir(), key=lambda path: path.name):
        if path.is_dir():
            yield from _files(path, f"{prefix}{path.name}/")


def _files_in(folder: Traversable, prefix: str = "") -> Iterator[tuple[str, Traversable]]:
    for path in sorted(folder.iterdir(), key=lambda path: path.name):
        if path.name.rpartition(".")[2] in _MEDIA_TYPES and path.is_file():
            yield prefix + path.name, path


def _resolved(name: str, content: bytes) -> bytes:
    """A vendored module as a browser can load it."""
    if name.startswith(_VENDOR):
        content = _SOURCE_MAP.sub(b"\n", content)
        for package, file in _PACKAGES.items():
            content = content.replace(package, file)
    return content


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

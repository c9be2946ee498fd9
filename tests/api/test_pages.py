"""The HTML pages: public, strict, complete, and cached in a way that survives a deploy."""

import posixpath
import re
from pathlib import Path

import pytest

from service.api import static_pages
from service.api.auth.credentials import SCOPES
from service.store.namespace import Namespace
from tests.api.client import Api, problem

ROOT = Path(__file__).parents[2]
PAGES = ("/dashboard", "/docs")
DASHBOARD = ROOT / "service/api/dashboard"
OURS = [path for path in sorted(DASHBOARD.rglob("*.js")) if "vendor" not in path.parts]
SCRIPTS = [*OURS, *sorted((ROOT / "service/api/reference").glob("*.js"))]
STRICT = {
    "default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "base-uri 'none'",
    "form-action 'none'", "frame-ancestors 'none'",
}  # fmt: skip


@pytest.fixture(params=["off", "required"])
def auth(request: pytest.FixtureRequest) -> str:
    return request.param


def loaded(html: str) -> list[str]:
    """Addresses of the resources that a page loads; its links do not count."""
    return re.findall(r'<(?:script|link)[^>]* (?:src|href)="([^"]+)"', html)


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_is_public_strict_and_loads_only_its_own_files(
    store: Namespace, path: str, auth: str
) -> None:
    api = Api(store.scripts.redis, store.scripts.namespace, auth=auth)
    response = await api.http.get(path)
    assert response.status_code == 200
    policy = set(response.headers["content-security-policy"].split("; "))
    images = "img-src 'self' data:" if path == "/docs" else "img-src 'self'"
    assert policy == {*STRICT, images}
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["referrer-policy"] == "no-referrer"
    assert response.headers["x-frame-options"] == "DENY"
    assert "set-cookie" not in response.headers
    assert len(loaded(response.text)) >= 3
    for address in loaded(response.text):
        file = await api.http.get(f"/{address}")
        assert file.status_code == 200, address
        assert file.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert file.headers["content-security-policy"] == response.headers["content-security-policy"]
    assert not re.search(r"<script(?![^>]* src=)|<style| style=| on\w+=|https?:|//", response.text)
    await api.close()


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_is_revalidated_and_sent_once(api: Api, path: str) -> None:
    response = await api.http.get(path)
    assert response.headers["cache-control"] == "no-cache"
    again = await api.http.get(path, headers={"If-None-Match": response.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["content-security-policy"] == response.headers["content-security-policy"]
    assert (await api.http.get(path, headers={"If-None-Match": '"other"'})).status_code == 200
    assert (await api.http.head(path)).headers["etag"] == response.headers["etag"]


async def test_an_address_of_another_build_or_outside_of_the_files_is_not_found(api: Api) -> None:
    site = static_pages.dashboard()
    assert (await api.http.get(f"/dashboard/{site.build}/main.js")).status_code == 200
    for path in (
        "/dashboard/0123456789abcdef/main.js",
        f"/dashboard/{site.build}/index.html",
        f"/dashboard/{site.build}/swagger-ui.css",
        f"/dashboard/{site.build}/..%2f..%2fapp.py",
        f"/dashboard/{site.build}/%2e%2e/app.py",
        f"/docs/{static_pages.reference().build}/redoc.standalone.js",
        "/docs/oauth2-redirect",
        "/dashboard/",
        f"/dashboard/{site.build}/vendor/versions.json",
        f"/dashboard/{site.build}/vendor/preact.LICENSE",
    ):
        problem(await api.http.get(path), 404, "not_found")


def test_any_change_of_a_file_is_another_build(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text('<script src="x/@build@/a.js"></script>')
    (tmp_path / "a.js").write_text("1")
    first = static_pages.build_site(tmp_path)
    assert first.page.content.decode() == f'<script src="x/{first.build}/a.js"></script>'
    (tmp_path / "a.js").write_text("2")
    second = static_pages.build_site(tmp_path)
    assert (first.build != second.build, first.page.etag != second.page.etag) == (True, True)
    (tmp_path / "a.js").rename(tmp_path / "b.js")
    assert static_pages.build_site(tmp_path).build not in (first.build, second.build)


def test_every_module_that_is_imported_is_served() -> None:
    files = static_pages.dashboard().files
    for name, file in files.items():
        if name.endswith(".min.js") or not name.endswith(("js", "mjs")):
            continue
        # As served: vendored modules import by package name in the repository.
        for imported in re.findall(r'(?:from|import) ?\(?"([\w@./-]+)"', file.content.decode()):
            assert imported.startswith(("./", "../")), (name, imported)
            assert posixpath.normpath(posixpath.join(posixpath.dirname(name), imported)) in files, (
                name,
                imported,
            )


def test_every_module_is_imported() -> None:
    imported = {
        (script.parent / name).resolve()
        for script in OURS
        for name in re.findall(r'from "([^"]+)"', script.read_text())
    }
    assert {path for path in OURS if path not in imported} == {DASHBOARD / "main.js"}


async def test_files_are_compressed_for_clients_that_accept_it(api: Api) -> None:
    address = next(
        link for link in loaded((await api.http.get("/dashboard")).text) if link.endswith("main.js")
    )
    plain = await api.http.get(f"/{address}", headers={"Accept-Encoding": "identity"})
    packed = await api.http.get(f"/{address}", headers={"Accept-Encoding": "gzip, br"})
    assert (plain.headers.get("content-encoding"), packed.headers["content-encoding"]) == (None, "gzip")
    assert plain.content == packed.content
    assert plain.headers["vary"] == packed.headers["vary"] == "Accept-Encoding"
    etags = [response.headers["etag"] for response in (plain, packed)]
    assert etags[0] != etags[1]
    again = {"If-None-Match": etags[1], "Accept-Encoding": "gzip"}
    assert (await api.http.get(f"/{address}", headers=again)).status_code == 304


async def test_the_page_loads_all_modules_at_once(api: Api) -> None:
    links = set(loaded((await api.http.get("/dashboard")).text))
    site = static_pages.dashboard()
    modules = {name for name in site.files if name.endswith(("js", "mjs")) and ".min." not in name}
    assert len(modules) > 50
    assert {f"dashboard/{site.build}/{name}" for name in modules} <= links


async def test_the_page_has_the_settings_of_its_server(store: Namespace) -> None:
    api = Api(store.scripts.redis, store.scripts.namespace, environment_label='"><b>staging')
    text = (await api.http.get("/dashboard")).text
    assert '<html data-auth="off" data-environment="&quot;&gt;&lt;b&gt;staging" lang="en">' in text
    access = (await api.http.get("/dashboard/access")).json()
    assert access == {"namespace": store.scripts.namespace, "scopes": sorted(SCOPES)}
    await api.close()


async def test_only_a_known_key_learns_its_scopes(store: Namespace) -> None:
    api = Api(store.scripts.redis, store.scripts.namespace, auth="required")
    problem(await api.http.get("/dashboard/access"), 401, "unauthenticated")
    await api.close()


def test_no_script_parses_html_or_keeps_a_key_beyond_its_tab() -> None:
    forbidden = re.compile(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|createContextualFragment|srcdoc"
        r"|\beval\b|new Function|setTimeout\(\s*[\"'`]|localStorage|document\.cookie|javascript:|\.style\b"
    )
    assert len(SCRIPTS) > 20
    assert [(path.name, found[0]) for path in SCRIPTS if (found := forbidden.search(path.read_text()))] == []

"""The dashboard, the API reference and the problems: open without a key, because they hold no data."""

from fastapi import APIRouter, Request, Response

from service.api.responses.problem_pages import POLICY, index_html, problem_pages
from service.api.static_pages import File, Site, dashboard, reference
from service.domain.errors import NotFound

#: No external resources, nothing inline, no framing.
STRICT = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
#: Swagger UI has its icons in data: URLs.
WITH_ICONS = STRICT.replace("img-src 'self'", "img-src 'self' data:")
#: Browsers revalidate the page each time; the files that it loads get a new URL with each build.
_PAGE_CACHE = "no-cache"
_FILE_CACHE = "public, max-age=31536000, immutable"


def pages_router() -> APIRouter:
    router = APIRouter(tags=["pages"], include_in_schema=False)
    _add(router, "/dashboard", dashboard(), STRICT)
    _add(router, "/docs", reference(), WITH_ICONS)
    _add_problems(router)
    return router


def _add_problems(router: APIRouter) -> None:
    """The pages to which the `type` of every problem leads."""

    async def index(request: Request) -> Response:
        return _respond(request, File.of("problems.html", index_html().encode()), _PAGE_CACHE, POLICY)

    async def page(request: Request, code: str) -> Response:
        found = problem_pages().get(code)
        if found is None:
            raise NotFound("There is no such problem; GET /problems lists them.")
        if "text/html" in request.headers.get("accept", ""):
            return _respond(request, File.of(f"{code}.html", found.html().encode()), _PAGE_CACHE, POLICY)
        return _respond(request, File.of(f"{code}.md", found.markdown().encode()), _PAGE_CACHE, POLICY)

    for address, endpoint in (("/problems", index), ("/problems/{code}", page)):
        router.add_api_route(
            address, endpoint, methods=["GET", "HEAD"], response_class=Response, response_model=None
        )


def _add(router: APIRouter, path: str, site: Site, policy: str) -> None:
    async def page(request: Request) -> Response:
        return _respond(request, site.page, _PAGE_CACHE, policy)

    async def file(request: Request, build: str, name: str) -> Response:
        found = site.files.get(name)
        # A browser would keep this build's file for a year under another build's URL.
        if found is None or build != site.build:
            raise NotFound()
        return _respond(request, found, _FILE_CACHE, policy)

    for address, endpoint in ((path, page), (path + "/{build}/{name}", file)):
        router.add_api_route(
            address, endpoint, methods=["GET", "HEAD"], response_class=Response, response_model=None
        )


def _respond(request: Request, file: File, cache: str, policy: str) -> Response:
    headers = {"ETag": file.etag, "Cache-Control": cache, "Content-Security-Policy": policy}
    if file.etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(file.content, headers=headers, media_type=file.media_type)

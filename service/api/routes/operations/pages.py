"""The dashboard and the API reference: open without a key, because they hold no data."""

from fastapi import APIRouter, Request, Response

from service.api.context import identify
from service.api.responses import rendering
from service.api.static_pages import File, Site, dashboard, reference
from service.domain.errors import NotFound
from service.settings import Settings

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


def pages_router(settings: Settings) -> APIRouter:
    router = APIRouter(tags=["pages"], include_in_schema=False)
    shown = {"auth": settings.auth, "environment": settings.environment_label}
    _add(router, "/dashboard", dashboard().with_settings(shown), STRICT)
    router.add_api_route("/dashboard/access", _access, methods=["GET"], response_model=None)
    _add(router, "/docs", reference(), WITH_ICONS)
    return router


async def _access(request: Request) -> Response:
    """What the caller may do, so that the dashboard offers nothing that the API would refuse."""
    caller = await identify(request)
    return rendering.respond({"namespace": caller.namespace, "scopes": sorted(caller.scopes)})


def _add(router: APIRouter, path: str, site: Site, policy: str) -> None:
    async def page(request: Request) -> Response:
        return _respond(request, site.page, _PAGE_CACHE, policy)

    async def file(request: Request, build: str, name: str) -> Response:
        found = site.files.get(name)
        # A browser would keep this build's file for a year under another build's URL.
        if found is None or build != site.build:
            raise NotFound()
        return _respond(request, found, _FILE_CACHE, policy)

    for address, endpoint in ((path, page), (path + "/{build}/{name:path}", file)):
        router.add_api_route(
            address, endpoint, methods=["GET", "HEAD"], response_class=Response, response_model=None
        )


def _respond(request: Request, file: File, cache: str, policy: str) -> Response:
    headers = {"Cache-Control": cache, "Content-Security-Policy": policy, "Vary": "Accept-Encoding"}
    if "gzip" in request.headers.get("accept-encoding", ""):
        file = file.compressed()
        headers["Content-Encoding"] = "gzip"
    headers["ETag"] = file.etag
    if file.etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(file.content, headers=headers, media_type=file.media_type)

"""Requests with a bearer token, and the shape of their refusals."""

from tests.api.client import Api, problem


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def refused(api: Api, token: str, says: str | None = None) -> None:
    response = await api.http.get("/v1/jobs", headers=bearer(token))
    document = problem(response, 401, "unauthenticated")
    assert response.headers["www-authenticate"] == 'Bearer realm="triage", error="invalid_token"'
    assert document["detail"] == says or (says is None and "Invalid API key or token" in document["detail"])

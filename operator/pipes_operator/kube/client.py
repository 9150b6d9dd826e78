"""Raw JSON calls to the API server: async, typed errors, a time limit on each.

Plain aiohttp under the `kubernetes` package's own configuration loading: its
generated client builds model objects for every answer, which a status write on
the way from approval to first call does not need.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any, Literal

import aiohttp
import msgspec

from .access import Access, AccessError
from .errors import Unavailable, from_answer
from .resource import Resource

Json = dict[str, Any]
PatchKind = Literal["merge", "json", "apply"]

_PATCH_TYPES = {
    "merge": "application/merge-patch+json",
    "json": "application/json-patch+json",
    "apply": "application/apply-patch+yaml",
}
_METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
_METADATA = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
_PAGE = 2000
FIELD_MANAGER = "pipes-operator"
DEFAULT_SECONDS = 10.0


class KubeClient:
    """One API server. Every call raises a `KubeError` when it is not done as asked."""

    def __init__(self, access: Access, *, connections: int = 64) -> None:
        self._access = access
        self._base = access.endpoint.server
        self._date = ""
        context = access.tls()
        connector = aiohttp.TCPConnector(
            limit=connections, ssl=context if context is not None else False, keepalive_timeout=60
        )
        self._http = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": FIELD_MANAGER, "Accept": "application/json"},
        )

    async def __aenter__(self) -> "KubeClient":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._http.close()

    @property
    def server_time(self) -> datetime | None:
        """A time not before the API server's clock at its last answer; None before the first one."""
        try:
            return parsedate_to_datetime(self._date) + timedelta(seconds=1) if self._date else None
        except ValueError:
            return None

    async def get(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        *,
        metadata_only: bool = False,
        seconds: float = DEFAULT_SECONDS,
    ) -> Json:
        accept = _METADATA if metadata_only else None
        return await self.request("GET", resource.path(namespace, name), accept=accept, seconds=seconds)

    async def get_path(self, path: str, *, seconds: float = DEFAULT_SECONDS) -> Json:
        """GET of a path that is no object: discovery, `/version`."""
        return await self.request("GET", path, seconds=seconds)

    async def list(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        metadata_only: bool = False,
        seconds: float = 30.0,
    ) -> tuple[list[Json], int]:
        """All objects, page by page, and the resourceVersion at which the list is true.

        `metadata_only` asks for PartialObjectMetadata, which spares the server and us the bodies.
        """
        items: list[Json] = []
        query: dict[str, str] = {"limit": str(_PAGE)}
        while True:
            answer = await self.request(
                "GET",
                resource.path(namespace),
                query=query,
                accept=_METADATA_LIST if metadata_only else None,
                seconds=seconds,
            )
            items.extend(answer.get("items") or [])
            metadata = answer.get("metadata") or {}
            token = metadata.get("continue")
            if not token:
                return items, int(metadata.get("resourceVersion") or 0)
            query = {"limit": str(_PAGE), "continue": token}

    async def create(
        self,
        resource: Resource,
        namespace: str | None,
        body: Mapping[str, Any],
        *,
        dry_run: bool = False,
        seconds: float = DEFAULT_SECONDS,
    ) -> Json:
        query = {"fieldManager": FIELD_MANAGER, **({"dryRun": "All"} if dry_run else {})}
        return await self.request("POST", resource.path(namespace), body, query=query, seconds=seconds)

    async def replace(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        body: Mapping[str, Any],
        *,
        subresource: str | None = None,
        seconds: float = DEFAULT_SECONDS,
    ) -> Json:
        """PUT; a `metadata.resourceVersion` in the body makes it conditional on that version."""
        path = resource.path(namespace, name, subresource)
        return await self.request("PUT", path, body, query={"fieldManager": FIELD_MANAGER}, seconds=seconds)

    async def patch(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        body: Any,
        kind: PatchKind,
        *,
        subresource: str | None = None,
        dry_run: bool = False,
        seconds: float = DEFAULT_SECONDS,
    ) -> Json:
        query = {"fieldManager": FIELD_MANAGER, **({"dryRun": "All"} if dry_run else {})}
        return await self.request(
            "PATCH",
            resource.path(namespace, name, subresource),
            body,
            query=query,
            content_type=_PATCH_TYPES[kind],
            seconds=seconds,
        )

    async def delete(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        *,
        uid: str | None = None,
        version: str | None = None,
        seconds: float = DEFAULT_SECONDS,
    ) -> None:
        """Delete that very object: another uid or version under the name is a `Conflict`."""
        preconditions = {key: value for key, value in (("uid", uid), ("resourceVersion", version)) if value}
        body: Json = {"apiVersion": "v1", "kind": "DeleteOptions"}
        if preconditions:
            body["preconditions"] = preconditions
        await self.request("DELETE", resource.path(namespace, name), body, seconds=seconds)

    async def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: Mapping[str, str] | None = None,
        accept: str | None = None,
        content_type: str = "application/json",
        seconds: float = DEFAULT_SECONDS,
    ) -> Json:
        """One call; a 401 is tried once more with the token file read again."""
        try:
            return await self._send(method, path, body, query, accept, content_type, seconds, renew=False)
        except Unavailable as error:
            if error.status != 401 or self._access.endpoint.token_file is None:
                raise
        return await self._send(method, path, body, query, accept, content_type, seconds, renew=True)

    async def _send(
        self,
        method: str,
        path: str,
        body: Any,
        query: Mapping[str, str] | None,
        accept: str | None,
        content_type: str,
        seconds: float,
        *,
        renew: bool,
    ) -> Json:
        headers: dict[str, str] = {}
        try:
            token = await self._access.bearer(renew=renew)
        except AccessError as error:
            raise Unavailable(str(error)) from None
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        if accept is not None:
            headers["Accept"] = accept
        data: bytes | None = None
        if body is not None:
            headers["Content-Type"] = content_type
            data = msgspec.json.encode(body)
        try:
            async with self._http.request(
                method,
                self._base + path,
                params=query,
                data=data,
                headers=headers,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=seconds),
            ) as response:
                raw = await response.read()
                status, retry_after = response.status, response.headers.get("Retry-After")
                self._date = response.headers.get("Date", self._date)
        except TimeoutError:
            raise Unavailable(f"{method} {path}: no answer within {seconds:g} s") from None
        except (aiohttp.ClientError, OSError) as error:
            raise Unavailable(f"{method} {path}: {type(error).__name__}: {error}") from None
        answer = _json(raw)
        if 200 <= status < 300 and isinstance(answer, dict):
            return answer
        raise from_answer(status, answer, retry_after)


def _json(raw: bytes) -> Any:
    try:
        return msgspec.json.decode(raw)
    except msgspec.DecodeError:
        return None

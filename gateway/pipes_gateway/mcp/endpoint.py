"""`/mcp` over aiohttp: which era a request is of, and what HTTP says about it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import hdrs, web

from . import guard, jsonrpc, legacy, modern, sse
from .changes import Changes
from .exchange import Exchange, json_response
from .jsonrpc import Id, Message, RpcError
from .legacy import McpSession, McpSessions
from .methods import CallContext, Methods, Tools, progress_token, session_name, traceparent, unknown_method
from .protocol import (
    BUSY,
    HANDSHAKE_VERSIONS,
    INVALID_PARAMS,
    INVALID_REQUEST,
    MODERN_VERSIONS,
    SESSION_HEADER,
    SUBSCRIPTION_META,
    TOOLS_CHANGED,
    VERSION_HEADER,
)

log = logging.getLogger(__name__)

MAXIMUM_LISTENERS = 64
RETRY_AFTER = {hdrs.RETRY_AFTER: "30"}

Authenticate = Callable[[str], Awaitable[None]]
"""Checks the value of an Authorization header; raises RpcError with status 401."""


class Endpoint:
    """Handlers of one MCP endpoint. Serve with `handler_cancellation=True`: a client that leaves has cancelled."""

    def __init__(
        self,
        tools: Tools,
        changes: Changes,
        *,
        version: str,
        authenticate: Authenticate,
        clock: Callable[[], float],
        sessions: McpSessions | None = None,
    ) -> None:
        self._methods = Methods(tools, version)
        self._changes = changes
        self._authenticate = authenticate
        self.sessions = sessions if sessions is not None else McpSessions(clock)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        match request.method:
            case hdrs.METH_POST:
                return await self._post(request)
            case hdrs.METH_GET | hdrs.METH_DELETE if request.headers.get(VERSION_HEADER) not in MODERN_VERSIONS:
                return await self._of_session(request)
        error = RpcError(INVALID_REQUEST, f"{request.method} is not served here", status=405)
        return _refusal(error, None, {hdrs.ALLOW: "POST"})

    async def _post(self, request: web.Request) -> web.StreamResponse:
        request_id: Id = None
        try:
            body = await guard.read_body(request)
            # Every refusal repeats the request's id, so the body is read before Host and Origin are judged.
            decoded, unreadable = _decode(body)
            request_id = jsonrpc.id_of(decoded)
            guard.check_addressee(request)
            guard.check_form(request)
            if hdrs.AUTHORIZATION in request.headers:
                await self._authenticate(request.headers[hdrs.AUTHORIZATION])
            if unreadable is not None:
                raise unreadable
            message = jsonrpc.message(decoded)
            if modern.is_modern(request.headers, message):
                return await self._modern(request, message)
            return await self._legacy(request, message)
        except RpcError as error:
            headers = {hdrs.WWW_AUTHENTICATE: _challenge(error)} if error.status == 401 else {}
            return _refusal(error, request_id, headers)
        except legacy.Full:
            return _refusal(RpcError(BUSY, "Too many open sessions or streams", status=503), request_id, RETRY_AFTER)

    # -- 2026-07-28 ------------------------------------------------------------

    async def _modern(self, request: web.Request, message: Message) -> web.StreamResponse:
        if message.notification:
            # The revision has none from client to server; one that comes anyway is taken and dropped.
            modern.check_version(request.headers[VERSION_HEADER])
            return web.Response(status=202)
        modern.check(request.headers, message)
        match message.method:
            case "tools/call":
                return await self._modern_call(request, message)
            case "tools/list":
                result = self._methods.modern_list(message.params)
            case "server/discover":
                result = self._methods.discover()
            case "subscriptions/listen":
                return await self._listen(request, message)
            case _:
                raise unknown_method(message, status=404)
        return _result(message.id, self._methods.complete(result))

    async def _modern_call(self, request: web.Request, message: Message) -> web.StreamResponse:
        exchange, task = self._start_call(request, message)
        try:
            return await exchange.answer(task)
        finally:
            # The client closing the response stream is its cancellation.
            task.cancel()

    async def _listen(self, request: web.Request, message: Message) -> web.StreamResponse:
        wanted = message.params.get("notifications")
        if not isinstance(wanted, dict):
            raise RpcError(INVALID_PARAMS, "params.notifications must be an object")
        if not guard.accepts(request, "text", "event-stream"):
            raise RpcError(INVALID_REQUEST, "subscriptions/listen needs Accept: text/event-stream", status=406)
        if self._changes.listeners >= MAXIMUM_LISTENERS:
            raise legacy.Full
        told = {"toolsListChanged": True} if wanted.get("toolsListChanged") is True else {}
        meta = {"_meta": {SUBSCRIPTION_META: message.id}}
        stream = await sse.begin(request)
        acknowledged = sse.notification("notifications/subscriptions/acknowledged", {"notifications": told, **meta})
        await stream.write(sse.event(acknowledged))
        changed = sse.event(sse.notification(TOOLS_CHANGED, meta)) if told else b""
        await self._tell_changes(stream, changed)
        result = self._methods.complete(meta)
        await stream.write(sse.event({"jsonrpc": "2.0", "id": message.id, "result": result}))
        await stream.write_eof()
        return stream

    # -- revisions with a handshake ----------------------------------------------

    async def _legacy(self, request: web.Request, message: Message) -> web.StreamResponse:
        if message.method == "initialize" and not message.notification:
            result = self._methods.initialize(message.params)
            session = self.sessions.open(result["protocolVersion"])
            response = _result(message.id, result)
            response.headers[SESSION_HEADER] = session.id
            return response
        session = self._session(request)
        if message.notification:
            if message.method == "notifications/cancelled":
                cancelled = message.params.get("requestId")
                session.cancel(cancelled if isinstance(cancelled, str | int) else None)
            return web.Response(status=202)
        match message.method:
            case "tools/call":
                return await self._legacy_call(request, message, session)
            case "tools/list":
                return _result(message.id, self._methods.list_tools(message.params))
            case "ping":
                return _result(message.id, {})
            case _:
                # A wrong method is the caller's business in these revisions, not the transport's: HTTP says 200.
                raise unknown_method(message, status=200)

    async def _legacy_call(self, request: web.Request, message: Message, session: McpSession) -> web.StreamResponse:
        exchange, task = self._start_call(request, message)
        session.started(message.id, task)
        # In these revisions a lost connection is no cancellation: the call goes on to its own time limit.
        return await exchange.answer(task)

    def _session(self, request: web.Request) -> McpSession:
        session_id = request.headers.get(SESSION_HEADER)
        version = request.headers.get(VERSION_HEADER)
        if session_id is None:
            text = f"{SESSION_HEADER} is missing; begin with initialize, or speak {MODERN_VERSIONS[0]}"
            raise RpcError(INVALID_REQUEST, text)
        if version is not None and version not in HANDSHAKE_VERSIONS:
            modern.check_version(version)
        session = self.sessions.find(session_id)
        if session is None:
            raise RpcError(INVALID_REQUEST, "This MCP session is unknown or has ended; initialize again", status=404)
        return session

    async def _of_session(self, request: web.Request) -> web.StreamResponse:
        """GET: the stream of what the server says by itself. DELETE: the end of a session."""
        try:
            guard.check_addressee(request)
            if hdrs.AUTHORIZATION in request.headers:
                await self._authenticate(request.headers[hdrs.AUTHORIZATION])
            session = self._session(request)
            if request.method == hdrs.METH_DELETE:
                self.sessions.close(session)
                return web.Response(status=204)
            if not guard.accepts(request, "text", "event-stream"):
                raise RpcError(INVALID_REQUEST, "GET needs Accept: text/event-stream", status=406)
            self.sessions.open_stream(session)
        except RpcError as error:
            headers = {hdrs.WWW_AUTHENTICATE: _challenge(error)} if error.status == 401 else {}
            return _refusal(error, None, headers)
        except legacy.Full:
            return _refusal(RpcError(BUSY, "Too many open streams", status=503), None, RETRY_AFTER)
        try:
            stream = await sse.begin(request)
            await self._tell_changes(stream, sse.event(sse.notification(TOOLS_CHANGED)))
            await stream.write_eof()
            return stream
        finally:
            self.sessions.close_stream(session)

    # -- both ----------------------------------------------------------------------

    def _start_call(self, request: web.Request, message: Message) -> tuple[Exchange, asyncio.Task[dict[str, Any]]]:
        can_stream = guard.accepts(request, "text", "event-stream")
        exchange = Exchange(request, message.id, can_stream=can_stream)
        token = progress_token(message)

        def progress(done: float, total: float | None, text: str) -> None:
            params: dict[str, Any] = {"progressToken": token, "progress": done, "message": text}
            exchange.notify("notifications/progress", params | ({"total": total} if total is not None else {}))

        context = CallContext(
            progress=progress if token is not None and can_stream else None,
            traceparent=traceparent(message, request.headers.get("traceparent")),
            session=session_name(message),
        )
        return exchange, asyncio.create_task(self._call(request, message, context))

    async def _call(self, request: web.Request, message: Message, context: CallContext) -> dict[str, Any]:
        stateless = request.headers.get(VERSION_HEADER) in MODERN_VERSIONS
        try:
            result = await self._methods.call_tool(message.params, context)
        except RpcError as error:
            error.status = error.status if stateless else 200
            raise
        except Exception:
            log.exception("a call of %.80r failed", message.params.get("name"))
            raise
        return self._methods.complete(result) if stateless else self._methods.earlier(result)

    async def _tell_changes(self, stream: web.StreamResponse, changed: bytes) -> None:
        with self._changes.listening() as something:
            while not self._changes.closing:
                try:
                    async with asyncio.timeout(sse.KEEP_ALIVE_SECONDS):
                        await something.wait()
                except TimeoutError:
                    await stream.write(sse.KEEP_ALIVE)
                    continue
                something.clear()
                if changed and not self._changes.closing:
                    await stream.write(changed)


def _decode(body: bytes) -> tuple[Any, RpcError | None]:
    try:
        return jsonrpc.parse(body), None
    except RpcError as error:
        return None, error


def _challenge(error: RpcError) -> str:
    """RFC 6750 section 3: a token was shown, and it is bad."""
    return f'Bearer error="invalid_token", error_description="{error.message}"'


def _result(request_id: Id, result: dict[str, Any]) -> web.Response:
    return json_response({"jsonrpc": "2.0", "id": request_id, "result": result})


def _refusal(error: RpcError, request_id: Id, headers: Mapping[Any, str]) -> web.Response:
    response = json_response(error.body(request_id), error.status)
    response.headers.update(headers)
    return response

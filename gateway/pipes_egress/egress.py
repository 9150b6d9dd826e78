"""Egress: judges a call, gets the credential, calls the provider."""

import asyncio
import logging
from contextlib import AsyncExitStack
from dataclasses import replace
from types import TracebackType
from typing import Any

import msgspec

from pipes_api.clock import boottime
from pipes_api.messages import HostedOffer
from pipes_api.reasons import Reason
from pipes_api.resources import Access, CredentialMode
from pipes_catalog.definition import ToolAccess, ToolDefinition
from pipes_catalog.exchange import Exchange
from pipes_catalog.remote import Remote
from pipes_policy.call import Denial

from .arguments import Arguments
from .call import ToolRequest, ToolResult, failure, refusal
from .credentials.cache import CredentialCache, Key
from .credentials.pipes import Pipes, Vended
from .credentials.refusals import unavailable
from .credentials.relay import Relay
from .credentials.usable import must_be_usable
from .hosted.calls import HostedCall
from .hosted.servers import HostedServers, ListChanged, Listed, Permission, Place
from .hosted.way import Way
from .judge import http
from .judge.pool import JudgePool, JudgeUnavailable
from .judge.verdict import Verdict
from .lines import Lines
from .mapping.hosts import HostRefused, host_of, values_of
from .problems import ArgumentRefused, ProviderFailed, Refused
from .restricting import Restrictions
from .run.execution import Execution
from .run.sender import UNKNOWN, Sender
from .run.written import run_written
from .settings import EgressSettings
from .transport.client import Transport

log = logging.getLogger(__name__)

CLOSE_SECONDS = 12.0


class Egress:
    """Executes calls of provider tools. An async context manager that owns its pools.

    Its home (the broker, or a gateway) gives each call the policy chain on live
    state, cancels the task of a call whose session ends, and says `drop` then.
    """

    def __init__(self, settings: EgressSettings) -> None:
        self._settings = settings
        self._transport = Transport(settings)
        self._judges = JudgePool(settings.judge_workers, settings.judge_seconds)
        self._pipes = Pipes(settings, self._transport)
        self._cache = CredentialCache(self._pipes.vend)
        self._relay = Relay(settings.workos_url, self._pipes, self._transport)
        self._relayed = CredentialCache(self._relay.look)
        self._lines = Lines(settings.session_calls)
        self._arguments = Arguments()
        self._restrictions = Restrictions()
        self._hosted = HostedServers(settings, self._transport, self._cache, self._keep)
        self._clean_up: set[asyncio.Task[None]] = set()
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> "Egress":
        await self._stack.enter_async_context(self._transport)
        await self._stack.enter_async_context(self._hosted)
        await self._stack.enter_async_context(self._judges)
        self._stack.push_async_callback(self._cache.close)
        self._stack.push_async_callback(self._relayed.close)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._clean_up:
            await asyncio.wait(set(self._clean_up), timeout=CLOSE_SECONDS)
        await self._stack.aclose()

    async def warm(self) -> None:
        """Start a process that judges, before the first call waits for it."""
        try:
            await self._judges.warm()
        except JudgeUnavailable as error:
            log.warning("%s; it is tried again with the first call", error)

    def drop(self, session_uid: str) -> None:
        """The session has ended: credentials that served only it are forgotten."""
        self._hosted.drop(session_uid)
        self._cache.drop(session_uid)
        self._relayed.drop(session_uid)

    async def listed(self, offer: HostedOffer, provider: str, binding_uid: str, check: Permission) -> Listed:
        """What a hosted server lists, for a binding whose tools nobody has approved yet; held until `drop`.

        Raises:
            Refused, ProviderFailed: it cannot be read now; the sentence says why.
        """
        async with asyncio.timeout(self._settings.call_seconds):
            return await self._hosted.listed(Place.offered(offer, provider), binding_uid, check)

    def on_list_change(self, callback: ListChanged) -> None:
        """Call `callback` when a hosted server is found to list something else than before."""
        self._hosted.on_list_change(callback)

    async def execute(self, request: ToolRequest) -> ToolResult:
        """Execute one call. Never raises for what a caller, a person or a provider can cause.

        A cancelled call is cancelled at the provider too, in the background.
        """
        call = _Call(request)
        try:
            async with asyncio.timeout(self._settings.call_seconds), self._lines.turn(request.grant.uid):
                return await self._execute(call)
        except Refused as error:
            denial = replace(error.denial, session=error.denial.session or request.session)
            return refusal(denial, access=call.access, sent=call.sent)
        except ArgumentRefused as error:
            return failure(f"invalid arguments: {error}", access=call.access, sent=call.sent)
        except ProviderFailed as error:
            return failure(str(error), access=call.access, sent=call.sent)
        except JudgeUnavailable as error:
            return failure(f"the call could not be judged: {error}. Try again in a few seconds.")
        except RecursionError:
            text = "what was asked, or what was answered, is nested too deeply to be dealt with"
            doubt = f". {UNKNOWN}" if call.sent and call.access is not Access.READ else ""
            return failure(text + doubt, access=call.access, sent=call.sent)
        except TimeoutError:
            text = f"it took longer than {self._settings.call_seconds:g} s and was cancelled, at the provider as well"
            return failure(f"{text}. Ask for less, or for a part at a time.", access=call.access, sent=call.sent)

    async def _execute(self, call: "_Call") -> ToolResult:
        request, definition = call.request, call.request.definition
        exchange, remote = definition.exchange, definition.remote
        if exchange is None and remote is None:
            raise ProviderFailed(f"the tool {definition.name} cannot be executed by this version")
        arguments = self._arguments.checked(definition, request.arguments)
        if request.restrict:
            self._restrictions.hold(definition, request.restrict, arguments)
        call.access = await self._access(request, definition, arguments)
        if remote is not None:
            result = await self._at_hosted_server(call, remote, arguments)
        elif exchange is not None:
            result = await self._by_catalog(call, exchange, arguments)
        return msgspec.structs.replace(result, access=call.access, sent=call.sent)

    async def _by_catalog(self, call: "_Call", exchange: Exchange, arguments: dict[str, Any]) -> ToolResult:
        request, definition = call.request, call.request.definition
        granted, key = request.granted, Key.of(request.granted)
        relayed = granted.credential is CredentialMode.RELAY
        cache = self._relayed if relayed else self._cache
        credential = await cache.get(key, request.grant.uid)
        must_be_usable(definition, exchange, credential)
        host, endpoint = self._place(request, exchange, credential, relayed=relayed)
        call.way = sender = Sender(
            transport=self._transport,
            cache=cache,
            key=key,
            session=request.grant.uid,
            credential=credential,
            relay=self._relay.door(granted.provider, granted.connection) if relayed else None,
            exchange=exchange,
            host=host,
            scopes=definition.scopes,
            check=lambda: request.check(call.access, True),
            deadline=boottime() + self._settings.call_seconds,
            reads=call.access is Access.READ,
        )
        await call.reserve()
        if exchange.open is not None:
            return await run_written(exchange.open, sender, arguments)
        execution = Execution(exchange, sender, progress=request.progress, keep=self._keep)
        return await execution.run(arguments, endpoint)

    async def _at_hosted_server(self, call: "_Call", remote: Remote, arguments: dict[str, Any]) -> ToolResult:
        request = call.request
        place = Place.of(request.granted, remote)
        call.way = way = await self._hosted.way(
            place, request.grant.uid, lambda: request.check(call.access, True), traceparent=request.traceparent
        )
        await call.reserve()
        hosted = HostedCall(remote, self._hosted.at(place, request.grant.uid), way, progress=request.progress)
        return await hosted.run(arguments, request.definition.input_schema, repeatable=call.access is Access.READ)

    async def _access(self, request: ToolRequest, definition: ToolDefinition, arguments: dict[str, Any]) -> Access:
        """What the call does, once the policy chain agrees to it."""
        verdict = await self._verdict(request, definition, arguments)
        access, why, refused = verdict.access, verdict.why, verdict.why if verdict.refuse else ""
        denial = request.check(access, False)
        if denial is not None:
            raise Refused(replace(denial, message=f"{denial.message}: {why}") if why else denial)
        if refused:
            message = f"the {definition.judge.argument if definition.judge else 'call'} is refused: {refused}"
            remedy = "Write it so that it can be read in one way only."
            raise Refused(Denial(reason=Reason.ARGUMENTS_NOT_ALLOWED, message=message, remedy=remedy))
        return access

    async def _verdict(self, request: ToolRequest, definition: ToolDefinition, arguments: dict[str, Any]) -> Verdict:
        if definition.judge is not None:
            return await self._judges.judge(definition.judge, arguments, holder=request.grant.uid)
        if definition.exchange is not None and definition.exchange.open is not None:
            return http.judge(definition.exchange.open, arguments)
        return Verdict(access=Access.READ if definition.access is ToolAccess.READ else Access.WRITE)

    def _place(
        self, request: ToolRequest, exchange: Exchange, credential: Vended, *, relayed: bool
    ) -> tuple[str, dict[str, str]]:
        """The host, and what `{endpoint.…}` stands for in requests."""
        granted = request.granted
        if relayed and exchange.host:
            problem = f"the relay cannot be told to send to {exchange.host}; a person must use credential Token"
            raise unavailable(granted.provider, problem)
        values = {"config": credential.config, "metadata": credential.metadata, "endpoint": granted.endpoint}
        known = (*exchange.endpoint.hosts, *self._settings.allowed_hosts.get(granted.provider, ()))
        try:
            host = host_of(exchange.endpoint, values, granted=granted.hosts, known=known, own=exchange.host)
            return host, {**granted.endpoint, **values_of(exchange.endpoint, values)}
        except HostRefused as error:
            if relayed and not error.found:
                return "", granted.endpoint  # the relay knows the tenant's host, and sends to none but the provider's
            raise unavailable(granted.provider, str(error)) from None

    def _keep(self, task: "asyncio.Task[None]") -> None:
        self._clean_up.add(task)
        task.add_done_callback(self._clean_up.discard)


class _Call:
    """What is known of a call so far, whatever ends it."""

    def __init__(self, request: ToolRequest) -> None:
        self.request = request
        self.access: Access | None = None
        self.way: Sender | Way | None = None

    @property
    def sent(self) -> bool:
        return self.way is not None and self.way.sent

    async def reserve(self) -> None:
        """Take the call from the session's budget, once everything is ready to be sent."""
        if self.request.reserve is None or self.access is None:
            return
        denial = await self.request.reserve(self.access)
        if denial is not None:
            raise Refused(denial)

"""Sends the requests of one call: checked before each, with the credential of now, repeated where that is safe."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pipes_api.clock import boottime
from pipes_catalog.definition import Alternatives
from pipes_catalog.exchange import Exchange, FailureKind, Request
from pipes_policy import remedies
from pipes_policy.call import Denial

from ..credentials.cache import CredentialCache, Key
from ..credentials.pipes import Vended
from ..credentials.refusals import unavailable
from ..credentials.relay import RelayDoor, without_credential
from ..credentials.withholding import without
from ..mapping.build import Outgoing, build
from ..mapping.scope import Scope
from ..problems import ProviderFailed, Refused
from ..transport.answers import Answer, AnswerUnreadable
from ..transport.client import NoAnswer, NotSent, Transport
from .downloads import download_of
from .failures import Failure, failure_of

REPETITIONS = 2
LONGEST_PAUSE_SECONDS = 20.0
FIRST_PAUSE_SECONDS = 0.25
UNKNOWN = "Whether it was done is not known; look before trying again, since trying again may do it twice."

FailureOf = Callable[[Exchange, Answer], Failure | None]


@dataclass(kw_only=True, slots=True)
class Sender:
    """One call's way out. `check` is the policy chain on live state; `host` was judged before."""

    transport: Transport
    cache: CredentialCache
    key: Key
    session: str
    credential: Vended
    exchange: Exchange
    host: str
    scopes: tuple[Alternatives, ...]
    check: Callable[[], Denial | None]
    deadline: float
    relay: RelayDoor | None = None
    """The way through Pipes' relay, which adds the credential itself; `credential` then holds none."""
    reads: bool = False
    """The call was found to only read, so that sending twice does no more than once."""
    sent: bool = False
    abandoned: bool = False
    """The caller is gone: nothing more is sent for it, but what cancels what it has started."""
    _renewed: bool = field(default=False)
    _renewing: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def send(
        self,
        request: Request,
        scope: Scope,
        *,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> Answer:
        """Send a request until it is answered with a success.

        Raises:
            Refused: the policy chain, or the connection, forbids it now.
            ProviderFailed: the provider refused, or its answer cannot be had.
            ArgumentRefused: a value cannot be sent where it belongs.
        """

        def make(repetition: int) -> Outgoing:
            again = {**(query or {}), **(request.repeat_query if repetition else {})}
            return build(request, scope, headers=self._headers(), query=again, body=body)

        return await self._answered(make, repeatable=request.repeatable(self.reads), redirected=bool(request.redirect))

    async def send_written(self, write: Callable[[Mapping[str, str]], Outgoing], says: FailureOf) -> Answer:
        """Send what `write` makes of the headers that every request has; `says` tells which answers are failures.

        Raises:
            Refused, ProviderFailed, ArgumentRefused: as `send`.
        """
        return await self._answered(lambda _: write(self._headers()), repeatable=self.reads, says=says)

    async def _answered(
        self,
        make: Callable[[int], Outgoing],
        *,
        repeatable: bool,
        redirected: bool = False,
        says: FailureOf = failure_of,
    ) -> Answer:
        repetition = 0
        while True:
            credential = self.credential
            outgoing = make(repetition)
            try:
                answer = await self._once(self.host, outgoing)
                if redirected:
                    answer = await self._followed(answer)
            except NotSent as error:
                if repetition >= REPETITIONS:
                    raise ProviderFailed(f"{self._title} cannot be reached: {error}. Try again later.") from None
                await self._pause(repetition, None)
            except NoAnswer as error:
                if repetition >= REPETITIONS or not repeatable:
                    raise ProviderFailed(self._unanswered(repeatable, error)) from None
                await self._pause(repetition, None)
            except AnswerUnreadable as error:
                raise ProviderFailed(f"{self._title}: {error}. Ask for less at once.") from None
            else:
                failure = says(self.exchange, answer)
                if failure is None:
                    return answer
                await self._after(failure, repetition, credential, repeatable=repeatable)
            repetition += 1

    async def send_unchecked(self, request: Request, scope: Scope) -> None:
        """Send without asking the policy chain: only to cancel what this call has started."""
        await self._through(self.host, build(request, scope, headers=self._headers()))

    async def _once(self, host: str, outgoing: Outgoing) -> Answer:
        denial = self.check()
        if denial is not None:
            raise Refused(denial)
        if self.abandoned:
            raise ProviderFailed("the call was given up")
        before, self.sent = self.sent, True
        try:
            return self._without_credential(await self._through(host, outgoing))
        except Refused:
            self.sent = before  # by the relay, before the provider saw it
            raise

    async def _through(self, host: str, outgoing: Outgoing) -> Answer:
        if self.relay is not None and host == self.host:
            return await self.relay.send(outgoing)
        return await self.transport.send(host, outgoing)

    async def _followed(self, answer: Answer) -> Answer:
        """The content that the answer sends on to, or the answer itself."""
        download = download_of(answer, self.exchange.endpoint.download_hosts)
        if download is None:
            return answer
        content = await self._once(*download)
        if content.status >= 300:
            raise ProviderFailed(
                f"{self._title} keeps the content where it cannot be had now (status {content.status})"
            )
        return content

    async def _after(self, failure: Failure, repetition: int, used: Vended, *, repeatable: bool) -> None:
        """Whether to try once more; returns when it is time to."""
        again = repeatable and repetition < REPETITIONS
        match failure.kind:
            case FailureKind.UNAUTHORIZED:
                await self._renew(failure, used)
            case FailureKind.SCOPE_MISSING:
                raise ProviderFailed(self._scope_missing(failure), answered=True)
            case FailureKind.RATE_LIMITED | FailureKind.UNAVAILABLE if again:
                if not self._has_time(self._wait(repetition, failure.retry_after)):
                    raise ProviderFailed(_advised(failure))
                await self._pause(repetition, failure.retry_after)
            case FailureKind.TIMED_OUT | FailureKind.UNAVAILABLE if not repeatable:
                raise ProviderFailed(f"{failure.sentence.rstrip('.')}. {UNKNOWN}", answered=True)
            case _:
                raise ProviderFailed(_advised(failure), answered=failure.kind is not FailureKind.RATE_LIMITED)

    async def _renew(self, failure: Failure, used: Vended) -> None:
        """A credential that is refused is replaced once; a second refusal is final."""
        async with self._renewing:
            if used is not self.credential:
                return  # another request of this call has replaced it meanwhile
            self.cache.refuse(self.key, self.credential)
            if self._renewed or self.relay is not None:
                raise unavailable(self._title, f"{failure.sentence}; the account may have to be connected again")
            self._renewed = True
            self.credential = await self.cache.get(self.key, self.session)

    def _headers(self) -> dict[str, str]:
        style, value = self.exchange.credential, self.credential.value
        templates = {**style.headers, **style.by_method.get(self.credential.auth_method, {})}
        if self.relay is not None:
            templates = without_credential(templates)
        headers = {name: text.replace("{credential}", value) for name, text in templates.items()}
        return {"Accept": "application/json", **self.exchange.headers, **headers}

    def _without_credential(self, answer: Answer) -> Answer:
        """Nothing that a provider echoes may hand the credential to the agent."""
        body = without(self.credential.value, answer.body)
        return answer if body is answer.body else Answer(answer.status, answer.headers, body)

    def _scope_missing(self, failure: Failure) -> str:
        needed = failure.scope or ", ".join(" or ".join(entry) for entry in self.scopes)
        return f"{failure.sentence.rstrip('.')}{f' (needed: {needed})' if needed else ''}. {remedies.RECONNECT}"

    def _unanswered(self, repeatable: bool, error: NoAnswer) -> str:
        if repeatable:
            return f"{self._title} does not answer: {error}. Try again later."
        return f"{self._title} did not answer: {error}. {UNKNOWN}"

    def _wait(self, repetition: int, asked: float | None) -> float:
        return asked if asked is not None else FIRST_PAUSE_SECONDS * 2**repetition

    def _has_time(self, seconds: float) -> bool:
        return seconds <= LONGEST_PAUSE_SECONDS and boottime() + seconds < self.deadline

    async def _pause(self, repetition: int, asked: float | None) -> None:
        await asyncio.sleep(self._wait(repetition, asked))

    @property
    def _title(self) -> str:
        return self.exchange.title


def _advised(failure: Failure) -> str:
    if failure.retry_after is not None:
        return f"{failure.sentence.rstrip('.')}. Try again in {failure.retry_after:.0f} s."
    if failure.kind in (FailureKind.RATE_LIMITED, FailureKind.UNAVAILABLE):
        return f"{failure.sentence.rstrip('.')}. Try again later."
    return failure.sentence

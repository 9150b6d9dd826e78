"""Requests about sessions: ask for one, end one. Always for the pod that calls."""

import asyncio
import contextlib
import logging
from collections import defaultdict
from datetime import UTC, datetime

from pipes_api.messages import BindingView, CreateSession, EndSession, Identity, SessionCreated, SessionView
from pipes_api.resources import Agent, AgentSession, AgentSessionSpec
from pipes_api.states import TERMINAL, UNDECIDED, SessionState
from pipes_api.tokens import service_account
from pipes_operator.decisions.endings import asked_by_agent
from pipes_operator.kube.errors import Conflict, Forbidden, Invalid, KubeError, NotFound
from pipes_operator.world import Change, World
from pipes_operator.writer import Writer

from . import asking, views, waiting
from .definitions import Definitions
from .ending import ended_status
from .finding import find_own
from .refusals import forbidden, invalid, not_found, unavailable

logger = logging.getLogger(__name__)

_PROCESSED_WITHIN_SECONDS = 2.0
_ATTEMPTS = 5
_NAME_PREFIX_LENGTH = 40


class Sessions:
    """Creates and ends AgentSessions for gateways."""

    def __init__(self, world: World, writer: Writer, definitions: Definitions, *, pending_cap: int) -> None:
        self._world = world
        self._writer = writer
        self._definitions = definitions
        self._pending_cap = pending_cap
        self._turns: dict[tuple[str, str], asyncio.Lock] = defaultdict(asyncio.Lock)
        self._waiting: dict[str, list[asyncio.Event]] = defaultdict(list)
        world.listen(self._hear)

    async def create(self, caller: Identity, request: CreateSession) -> SessionCreated:
        """A new request for the caller's pod, or the one that already waits and asks for the same.

        Raises:
            Refused: it cannot be granted as it is, or too many wait; nothing was created.
        """
        _only_gateways(caller)
        ask = asking.weigh(request, self._offers(caller), self._definitions.find)
        # One at a time for each agent: the cap is counted and taken in one turn.
        async with self._turns[caller.namespace, caller.service_account]:
            siblings = list(self._world.sessions_of(caller.namespace, caller.service_account))
            same = waiting.same_request(siblings, caller.pod_uid, ask, _now())
            if same is not None:
                return SessionCreated(session=views.session_view(same, _now()), created=False, notes=ask.notes)
            waiting.check([each for each in siblings if asked_by_agent(each)], self._pending_cap, _now())
            session = await self._write(caller, ask)
        logger.info("session %s/%s was asked for by pod %s", caller.namespace, session.metadata.name, caller.pod_name)
        await self._processed(session.metadata.uid)
        latest = self._world.session(session.metadata.uid) or session
        return SessionCreated(session=views.session_view(latest, _now()), created=True, notes=ask.notes)

    async def end(self, caller: Identity, name: str, request: EndSession) -> SessionView:
        """End an Active session of the caller's, or withdraw one that waits. One that has ended stays as it is.

        Raises:
            Refused: there is none of that name that is the caller's.
        """
        _only_gateways(caller)
        session = find_own(self._world, caller, name, request.uid)
        for _ in range(_ATTEMPTS):
            holds = views.standing(session, _now()).state
            if holds in TERMINAL:
                break
            state = SessionState.WITHDRAWN if holds in UNDECIDED else SessionState.ENDED
            done = "withdrew the request" if state is SessionState.WITHDRAWN else "ended the session"
            by = service_account(caller.namespace, caller.service_account)
            try:
                session = await self._writer.write_status(
                    session, ended_status(session, state, f"The agent {done}.", _now(), by=by)
                )
            except Conflict:
                session = await self._fresh(caller, session)
            except NotFound:
                self._world.drop_session(session.metadata.uid)
                raise not_found(name) from None
            except KubeError as error:
                raise unavailable(f"the session could not be ended now (HTTP {error.status})") from None
            else:
                logger.info("session %s/%s: %s by pod %s", caller.namespace, name, state, caller.pod_name)
        else:
            raise unavailable("the session is being changed by others")
        return views.session_view(session, _now())

    async def _fresh(self, caller: Identity, session: AgentSession) -> AgentSession:
        metadata = session.metadata
        with contextlib.suppress(KubeError):
            await self._writer.refresh_session(metadata.namespace, metadata.name)
        return find_own(self._world, caller, metadata.name, metadata.uid)

    def _offers(self, caller: Identity) -> list[BindingView]:
        all_views = (views.binding_view(each, self._definitions) for each in self._world.bindings(caller.namespace))
        return [each for each in all_views if each.offered_to(caller.service_account)]

    async def _write(self, caller: Identity, ask: asking.Ask) -> AgentSession:
        spec = AgentSessionSpec(
            agent=Agent(service_account_name=caller.service_account, pod_uid=caller.pod_uid),
            bindings=ask.bindings,
            duration=ask.duration,
            reason=ask.reason,
            requested_by=service_account(caller.namespace, caller.service_account),
            limits=ask.limits,
        )
        prefix = caller.service_account[:_NAME_PREFIX_LENGTH].rstrip("-.") + "-"
        try:
            return await self._writer.create_session(caller.namespace, prefix, spec)
        except (Invalid, Forbidden) as error:
            raise invalid(f"the API server refuses the request: {error.message[:1000]}") from None
        except KubeError as error:
            logger.warning("a request in %s could not be written: %s", caller.namespace, error)
            raise unavailable(f"the request could not be written now (HTTP {error.status})") from None

    async def _processed(self, uid: str) -> None:
        """Until the operator has given it a state, so that the answer can say more than that it exists."""
        event = asyncio.Event()
        self._waiting[uid].append(event)
        try:
            async with asyncio.timeout(_PROCESSED_WITHIN_SECONDS):
                while _unprocessed(self._world.session(uid)):
                    await event.wait()
                    event.clear()
        except TimeoutError:
            pass
        finally:
            self._waiting[uid].remove(event)
            if not self._waiting[uid]:
                del self._waiting[uid]

    def _hear(self, change: Change) -> None:
        for event in self._waiting.get(change.uid, ()):
            event.set()


def _only_gateways(caller: Identity) -> None:
    if caller.role != "gateway":
        raise forbidden("the broker asks for nothing and ends nothing")


def _unprocessed(session: AgentSession | None) -> bool:
    return session is not None and session.status.state in (None, SessionState.PENDING)


def _now() -> datetime:
    return datetime.now(UTC)

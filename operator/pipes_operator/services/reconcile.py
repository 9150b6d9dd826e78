"""One session: decide, then one write under the version decided on."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime

from pipes_api.resources import AgentSession, ProviderBinding
from pipes_api.states import TERMINAL, UNDECIDED, SessionState
from pipes_operator import metrics
from pipes_operator.decisions import trust
from pipes_operator.decisions.active import granted
from pipes_operator.decisions.decide import decide
from pipes_operator.decisions.facts import Decision, Offers, Rules, SessionFacts
from pipes_operator.kube.errors import Conflict, NotFound
from pipes_operator.world import World
from pipes_operator.writer import Writer

from .events import Events
from .people import People
from .pods import Pods
from .policies import PolicyGuard

logger = logging.getLogger(__name__)

_ATTEMPTS = 5
_PEOPLE_FRESH_SECONDS = 5.0
_PEOPLE_SECONDS = 2.0
"""How long a request waits for Pipes' word about a person: long enough for most, and it keeps one worker busy."""


class NotCurrent(Exception):  # noqa: N818 - reads as what happened
    """Nothing may be activated now: no proof that the view is current, or that we are the leader."""


class SessionReconciler:
    """Brings one session to where it should be."""

    def __init__(
        self,
        world: World,
        writer: Writer,
        guard: PolicyGuard,
        pods: Pods,
        people: People,
        offers: Offers,
        events: Events,
        rules: Rules,
        may_activate: Callable[[], bool],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._world = world
        self._writer = writer
        self._guard = guard
        self._pods = pods
        self._people = people
        self._offers = offers
        self._events = events
        self._rules = rules
        self._may_activate = may_activate
        self._now = now
        self._admitted: set[str] = set()
        self._activated: set[str] = set()

    def adopt(self) -> None:
        """Take the sessions that are Active now as activated by an operator before this one."""
        active = (each for each in self._world.sessions() if each.status.state is SessionState.ACTIVE)
        self._activated.update(each.metadata.uid for each in active)

    def forget(self, uid: str) -> None:
        """The session is gone."""
        self._activated.discard(uid)
        self._admitted.discard(uid)
        self._people.forget(uid)

    def vouches_for(self, session: AgentSession) -> bool:
        """Whether an operator made it Active, and its status says no more than request and approval do."""
        grant = granted(session)
        return session.metadata.uid in self._activated and grant is not None and not trust.problem(session, grant)

    async def reconcile(self, uid: str) -> None:
        """Decide and write; a conflict is decided again from the object as it is now.

        Raises:
            NotCurrent: try again when the view is proven.
            KubeError: try again.
        """
        for _ in range(_ATTEMPTS):
            session = await self._with_people(uid)
            if session is None:
                return
            decision = decide(self.facts(session))
            if decision.needs_policies:
                await self._guard.prove(session.metadata.namespace)
                session = self._world.session(uid)
                if session is None:
                    return
                decision = decide(self.facts(session))
                if decision.needs_policies:
                    raise NotCurrent("the admission policies could not be looked at")
            try:
                await self._carry_out(session, decision)
            except NotFound:
                self._admitted.discard(uid)
                self._world.drop_session(uid)
            except Conflict:
                await self._refresh(session)
                continue
            return
        raise Conflict("the session keeps changing")

    def facts(self, session: AgentSession) -> SessionFacts:
        """All that is known about the session now."""
        namespace, agent = session.metadata.namespace, session.spec.agent
        bindings = self._bindings(session)
        claim = session.spec.approval is not None
        return SessionFacts(
            session=session,
            offers={name: self._offers.offer(binding) for name, binding in bindings.items()},
            people=self._people.reports(session, bindings),
            siblings=[
                each
                for each in self._world.sessions_of(namespace, agent.service_account_name)
                if each.metadata.uid != session.metadata.uid
            ],
            policies=self._guard.facts(namespace),
            rules=self._rules,
            now=self._now(),
            pod=self._pods.of(session, claim=claim),
            pod_gone=self._pods.gone(session),
            admitted=self._admitted,
            activated_here=session.metadata.uid in self._activated,
        )

    async def _with_people(self, uid: str) -> AgentSession | None:
        """The session, once Pipes has been asked about the person it acts for; None when there is none."""
        session = self._world.session(uid)
        if session is None or session.spec.on_behalf_of is None or session.status.state in TERMINAL:
            return session
        if session.spec.revocation is not None or session.metadata.deletion_timestamp is not None:
            return session  # an end waits for nobody
        bindings = self._bindings(session)
        if session.status.state is SessionState.ACTIVE:
            await self._people.look(session, bindings, wait_seconds=0.0)
        else:
            # What is shown to a person, and what becomes Active, rests on a word of now.
            await self._people.look(
                session, bindings, wait_seconds=_PEOPLE_SECONDS, oldest_seconds=_PEOPLE_FRESH_SECONDS
            )
        return self._world.session(uid)

    def _bindings(self, session: AgentSession) -> dict[str, ProviderBinding]:
        """Those of its bindings that there are."""
        found = (
            (each.name, self._world.binding(session.metadata.namespace, each.name)) for each in session.spec.bindings
        )
        return {name: binding for name, binding in found if binding is not None}

    async def _carry_out(self, session: AgentSession, decision: Decision) -> None:
        if decision.delete:
            await self._writer.delete_session(session)
            return
        if decision.status is None:
            return
        state = decision.status.state
        activates = state is SessionState.ACTIVE and session.status.state is not SessionState.ACTIVE
        if activates and not self._may_activate():
            raise NotCurrent("there is no recent proof that the view is current")
        if activates:
            # Before the write: the watch may show its effect before the answer comes.
            self._activated.add(session.metadata.uid)
        if session.status.state is None and state in UNDECIDED:
            # Between this decision and its write others are decided: of a burst exactly the cap may pass.
            self._admitted.add(session.metadata.uid)
        written = await self._writer.write_status(session, decision.status)
        self._admitted.discard(session.metadata.uid)
        if state is not session.status.state and state is not None:
            metrics.TRANSITIONS.labels(state.value).inc()
            logger.info(
                "%s/%s is %s: %s", session.metadata.namespace, session.metadata.name, state, written.status.message
            )
        if decision.happening is not None:
            self._events.record(written, decision.happening)

    async def _refresh(self, session: AgentSession) -> None:
        try:
            known = await self._writer.refresh_session(session.metadata.namespace, session.metadata.name)
        except NotFound:
            known = None
        if known is None or known.metadata.uid != session.metadata.uid:
            self._world.drop_session(session.metadata.uid)

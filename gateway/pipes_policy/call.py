"""What is known about one call at the moment it is checked."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from pipes_api.grant import GrantedBinding
from pipes_api.messages import BindingView, SessionView
from pipes_api.reasons import Reason
from pipes_api.resources import Access
from pipes_api.tokens import SessionClaims
from pipes_catalog.definition import ToolDefinition


@dataclass(frozen=True, kw_only=True, slots=True)
class Caller:
    """The pod that calls, as TokenReview told it; `issuer` is whose session tokens count."""

    namespace: str
    service_account: str
    pod_uid: str
    issuer: str


@dataclass(frozen=True, kw_only=True)
class Call:
    """One provider call.

    Attributes:
        tool: advertised name, `<binding>_<tool>`.
        session: the session it runs under (`selection.choose`), if the caller has any for this binding.
        claims: claims of the session token, its signature verified; None when there is no token that verifies.
        definition: what the tool does, found by the hash that the grant pins.
        needs: what the arguments turn out to do, once judged; None before that.
        lease_until, clock: seconds on the checker's own CLOCK_BOOTTIME.
        now: UTC.
        arguments: as the agent wrote them; None while only the tool is asked about, as for the tool list.
        named: the session that the caller names, if it does.
        ambiguous: names of live sessions that all cover the binding, when the caller names none of them.
        synchronized: whether the session service has ever told the whole state.
        reserved: the call already took its place in the budget, so a budget used up since does not stop it.
    """

    caller: Caller
    tool: str
    binding: BindingView | None
    session: SessionView | None
    claims: SessionClaims | None
    definition: ToolDefinition | None
    lease_until: float | None
    clock: float
    now: datetime
    needs: Access | None = None
    arguments: Mapping[str, Any] | None = None
    named: str = ""
    ambiguous: tuple[str, ...] = ()
    synchronized: bool = True
    reserved: bool = False

    @cached_property
    def granted(self) -> GrantedBinding | None:
        """What the session grants of the binding."""
        grant = self.session.grant if self.session is not None else None
        return None if grant is None or self.binding is None else grant.binding(self.binding.name)


@dataclass(frozen=True, kw_only=True, slots=True)
class Denial:
    """A refusal an agent can act on: a stable reason, a sentence, and what to do about it.

    `session_expires_at` is told with a used-up budget: when the session ends, and so the time it was meant for.
    """

    reason: Reason
    message: str
    remedy: str
    session: str = ""
    retry_after_seconds: float | None = None
    session_expires_at: datetime | None = None

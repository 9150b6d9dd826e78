"""What a decision rests on, and what it says."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from pipes_api.resources import AgentSession, AgentSessionStatus, BoundPod, ProviderBinding, ToolLimits
from pipes_api.states import SessionState
from pipes_catalog.definition import ToolDefinition

from .reports import Report


@dataclass(frozen=True, slots=True)
class Offer:
    """A binding with what its catalog makes of it: advertised tool name → definition, and the hosts it may reach.

    `restrict` and `limits` are the binding's own, by advertised name. `notes` are for whoever wrote the binding.
    """

    binding: ProviderBinding
    catalog: str = ""
    tools: Mapping[str, ToolDefinition] = field(default_factory=dict)
    hosts: tuple[str, ...] = ()
    restrict: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    limits: Mapping[str, ToolLimits] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    problem: str = ""
    """Why nothing can be offered: no such catalog, no such tool, a field that breaks a rule, which it names."""

    def hashes(self) -> dict[str, str]:
        """Advertised tool name → hash of its definition."""
        return {name: tool.hash for name, tool in self.tools.items()}


class Offers(Protocol):
    """Resolves the tools of a binding."""

    def offer(self, binding: ProviderBinding) -> Offer: ...

    async def keep(self, offer: Offer) -> None:
        """Keep its definitions for as long as a grant may use them; raises `KubeError`."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The numbers of the installation."""

    request_timeout: timedelta
    activation_window: timedelta
    born_approved: timedelta
    retention: timedelta
    pending_cap: int
    longest: timedelta = timedelta(days=1)
    """No session lasts longer, whatever is asked for and whatever a binding allows."""
    stamping: bool = True


@dataclass(frozen=True, slots=True)
class PolicyFacts:
    """What the guard knows about the admission policies, as it concerns one namespace.

    `fresh` says that it was looked at recently enough to activate anything.
    `changed_at` is the latest change of any of them, None before the first look.
    """

    fresh: bool
    in_force: bool
    problem: str = ""
    changed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SessionFacts:
    """Everything known about one session at one moment.

    `siblings` are the sessions of the same ServiceAccount, itself excluded.
    `admitted` are the uids of requests whose first status is being written.
    `pod` is the pod it belongs to, or could be bound to, when that is known.
    `people` is what Pipes says of the connections of the person it acts for, by binding.
    """

    session: AgentSession
    offers: Mapping[str, Offer]
    siblings: Sequence[AgentSession]
    policies: PolicyFacts
    rules: Rules
    now: datetime
    pod: BoundPod | None = None
    pod_gone: bool = False
    admitted: Collection[str] = ()
    people: Mapping[str, Report] = field(default_factory=dict)
    activated_here: bool = True
    """Whether this operator wrote `Active`, or found it so when it became the leader."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A state, and why: a word for the condition's reason and a sentence for people and agents."""

    state: SessionState
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Happening:
    """An event to record on the object."""

    reason: str
    message: str
    warning: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do: write `status` (None: it is right as it is), delete the object, or ask the guard first."""

    status: AgentSessionStatus | None = None
    happening: Happening | None = None
    delete: bool = False
    needs_policies: bool = False


NOTHING = Decision()

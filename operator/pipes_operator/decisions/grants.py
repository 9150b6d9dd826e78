"""From a request to what it would allow: cut to the ceilings first, then to what the approver left of it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta

import msgspec

from pipes_api import durations
from pipes_api.grant import Grant, GrantedBinding
from pipes_api.resources import Access, AgentSession, Approval, Limits, RequestedBinding, is_true
from pipes_catalog.definition import ToolAccess

from .facts import Offer


@dataclass(frozen=True, slots=True)
class Granting:
    """The grant of a request, None with the `problems` that prevent one; `cuts` say what a ceiling took away."""

    grant: Grant | None
    problems: tuple[str, ...] = ()
    cuts: tuple[str, ...] = ()


def requested(session: AgentSession, offers: Mapping[str, Offer], longest: timedelta) -> Granting:
    """The request after the ceilings of its bindings and of the installation, before any approver's narrowing."""
    spec = session.spec
    problems: list[str] = []
    cuts: list[str] = []
    granted: list[GrantedBinding] = []
    for wanted in spec.bindings:
        offer = offers.get(wanted.name)
        problem = _unusable(wanted.name, offer, spec.agent.service_account_name)
        if offer is None or problem:
            problems.append(problem)
            continue
        one = _granted(wanted, offer, problems, cuts)
        if one is not None:
            granted.append(one)
    used = [offers[each.name].binding.spec.limits for each in granted]
    ceilings = [each.max_duration for each in used if each.max_duration is not None]
    try:
        duration, *ceiling = [durations.parse(each) for each in (spec.duration, *ceilings)]
    except ValueError as error:
        problems.append(str(error))
    if problems:
        return Granting(None, tuple(problems))
    allowed = min([duration, int(longest.total_seconds()), *ceiling])
    if allowed < duration:
        cuts.append(f"duration {durations.render(duration)} cut to {durations.render(allowed)}")
    limits = spec.limits or Limits()
    for each in used:
        limits = limits.at_most(Limits(max_calls=each.max_calls))
    if spec.limits is not None and spec.limits.max_calls not in (None, limits.max_calls):
        cuts.append(f"{spec.limits.max_calls} calls cut to {limits.max_calls}")
    grant = Grant(
        uid=session.metadata.uid,
        agent=spec.agent,
        duration=allowed,
        reason=spec.reason,
        bindings=tuple(granted),
        limits=limits,
    )
    return Granting(grant, cuts=tuple(cuts))


def narrowed(grant: Grant, approval: Approval, offers: Mapping[str, Offer]) -> Grant | None:
    """What the approver left of the grant; None when that is nothing. Never more than `grant`, whatever it says."""
    bindings = grant.bindings
    if approval.bindings is not None:
        kept = {each.name: each for each in approval.bindings}
        bindings = tuple(
            left
            for granted in grant.bindings
            if granted.name in kept
            and (left := _left(granted, kept[granted.name].access, kept[granted.name].tools, offers)) is not None
        )
    if not bindings:
        return None
    duration = grant.duration
    if approval.duration is not None:
        try:
            duration = min(duration, durations.parse(approval.duration))
        except ValueError:
            return None
    limits = grant.limits.at_most(approval.limits)
    return msgspec.structs.replace(grant, bindings=bindings, duration=duration, limits=limits)


def _unusable(name: str, offer: Offer | None, service_account: str) -> str:
    if offer is None:
        return f"there is no ProviderBinding {name}"
    binding = offer.binding
    allowed = binding.spec.limits.allowed_service_accounts
    if allowed is not None and service_account not in allowed:
        return f"{name} is not offered to the ServiceAccount {service_account}"
    if binding.metadata.deletion_timestamp is not None:
        return f"{name} is being deleted"
    if binding.spec.suspended:
        return f"{name} is suspended"
    if offer.problem:
        return f"{name}: {offer.problem}"
    if binding.status.observed_generation != binding.metadata.generation:
        return f"{name} has not been checked yet"
    if not is_true(binding.status.conditions, "Ready") or binding.status.account is None:
        return f"{name} is not Ready: {_why(offer)}"
    return ""


def _why(offer: Offer) -> str:
    conditions = offer.binding.status.conditions
    told = [each.message for kind in ("Connected", "Ready") for each in conditions if each.type == kind]
    return next((message for message in told if message), "see its conditions")


def _granted(wanted: RequestedBinding, offer: Offer, problems: list[str], cuts: list[str]) -> GrantedBinding | None:
    binding = offer.binding
    access = wanted.access.at_most(binding.spec.limits.max_access)
    if access is not wanted.access:
        cuts.append(f"{wanted.name}: {wanted.access} cut to {access}")
    chosen, unknown = _named(wanted.tools, offer)
    if unknown:
        problems.append(f"{wanted.name} has no tool {', '.join(unknown)}")
        return None
    tools = {name: offer.tools[name].hash for name in chosen if _usable(name, access, offer)}
    if wanted.tools is not None and len(tools) < len(chosen):
        without = ", ".join(name for name in chosen if name not in tools)
        cuts.append(f"{wanted.name}: left out {without}, since {access} is all that is granted")
    if not tools:
        problems.append(f"{wanted.name} has no tool that {access} access allows")
        return None
    account = binding.status.account
    return GrantedBinding(
        name=wanted.name,
        uid=binding.metadata.uid,
        provider=binding.spec.provider,
        catalog=offer.catalog,
        connection=binding.spec.connection,
        account=account.id if account is not None else "",
        access=access,
        tools=tools,
        hosts=offer.hosts,
        endpoint=binding.spec.endpoint or {},
    )


def _left(
    granted: GrantedBinding, access: Access | None, tools: Iterable[str] | None, offers: Mapping[str, Offer]
) -> GrantedBinding | None:
    offer = offers.get(granted.name)
    if offer is None:
        return None
    allowed = granted.access if access is None else access.at_most(granted.access)
    chosen = set(granted.tools) if tools is None else set(_named(tools, offer)[0])
    kept = {name: each for name, each in granted.tools.items() if name in chosen and _usable(name, allowed, offer)}
    return msgspec.structs.replace(granted, access=allowed, tools=kept) if kept else None


def _named(names: Iterable[str] | None, offer: Offer) -> tuple[list[str], list[str]]:
    """Advertised names of the tools meant, in a fixed order, and the names that mean none."""
    if names is None:
        return sorted(offer.tools), []
    by_catalog = {definition.name: name for name, definition in offer.tools.items()}
    found = {name: name if name in offer.tools else by_catalog.get(name) for name in names}
    return sorted({name for name in found.values() if name}), sorted(name for name, known in found.items() if not known)


def _usable(name: str, access: Access, offer: Offer) -> bool:
    definition = offer.tools.get(name)
    return definition is not None and (access is Access.WRITE or definition.access is not ToolAccess.WRITE)

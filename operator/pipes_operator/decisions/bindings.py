"""The status of a ProviderBinding: what Pipes says, whose account it is, what its catalog offers."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from pipes_api import canonical
from pipes_api.resources import ConnectedAccount, ProviderBinding, ProviderBindingStatus, condition

from . import reports, texts
from .conditions import updated
from .facts import Offer
from .reports import GRACE, TRANSIENT, Report, Word


@dataclass(frozen=True, slots=True)
class BindingFacts:
    """`report` is None before the first look, and always where the session names the person.

    `others` are the other bindings' offers in the namespace.
    """

    offer: Offer
    report: Report | None
    others: tuple[Offer, ...]
    now: datetime


_Told = tuple[bool | None, str, str]

_BY_SESSION: _Told = (None, Word.FROM_SESSION.value, "Each session names the person whose connection is used.")


def decide(facts: BindingFacts) -> ProviderBindingStatus | None:
    """The status to write, None when it is right as it is."""
    binding, old = facts.offer.binding, facts.offer.binding.status
    since = generation_since(binding, facts.now)
    report = facts.report and reports.checked(binding.spec.connection, facts.report)
    known_generation = old.observed_generation == binding.metadata.generation
    connected: _Told
    granted: tuple[str, ...] = ()
    if binding.spec.connection.from_session:
        connected, account, checked = _BY_SESSION, None, None
    elif report is None or (report.word in TRANSIENT and known_generation and _recent(old, facts.now)):
        if not known_generation:
            return None  # never claim to have observed a generation that Pipes was not asked about
        connected, account = _as_before(old), old.account
        granted, checked = old.granted_scopes, old.checked_at
    else:
        good = report.word is Word.CONNECTED
        unknown = report.word in TRANSIENT
        connected = (None if unknown else good, report.word.value, texts.clean(report.message, 500))
        account = _shown(report.account) if good else old.account if unknown and known_generation else None
        granted = tuple(sorted(report.scopes or ())) if good else ()
        checked = old.checked_at if unknown else facts.now.replace(microsecond=0)
    missing = _missing(facts.offer, report, old)
    ready = _ready(facts, connected)
    tools = tuple(sorted(facts.offer.tools))
    status = ProviderBindingStatus(
        conditions=updated(
            old.conditions,
            [("Connected", *connected), ("Ready", *ready)],
            binding.metadata.generation,
            facts.now,
        ),
        observed_generation=binding.metadata.generation,
        generation_since=since,
        account=account,
        granted_scopes=granted,
        missing_scopes=missing,
        tools=tools,
        tools_hash=canonical.digest(facts.offer.hashes()) if tools else "",
        checked_at=checked,
    )
    return status if _differs(old, status) else None


def generation_since(binding: ProviderBinding, now: datetime) -> datetime:
    """A time not before the last change of the spec: from the API server's own clock where it tells."""
    status, metadata = binding.status, binding.metadata
    if status.observed_generation == metadata.generation and status.generation_since is not None:
        return status.generation_since
    if metadata.generation == 1 and metadata.creation_timestamp is not None:
        return metadata.creation_timestamp + timedelta(seconds=1)  # it is cut to the second
    return now.replace(microsecond=0) + timedelta(seconds=1)


def _recent(old: ProviderBindingStatus, now: datetime) -> bool:
    return old.checked_at is not None and now - old.checked_at < GRACE


def _as_before(old: ProviderBindingStatus) -> tuple[bool | None, str, str]:
    known = condition(old.conditions, "Connected")
    if known is None:
        return None, Word.UNAVAILABLE.value, "Pipes has not been asked yet."
    return {"True": True, "False": False}.get(known.status), known.reason, known.message


def _shown(account: ConnectedAccount | None) -> ConnectedAccount | None:
    if account is None:
        return None
    return ConnectedAccount(
        id=texts.clean(account.id), display_name=texts.clean(account.display_name), state=texts.clean(account.state, 40)
    )


def _missing(offer: Offer, report: Report | None, old: ProviderBindingStatus) -> tuple[str, ...]:
    if report is None or report.word in TRANSIENT:
        return old.missing_scopes
    if report.word is not Word.CONNECTED or report.scopes is None:
        return ()
    return tuple(sorted({scope for tool in offer.tools.values() for scope in tool.lacking(report.scopes or ())}))


def _ready(facts: BindingFacts, connected: tuple[bool | None, str, str]) -> tuple[bool | None, str, str]:
    offer = facts.offer
    if offer.binding.spec.suspended:
        return False, "Suspended", "A person has suspended it: spec.suspended is true."
    if offer.problem:
        return False, "ToolsUnknown", texts.clean(offer.problem, 1000)
    clash = _clash(offer, facts.others)
    if clash:
        return False, "NameCollision", clash
    if connected[0] is not True and connected is not _BY_SESSION:
        return False, connected[1], connected[2]
    return True, "Ready", texts.clean(" ".join([f"{len(offer.tools)} tools.", *offer.notes]), 1000)


def _clash(offer: Offer, others: Iterable[Offer]) -> str:
    """Two bindings whose tools would have one name: the older one keeps it."""
    for other in others:
        common = set(offer.tools) & set(other.tools)
        if common and _age(other.binding) < _age(offer.binding):
            name = sorted(common)[0]
            return f"The older binding {other.binding.metadata.name} has a tool {name} too: rename one of them."
    return ""


def _age(binding: ProviderBinding) -> tuple[datetime | None, str]:
    # Both were served by the API server, so both have a creation time.
    return binding.metadata.creation_timestamp, binding.metadata.name


def _differs(old: ProviderBindingStatus, new: ProviderBindingStatus) -> bool:
    """A new look that found nothing new is written at most once a minute."""
    if old.checked_at is None or new.checked_at is None or new.checked_at - old.checked_at >= timedelta(seconds=55):
        return new != old
    return any(getattr(old, name) != getattr(new, name) for name in new.__struct_fields__ if name != "checked_at")

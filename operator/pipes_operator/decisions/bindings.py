"""The status of a ProviderBinding: what Pipes says, whose account it is, what its catalog offers."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from pipes_api import canonical
from pipes_api.resources import (
    ConnectedAccount,
    Connection,
    ConnectionOwner,
    ProviderBinding,
    ProviderBindingStatus,
    condition,
)

from . import texts
from .conditions import updated
from .facts import Offer


class Word(StrEnum):
    """Reason of the condition `Connected`."""

    CONNECTED = "Connected"
    NOT_CONNECTED = "NotConnected"
    NEEDS_REAUTHORIZATION = "NeedsReauthorization"
    DISCONNECTED = "Disconnected"
    SELECTION_REQUIRED = "AccountSelectionRequired"
    UNKNOWN_PROVIDER = "UnknownProvider"
    UNKNOWN_STATE = "UnknownState"
    NOT_THE_OWNERS = "NotTheOwners"
    KEY_REFUSED = "WorkOSKeyRefused"
    UNAVAILABLE = "PipesUnavailable"


TRANSIENT = frozenset({Word.UNAVAILABLE, Word.KEY_REFUSED})
"""These say nothing about the connection itself."""

GRACE = timedelta(minutes=5)
"""How long a connection that was last seen working counts as working while Pipes cannot be asked."""


@dataclass(frozen=True, slots=True)
class Report:
    """One answer of Pipes about one connection. `scopes` is None where scopes mean nothing (API keys)."""

    word: Word
    message: str = ""
    account: ConnectedAccount | None = None
    user_id: str | None = None
    organization_id: str | None = None
    scopes: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class BindingFacts:
    """`report` is None before the first look; `others` are the other bindings' offers in the namespace."""

    offer: Offer
    report: Report | None
    others: tuple[Offer, ...]
    now: datetime


def decide(facts: BindingFacts) -> ProviderBindingStatus | None:
    """The status to write, None when it is right as it is."""
    binding, old = facts.offer.binding, facts.offer.binding.status
    since = generation_since(binding, facts.now)
    report = _checked(binding.spec.connection, facts.report)
    known_generation = old.observed_generation == binding.metadata.generation
    if report is None or (report.word in TRANSIENT and known_generation and _recent(old, facts.now)):
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
        tools_hash=canonical.digest({name: tool.hash for name, tool in facts.offer.tools.items()}) if tools else "",
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


def _checked(connection: Connection, report: Report | None) -> Report | None:
    """The account must be the named owner's, whatever Pipes answered with."""
    if report is None or report.word is not Word.CONNECTED:
        return report
    theirs = report.account is not None and report.organization_id == connection.organization_id
    if connection.owner is ConnectionOwner.USER:
        theirs = theirs and report.user_id == connection.user_id
    else:
        theirs = theirs and report.user_id is None and connection.organization_id is not None
    named = connection.connected_account_id
    if named is not None and (report.account is None or report.account.id != named):
        theirs = False
    if theirs:
        return report
    return Report(Word.NOT_THE_OWNERS, "Pipes answered with an account that is not the one spec.connection names.")


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
        return False, "ToolsUnknown", texts.clean(offer.problem, 500)
    clash = _clash(offer, facts.others)
    if clash:
        return False, "NameCollision", clash
    if connected[0] is not True:
        return False, connected[1], connected[2]
    return True, "Ready", f"{len(offer.tools)} tools."


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

"""What Pipes says of one connection, and whether it is the one that was meant."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

import msgspec

from pipes_api.resources import ConnectedAccount, Connection, ConnectionOwner, OnBehalfOf


class Word(StrEnum):
    """Reason of the condition `Connected`."""

    CONNECTED = "Connected"
    FROM_SESSION = "FromSession"
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


def checked(connection: Connection, report: Report) -> Report:
    """The report, or one that says that its account is not the named owner's, whatever Pipes answered with."""
    if report.word is not Word.CONNECTED:
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
    return Report(Word.NOT_THE_OWNERS, "Pipes answered with an account that is not the one that was asked for.")


def persons(connection: Connection, person: OnBehalfOf) -> Connection | None:
    """The connection of a binding that leaves the user to the session, for that person.

    None where binding and session name different organizations.
    """
    binding, session = connection.organization_id, person.organization_id
    if binding is not None and session is not None and binding != session:
        return None
    return msgspec.structs.replace(connection, user_id=person.user_id, organization_id=binding or session)

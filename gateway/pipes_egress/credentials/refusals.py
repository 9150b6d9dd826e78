"""Why Pipes gives no credential, in words for an agent: documented words, codes and statuses, and whatever else comes.

Only the connection is at fault in all of these: the session stays as it is, and a call made once a person has put the
connection right works again.
"""

import msgspec

from pipes_api.reasons import Reason
from pipes_policy import remedies
from pipes_policy.call import Denial

from ..problems import Refused
from ..transport.answers import Answer
from ..transport.retry_after import retry_after

LONGEST_WORD = 60

CONNECT = "Tell the person you work for to connect the account in Pipes; the session stays, so call again then."
RECONNECT = "Tell the person you work for to connect the account again in Pipes; the session stays, so call again then."

# `error` of an answer with `active: false`, and `code` of one that is no success.
_KNOWN = {
    "not_installed": ("the account is not connected any more", CONNECT),
    "needs_reauthorization": ("the account must be connected again", RECONNECT),
    "account_selection_required": (
        "several accounts are connected, and the binding does not say which",
        remedies.PERSON,
    ),
    "auth_method_mismatch": ("the account is connected in a way that is not supported", remedies.PERSON),
    "multiple_connections_unavailable": ("several accounts of one person are not enabled in WorkOS", remedies.PERSON),
}

# `code` of an answer that the relay itself gives.
_OF_RELAY = {
    "relay_authorization_required": ("the account is not connected, or not for this organization", CONNECT),
    "relay_credential_invalid": ("the account must be connected again", RECONNECT),
    "relay_credential_error": ("Pipes could not get the credential", ""),
    "relay_user_required": ("Pipes' relay was not told whose connection it is", remedies.PERSON),
    "relay_user_not_found": ("Pipes knows no such user in this environment", remedies.PERSON),
    "relay_missing_url": ("Pipes' relay does not accept the address", remedies.PERSON),
    "relay_invalid_url": ("Pipes' relay does not accept the address", remedies.PERSON),
    "relay_provider_conflict": ("Pipes' relay takes it for another provider", remedies.PERSON),
    "relay_provider_not_found": ("Pipes' relay knows no such provider", remedies.PERSON),
    "relay_provider_not_configured": ("the provider is not set up in this WorkOS environment", remedies.PERSON),
}
NOT_ENABLED = "Pipes' relay is not enabled for this WorkOS team (early access)"

_STATUSES = {
    400: "Pipes does not accept the request",
    401: "the WorkOS API key is not accepted",
    403: "Pipes does not allow it: the user may have left the organization, or the API key lacks the permission",
    404: "Pipes knows no such provider, user or account",
}


class _Error(msgspec.Struct, frozen=True):
    code: str = ""


def unavailable(
    provider: str,
    problem: str,
    *,
    retry: bool = False,
    retry_after_seconds: float | None = None,
    remedy: str = remedies.PERSON,
) -> Refused:
    """The connection cannot be used; a person must help, unless trying again may."""
    return Refused(
        Denial(
            reason=Reason.CONNECTION_UNAVAILABLE,
            message=f"the {provider} connection cannot be used: {problem}",
            remedy=remedies.RETRY if retry else remedy,
            retry_after_seconds=retry_after_seconds,
        )
    )


def inactive(provider: str, word: str | None) -> Refused:
    """For an answer that is a success and says that there is no credential. The list of words is open."""
    known = _KNOWN.get(word or "")
    if known is not None:
        return unavailable(provider, known[0], remedy=known[1])
    return unavailable(provider, f"Pipes says: {_printable(word or 'no reason given')}")


def failed(provider: str, answer: Answer) -> Refused:
    """For an answer that is no success. What its body says besides a known code is not repeated."""
    known = _KNOWN.get(_code(answer))
    if known is not None:
        return unavailable(provider, known[0], remedy=known[1])
    if answer.status == 429 or answer.status >= 500:
        problem = "Pipes is busy" if answer.status == 429 else "Pipes is out of order"
        return unavailable(provider, problem, retry=True, retry_after_seconds=retry_after(answer.headers))
    return unavailable(provider, _STATUSES.get(answer.status, f"Pipes refused with status {answer.status}"))


def relay_refusal(provider: str, answer: Answer, code: str) -> Refused:
    """For an answer of the relay's own, with its code, if any. The URL for connecting is a person's, and not told."""
    known = _OF_RELAY.get(code)
    if known is not None:
        return unavailable(provider, known[0], retry=not known[1], remedy=known[1])
    if answer.status == 404 and not code:
        return unavailable(provider, NOT_ENABLED)
    if answer.status == 402:
        return unavailable(provider, *_OF_RELAY["relay_authorization_required"][:1], remedy=CONNECT)
    return failed(provider, answer)


def _code(answer: Answer) -> str:
    try:
        return msgspec.json.decode(answer.body, type=_Error).code
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError, RecursionError):
        return ""


def _printable(text: str) -> str:
    return "".join(character for character in text[:LONGEST_WORD] if character.isprintable())

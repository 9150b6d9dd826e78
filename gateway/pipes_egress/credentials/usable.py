"""Whether a vended credential is good for a tool: the way it authenticates, and the scopes it was granted."""

from pipes_api.reasons import Reason
from pipes_catalog.definition import ToolDefinition
from pipes_catalog.exchange import Exchange
from pipes_policy import remedies
from pipes_policy.call import Denial

from ..problems import Refused
from .pipes import Vended
from .refusals import unavailable

KNOWN_METHODS = frozenset({"oauth", "api_key", "client_credentials"})
"""Pipes' list is open; a way that nobody has seen is not sent as if it were a bearer token."""


def must_be_usable(definition: ToolDefinition, exchange: Exchange, credential: Vended) -> None:
    """Compare before anything is sent.

    Raises:
        Refused: naming the scope that is missing, or that the way of authentication is not supported.
    """
    lacking = lacking_scopes(definition, credential)
    if lacking:
        message = f"the connection lacks the scope {', '.join(lacking)}"
        raise Refused(Denial(reason=Reason.SCOPE_MISSING, message=message, remedy=remedies.RECONNECT))
    methods = exchange.credential.by_method.keys() or KNOWN_METHODS
    if credential.auth_method not in methods:
        raise unavailable(exchange.title, "it is connected in a way that is not supported")


def lacking_scopes(definition: ToolDefinition, credential: Vended) -> tuple[str, ...]:
    """The narrowest scope of each entry that the credential does not meet.

    An API key has no scopes, and not every provider tells those of a token: then what Pipes says is missing decides,
    and what it does not speak of is left to the provider.
    """
    if credential.scopes:
        return definition.lacking(credential.scopes)
    missing = set(credential.missing_scopes)
    return tuple(entry[0] for entry in definition.scopes if missing.issuperset(entry))

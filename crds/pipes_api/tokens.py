"""Session tokens: a JWT in the profile of RFC 9068, short-lived, bound to one session and one pod."""

import msgspec

TYPE = "at+jwt"
ALGORITHM = "ES256"


class SessionClaims(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Claims of a session token, all required.

    `sub` is `system:serviceaccount:<namespace>:<name>`, `sid` the session's UID,
    `pod` the UID of the pod it was minted for; `iat`, `nbf`, `exp` are Unix seconds.
    """

    iss: str
    aud: str
    sub: str
    sid: str
    jti: str
    iat: int
    nbf: int
    exp: int
    pod: str
    grant_hash: str = msgspec.field(name="grantHash")


def service_account(namespace: str, name: str) -> str:
    """The user name that Kubernetes gives a ServiceAccount."""
    return f"system:serviceaccount:{namespace}:{name}"

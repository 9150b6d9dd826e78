"""A bearer shown at the MCP endpoint. In a pod none is needed, but one that is shown must be right."""

from pipes_live.client import SessionService
from pipes_live.tokens import TokenInvalid
from pipes_policy import chain

from .facts import Facts
from .mcp.jsonrpc import RpcError
from .mcp.protocol import UNAUTHORIZED


class BearerCheck:
    """Accepts only a token of a live session of this pod."""

    def __init__(self, facts: Facts, service: SessionService) -> None:
        self._facts = facts
        self._service = service

    async def __call__(self, authorization: str) -> None:
        """Raises:
        RpcError: with status 401 (RFC 6750). Nothing of the token is in it.
        """
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer":
            raise _unauthorized("only a Bearer token is accepted")
        try:
            claims = await self._service.verify(token)
        except TokenInvalid as invalid:
            raise _unauthorized(f"the token is not a valid session token ({invalid.word})") from None
        session = self._facts.view.session(claims.sid)
        call = self._facts.call(None, "", session, claims=claims)
        if chain.decide_session(call) is not None:
            raise _unauthorized("the token is not of a live session of this pod")


def _unauthorized(text: str) -> RpcError:
    return RpcError(UNAUTHORIZED, text, status=401)

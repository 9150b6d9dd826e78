"""All tools behind the protocol: our own, and those of providers."""

from typing import Any

from pipes_live.view import LiveView
from pipes_policy.advertise import Advertised

from . import listing
from .facts import Facts
from .mcp.methods import CallContext
from .own.tool import OwnTool
from .provider import ProviderCalls
from .results import Result


class AllTools:
    def __init__(
        self, own: dict[str, OwnTool], facts: Facts, provider: ProviderCalls, discovery: listing.Discovery
    ) -> None:
        self._own = own
        self._own_described = [tool.described() for tool in own.values()]
        self._reserved = frozenset(own)
        self._facts = facts
        self._provider = provider
        self._discovery = discovery

    def listed(self) -> list[dict[str, Any]]:
        return self._own_described + [listing.described(tool) for tool in self._shown()]

    def known(self, name: str) -> bool:
        """Whether a call of that name is answered with a result. A tool that was granted once stays known."""
        view: LiveView = self._facts.view
        if name in self._own or not view.synchronized:
            return True
        if any(name in binding.tools for binding in view.bindings()):
            return True
        return any(
            name in granted.tools
            for session in view.sessions()
            if session.grant is not None
            for granted in session.grant.bindings
        )

    async def call(self, name: str, arguments: dict[str, Any], context: CallContext) -> Result:
        own = self._own.get(name)
        if own is not None:
            return await own.call(arguments)
        return await self._provider.call(name, arguments, context)

    def fingerprint(self) -> object:
        """Changes whenever a client that has listed the tools should list them again."""
        return listing.fingerprint(self._shown())

    def _shown(self) -> list[Advertised]:
        return listing.shown(self._facts.advertised(), self._discovery, self._reserved)

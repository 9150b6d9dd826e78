"""What hosted MCP servers list, told by the broker: taken for the very binding that was offered to be read."""

from collections.abc import Awaitable, Callable

from pipes_api.messages import Discovered, Identity
from pipes_api.reasons import RequestRefusal
from pipes_api.resources import ProviderBinding
from pipes_operator.kube.errors import KubeError
from pipes_operator.world import World

from .refusals import Refused, forbidden, invalid, unavailable

MOST_BYTES = 640 * 1024
DEEPEST = 100
"""Of the body; a tool that nests deeply is left out by itself, and must not take the others with it."""

MOST_TOOLS = 512
_LONGEST_PROBLEM = 500

Take = Callable[[ProviderBinding, Discovered], Awaitable[None]]


class Discovery:
    """`take` keeps what was read (it raises `KubeError`), and has the binding looked at again."""

    def __init__(self, world: World, take: Take) -> None:
        self._world = world
        self._take = take

    @staticmethod
    def check(caller: Identity) -> None:
        """Before anything of the body is read.

        Raises:
            Refused: the caller is not the broker.
        """
        if caller.role != "broker":
            raise forbidden("only the broker tells what a hosted server lists")

    async def take(self, caller: Identity, name: str, found: Discovered) -> None:
        """Note what the server of that binding lists now, or why it could not be read.

        Raises:
            Refused: not the broker, no such binding (by name and uid), one that is not to be discovered, too much.
        """
        self.check(caller)
        if len(found.tools) > MOST_TOOLS or len(found.problem) > _LONGEST_PROBLEM:
            raise invalid(f"at most {MOST_TOOLS} tools, and {_LONGEST_PROBLEM} characters of a problem")
        binding = self._world.binding(found.namespace, name)
        if binding is None or binding.metadata.uid != found.uid:
            raise Refused(RequestRefusal.NOT_FOUND, f"there is no binding {name[:63]!r} with that uid")
        server = binding.spec.tools.mcp
        if server is None or not server.discover:
            raise invalid("the tools of this binding are not to be discovered")
        try:
            await self._take(binding, found)
        except KubeError as error:
            raise unavailable(f"the tools could not be kept now (HTTP {error.status})") from None

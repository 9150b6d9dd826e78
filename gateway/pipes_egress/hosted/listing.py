"""What a hosted server lists now, and the pins of it."""

from collections.abc import Awaitable, Callable
from typing import Any

from pipes_api.clock import boottime
from pipes_catalog.hosted import MOST_TOOLS, pin

from ..problems import ProviderFailed
from .protocol import Ask

MOST_PAGES = 50
_MOST_READ = 4 * MOST_TOOLS

Begun = tuple[float, int]


class Listing:
    """The tools of the last `tools/list`, as they were given, and how far that can be relied on.

    `changed` is called when a reading finds something else than the one before.
    """

    def __init__(self, seconds: float, changed: Callable[[], None], clock: Callable[[], float] = boottime) -> None:
        self.tools: tuple[dict[str, Any], ...] = ()
        self.readings = 0
        self._pins: dict[str, str | None] = {}
        self._seconds = seconds
        self._changed = changed
        self._clock = clock
        self._until = float("-inf")
        self._doubts = 0

    @property
    def is_current(self) -> bool:
        return self._clock() < self._until

    def doubt(self) -> None:
        """The server says, or shows, that it lists something else now."""
        self._doubts += 1
        self._until = float("-inf")

    def begin(self) -> Begun:
        """A reading begins, and is as old as this moment."""
        return self._clock(), self._doubts

    def take(self, tools: tuple[dict[str, Any], ...], begun: Begun) -> None:
        """What was read. A doubt that came up meanwhile stays one."""
        at, doubts = begun
        self._until = at + self._seconds if doubts == self._doubts else float("-inf")
        self.tools = tools
        self.readings += 1
        before, self._pins = self._pins, {}
        for tool in tools:
            name = tool.get("name")
            if isinstance(name, str):
                # Of two tools of one name nobody can say which is called.
                self._pins[name] = None if name in self._pins else _pin(tool)
        if self.readings > 1 and self._pins != before:
            self._changed()

    def lists(self, name: str) -> bool:
        return name in self._pins

    def has(self, name: str, pinned: str) -> bool:
        """Whether the tool of that name is, to the last member, the one with that pin."""
        return self._pins.get(name) == pinned


async def collected(request: Callable[[Ask], Awaitable[dict[str, Any]]]) -> tuple[dict[str, Any], ...]:
    """All pages of `tools/list` (server/utilities/pagination), within bounds.

    Raises:
        ProviderFailed: it has no end, or is no list of tools.
    """
    tools: list[dict[str, Any]] = []
    cursor: str | None = None
    for _ in range(MOST_PAGES):
        page = await request(Ask(method="tools/list", params={"cursor": cursor} if cursor is not None else {}))
        listed, following = page.get("tools"), page.get("nextCursor")
        if not isinstance(listed, list):
            raise ProviderFailed("the MCP server's list of tools cannot be read")
        tools += [each for each in listed if isinstance(each, dict)]
        if not isinstance(following, str) or not following:
            return tuple(tools)
        if following == cursor or len(tools) > _MOST_READ:
            break
        cursor = following
    raise ProviderFailed("the MCP server's list of tools has no end")


def _pin(tool: dict[str, Any]) -> str | None:
    try:
        return pin(tool)
    except (ValueError, RecursionError):
        return None

"""Hearing between calls that a server's tools have changed: one standing stream for each account in use.

`subscriptions/listen` in the stateless era, the GET stream before it. It is opened on behalf of a call that policy
has let pass, opened again only as long as policy lets that call's session pass, and closed with the last session.
Without it a change is found when the list is read for its age.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace

from ..problems import ProviderFailed, Refused
from ..transport.client import Arriving, NoAnswer, Transport
from .answers import Answers
from .problems import HttpRefused, RpcError
from .protocol import Ask, Spoken
from .way import Way

log = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 60.0
STREAM_BYTES = 4 * 1024 * 1024
"""Of one stream; a longer one is opened anew."""

LISTEN = Ask(method="subscriptions/listen", params={"notifications": {"toolsListChanged": True}})


class Listener:
    """Listens on connections of its own, so that standing streams do not take the place of calls.

    `doubt` is called whenever something may have changed unheard; `number` gives a request its own.
    """

    def __init__(
        self, transport: Transport, answers: Answers, doubt: Callable[[], None], number: Callable[[], int]
    ) -> None:
        self._transport = transport
        self._answers = answers
        self._doubt = doubt
        self._number = number
        self._task: asyncio.Task[None] | None = None
        self._refused: Spoken | None = None
        self._way: Way | None = None

    def attend(self, way: Way, spoken: Spoken) -> None:
        """Listen from now on, if the server announces changes and nobody listens yet."""
        self._way = way
        if not spoken.announces or spoken is self._refused or (self._task is not None and not self._task.done()):
            return
        self._task = asyncio.create_task(self._listen(spoken))

    def close(self) -> None:
        """Nobody uses the server any more."""
        self._way = None
        if self._task is not None:
            self._task.cancel()

    async def _listen(self, spoken: Spoken) -> None:
        pause = FIRST_PAUSE_SECONDS
        while (way := self._way) is not None:
            try:
                own = replace(way, transport=self._transport, told=None, declined=0, limit=STREAM_BYTES)
                await self._hear(own, spoken)
                pause = FIRST_PAUSE_SECONDS
            except Refused:
                return  # whoever calls next is asked for again
            except (HttpRefused, RpcError) as refusal:
                log.info("%s does not announce changes: %s", way.address.authority, refusal)
                self._refused = spoken
                return
            except (NoAnswer, ProviderFailed):
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
            self._doubt()
            await asyncio.sleep(pause)

    async def _hear(self, way: Way, spoken: Spoken) -> None:
        """One stream, to its end."""
        number = self._number()

        async def read(answer: Arriving) -> None:
            await self._answers.listen(way, spoken, answer, number)

        if spoken.modern:
            await way.post(LISTEN.headers(spoken), LISTEN.envelope(spoken, number), read)
        else:
            await way.resume({"Accept": "text/event-stream", **spoken.named}, read)

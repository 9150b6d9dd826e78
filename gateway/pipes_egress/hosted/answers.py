"""What a server answers: the result somewhere among notifications and requests of its own, at once or in a stream."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from ..problems import ProviderFailed
from ..transport.client import Arriving, NoAnswer
from .events import Events
from .problems import HttpRefused, RpcError, printable
from .protocol import Spoken, declined
from .way import Way

Result = dict[str, Any]

MOST_DECLINED = 16
"""Requests of the server that are answered in one call; each takes a connection, and a stream can hold thousands."""


class Answers:
    """Reads the answers of one server. `list_changed` is called when it says that its tools are others now."""

    def __init__(self, title: str, list_changed: Callable[[], None]) -> None:
        self._title = title
        self._list_changed = list_changed

    async def result(self, way: Way, spoken: Spoken, answer: Arriving, number: int) -> Result:
        """The result of the request of that number.

        Raises:
            RpcError: it is an error instead.
            NoAnswer: the stream ended before it came.
            ProviderFailed: the answer cannot be understood.
        """
        if answer.content_type == "text/event-stream":
            return await self._from_streams(way, spoken, answer, number)
        body = b"".join([chunk async for chunk in answer.chunks])
        found = await self._found(way, spoken, body, number)
        if found is None:
            raise ProviderFailed(f"{self._title}'s MCP server answered with something else than was asked")
        return found

    async def listen(self, way: Way, spoken: Spoken, answer: Arriving, number: int) -> None:
        """Hear what a stream says that answers nothing, until it ends; raises as `result`."""
        if answer.content_type == "text/event-stream":
            await self._from_stream(way, spoken, answer, number, Events())
        else:
            await self.result(way, spoken, answer, number)

    async def _from_streams(self, way: Way, spoken: Spoken, answer: Arriving, number: int) -> Result:
        events = Events()
        found = await self._from_stream(way, spoken, answer, number, events)
        while found is None:
            # A server may hang up on a long call and be asked again (2025-11-25, Streamable HTTP, Resumability).
            if spoken.modern or not events.last_id:
                raise NoAnswer("its stream ended without an answer")
            await asyncio.sleep(events.pause)
            headers = {"Accept": "text/event-stream", "Last-Event-ID": events.last_id, **spoken.named}
            events.begin()
            try:
                found = await way.resume(headers, lambda again: self._from_stream(way, spoken, again, number, events))
            except HttpRefused:
                # Of the stream, not of the request: that was taken in, and must not be sent again for this.
                raise NoAnswer("its stream ended, and could not be taken up again") from None
        return found

    async def _from_stream(
        self, way: Way, spoken: Spoken, answer: Arriving, number: int, events: Events
    ) -> Result | None:
        async for chunk in answer.chunks:
            for data in events.feed(chunk):
                found = await self._found(way, spoken, data, number)
                if found is not None:
                    await answer.finish()
                    return found
        return None

    async def _found(self, way: Way, spoken: Spoken, data: bytes, number: int) -> Result | None:
        """The result, if the data has it. Whatever else the server says is seen to."""
        try:
            document = msgspec.json.decode(way.scrubbed(data))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise ProviderFailed(f"{self._title}'s MCP server answered with what is not JSON") from None
        # 2025-03-26 has batches.
        for message in document if isinstance(document, list) else [document]:
            if not isinstance(message, dict):
                continue
            if "method" in message:
                await self._heard(way, spoken, message, number)
            elif message.get("id") == number and isinstance(result := message.get("result"), dict):
                return result
            elif "error" in message and message.get("id") in (number, None):
                raise RpcError(message["error"])
        return None

    async def _heard(self, way: Way, spoken: Spoken, message: Mapping[str, Any], number: int) -> None:
        if "id" in message:
            # The stateless era has no requests of servers.
            if not spoken.modern and way.declined < MOST_DECLINED:
                way.declined += 1
                way.aside(spoken.posting, declined(message))
            return
        params = message.get("params")
        match message["method"]:
            case "notifications/tools/list_changed":
                self._list_changed()
            case "notifications/progress" if isinstance(params, dict) and params.get("progressToken") == number:
                if way.told is not None:
                    await way.told(_sentence(params))


def _sentence(params: Mapping[str, Any]) -> str:
    done, total, message = params.get("progress"), params.get("total"), params.get("message")
    count = f"{done:g}" if isinstance(done, int | float) else ""
    if count and isinstance(total, int | float):
        count += f" of {total:g}"
    return ": ".join(filter(None, (count, printable(message) if isinstance(message, str) else "")))

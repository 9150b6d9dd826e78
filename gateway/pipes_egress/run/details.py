"""A further request for each row of a result, where a provider lists no more than ids."""

import asyncio
from typing import Any

from pipes_catalog.exchange import Request

from ..mapping.scope import Scope
from ..problems import ProviderFailed
from ..transport.answers import AnswerUnreadable
from .sender import Sender

AT_ONCE = 6


class Details:
    """Sends `request` for rows, if there is one; `notes` tell which of them could not be had."""

    def __init__(self, request: Request | None, sender: Sender, scope: Scope) -> None:
        self._request = request
        self._sender = sender
        self._scope = scope
        self._failed = 0
        self._why = ""

    async def of(self, rows: list[Any], wanted: int) -> list[Any]:
        """The rows with the details of as many as are wanted; a row whose details are refused stays as it is.

        Raises:
            Refused, ArgumentRefused: as `Sender.send`.
        """
        if self._request is None or not rows:
            return rows
        made: list[Any] = []
        chosen = rows[:wanted]
        for start in range(0, len(chosen), AT_ONCE):
            made += await self._at_once(self._request, chosen[start : start + AT_ONCE])
        return made + rows[wanted:]

    async def _at_once(self, request: Request, rows: list[Any]) -> list[Any]:
        tasks = [asyncio.create_task(self._one(request, row)) for row in rows]
        try:
            return await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()

    async def _one(self, request: Request, row: Any) -> Any:
        try:
            answer = await self._sender.send(request, self._scope.having(item=row))
            return answer.json()
        except (ProviderFailed, AnswerUnreadable) as error:
            self._failed += 1
            self._why = str(error)
            return row

    @property
    def notes(self) -> list[str]:
        return [f"Of {self._failed} rows no more than this could be read: {self._why}"] if self._failed else []

"""Judges statements in worker processes: started when first needed, killed when they take too long."""

import asyncio
import hashlib
import sys
from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from types import TracebackType
from typing import Any

import msgspec

from pipes_catalog.definition import Judge

from ..lines import Lines
from .languages import IN_PLACE, IN_WORKER
from .verdict import Verdict, refused
from .worker_protocol import Question, frame

REMEMBERED = 4_096
"""Verdicts kept. They depend on nothing but language, dialect, text and the operation's name."""
START_SECONDS = 20.0
QUEUE_SECONDS = 5.0
LONGEST = 200_000
"""Characters that are sent to a worker at all; each language has a limit of its own below this."""


class JudgeUnavailable(Exception):  # noqa: N818 - reads as what happened
    """No verdict could be had: every worker is busy, or none can be started."""


class _NoVerdict(Exception):  # noqa: N818 - reads as what happened
    """The worker came to none; another time it may."""


class JudgePool:
    """Verdicts on statements. An async context manager; `workers` processes at most, one of them for each holder."""

    def __init__(self, workers: int = 2, seconds: float = 2.0) -> None:
        self.seconds = seconds
        self._slots = asyncio.Semaphore(workers)
        self._idle: list[asyncio.subprocess.Process] = []
        self.processes: set[asyncio.subprocess.Process] = set()
        """Workers that are alive."""
        self._remembered: OrderedDict[bytes, Verdict] = OrderedDict()
        self._lines = Lines(at_once=1)

    async def __aenter__(self) -> "JudgePool":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in list(self.processes):
            await self._end(process)

    async def warm(self) -> None:
        """Start one worker before somebody waits for it."""
        if not self.processes:
            async with self._slots:
                self._idle.append(await self._start())

    async def judge(self, judge: Judge, arguments: Mapping[str, Any], *, holder: str = "") -> Verdict:
        """What a call with these arguments does; they are those that the tool's schema agreed to.

        `holder` is for whom it is asked: a session.

        Raises:
            JudgeUnavailable: no worker was free in time, or could be started.
        """
        text = arguments[judge.argument]
        if (in_place := IN_PLACE.get(judge.language)) is not None:
            return in_place(text)
        if judge.language not in IN_WORKER:
            return refused(f"this version cannot judge {judge.language}")
        if len(text) > LONGEST:
            return refused(f"it is longer than {LONGEST} characters")
        operation = arguments.get(judge.operation, "") if judge.operation else ""
        if not isinstance(operation, str):
            return refused("the name of its operation is no text")
        question = Question(judge.language, judge.dialect, text, operation)
        try:
            payload = msgspec.json.encode(question)
        except UnicodeEncodeError:
            return refused("it is not Unicode text")
        key = hashlib.sha256(payload).digest()
        known = self._remembered.get(key)
        if known is not None:
            self._remembered.move_to_end(key)
            return known
        try:
            async with self._turn(holder):
                verdict = await self._ask_worker(payload)
        except _NoVerdict as error:
            return refused(str(error))
        self._remembered[key] = verdict
        if len(self._remembered) > REMEMBERED:
            self._remembered.popitem(last=False)
        return verdict

    @asynccontextmanager
    async def _turn(self, holder: str) -> AsyncIterator[None]:
        async with AsyncExitStack() as held:
            try:
                async with asyncio.timeout(QUEUE_SECONDS):
                    await held.enter_async_context(self._lines.turn(holder))
                    await held.enter_async_context(self._slots)
            except TimeoutError:
                raise JudgeUnavailable("too many statements wait to be judged") from None
            yield

    async def _ask_worker(self, payload: bytes) -> Verdict:
        process = await self._take()
        try:
            async with asyncio.timeout(self.seconds):
                answer = await _exchange(process, payload)
        except TimeoutError:
            await self._end(process)
            raise _NoVerdict("it could not be judged in time") from None
        except (OSError, asyncio.IncompleteReadError):
            # The worker died of this text, most likely of its memory limit.
            await self._end(process)
            raise _NoVerdict("it could not be judged") from None
        except BaseException:
            await self._end(process)  # its answer would be taken for the next one's
            raise
        self._idle.append(process)
        return msgspec.json.decode(answer, type=Verdict)

    async def _take(self) -> asyncio.subprocess.Process:
        while self._idle:
            process = self._idle.pop()
            if process.returncode is None:
                return process
            self.processes.discard(process)  # it was killed from outside while nobody used it
        return await self._start()

    async def _start(self) -> asyncio.subprocess.Process:
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-I", "-m", f"{__package__}.worker"),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env={},
            )
        except OSError as error:
            raise JudgeUnavailable(f"no process can be started to judge: {error.strerror}") from error
        self.processes.add(process)
        try:
            async with asyncio.timeout(START_SECONDS):
                await _exchange(process, msgspec.json.encode(Question("sql", "snowflake", "SELECT 1")))
        except (TimeoutError, OSError, asyncio.IncompleteReadError):
            await self._end(process)
            raise JudgeUnavailable("the process that judges does not start") from None
        except BaseException:
            await self._end(process)
            raise
        return process

    async def _end(self, process: asyncio.subprocess.Process) -> None:
        self.processes.discard(process)
        if process in self._idle:
            self._idle.remove(process)
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _exchange(process: asyncio.subprocess.Process, payload: bytes) -> bytes:
    if process.stdin is None or process.stdout is None:
        raise OSError("the worker has no pipes")
    process.stdin.write(frame(payload))
    await process.stdin.drain()
    length = int.from_bytes(await process.stdout.readexactly(4), "big")
    return await process.stdout.readexactly(length)

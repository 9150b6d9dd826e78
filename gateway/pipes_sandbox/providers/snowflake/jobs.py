"""Statements in flight and finished: running, polling, cancelling and timing out."""

from __future__ import annotations

import asyncio
import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from pipes_sandbox.providers.snowflake.database import AccountDatabase, Result, enter, run
from pipes_sandbox.providers.snowflake.errors import StatementError, StoppedError
from pipes_sandbox.providers.snowflake.session import Session
from pipes_sandbox.providers.snowflake.translate import Statement

_KEPT = 500
"""Finished statements whose results can still be fetched."""
_KEPT_BYTES = 512 * 1024 * 1024
"""Rows of finished statements held in all, encoded; the oldest go first."""

RUNNING, SUCCEEDED, FAILED, CANCELLED, TIMED_OUT = "running", "succeeded", "failed", "cancelled", "timed_out"


@dataclass(slots=True, eq=False)
class Job:
    """One submitted request; one of several statements has a child for each."""

    owner: str
    """Connected account that submitted it: nobody else may see it."""
    session: Session
    text: str
    handle: str = field(default_factory=lambda: str(uuid.uuid4()))
    created_ms: int = field(default_factory=lambda: time.time_ns() // 1_000_000)
    state: str = RUNNING
    result: Result | None = None
    error: StatementError | None = None
    children: list[Job] = field(default_factory=list)
    done: asyncio.Event = field(default_factory=asyncio.Event)
    stop: threading.Event = field(default_factory=threading.Event)
    stopped: asyncio.Event = field(default_factory=asyncio.Event)
    """Set with `stop`, for what waits on the event loop."""
    outcome_when_stopped: str = CANCELLED
    cursor: Any = None
    task: asyncio.Task[None] | None = None

    def describe(self) -> dict[str, Any]:
        return {
            "handle": self.handle,
            "owner": self.owner,
            "state": self.state,
            "statement": self.text[:1000],
            "created_ms": self.created_ms,
            "rows": self.result.rows if self.result else None,
        }


class Jobs:
    def __init__(self, threads: int, partition_rows: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="snowflake")
        self._partition_rows = partition_rows
        self._jobs: OrderedDict[str, Job] = OrderedDict()

    def find(self, handle: str, owner: str) -> Job | None:
        job = self._jobs.get(handle)
        return job if job and job.owner == owner else None

    def describe(self) -> list[dict[str, Any]]:
        return [job.describe() for job in self._jobs.values()]

    async def in_thread(self, function: Any, *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._pool, function, *arguments)

    def submit(
        self, job: Job, statements: Sequence[Statement], database: AccountDatabase, timeout: float | None
    ) -> Job:
        """Starts the job; `timeout` in seconds, None for no limit."""
        self.keep(job)
        if len(statements) > 1:
            job.children = [Job(job.owner, job.session, " ; ".join(each.sql)) for each in statements]
            for child in job.children:
                self.keep(child)
        job.task = asyncio.create_task(self._run(job, statements, database))
        if timeout:
            timer = asyncio.get_running_loop().call_later(timeout, self._time_out, job)
            job.task.add_done_callback(lambda _: timer.cancel())
        return job

    async def cancel(self, job: Job) -> bool:
        """Interrupts the job; False when it had already ended."""
        if job.done.is_set():
            return False
        self._stop(job, CANCELLED)
        await job.done.wait()
        return job.state == CANCELLED

    async def close(self) -> None:
        for job in list(self._jobs.values()):
            if job.task and not job.task.done():
                self._stop(job, CANCELLED)
                await job.task
        self._pool.shutdown(wait=True)

    def keep(self, job: Job) -> None:
        """Makes the job one that can be asked for, and forgets the oldest that have ended."""
        self._jobs[job.handle] = job
        finished = [each for each in self._jobs.values() if each.done.is_set()]
        held = sum(each.result.size for each in finished if each.result)
        while finished and (len(finished) > _KEPT or held > _KEPT_BYTES):
            oldest = finished.pop(0)
            held -= oldest.result.size if oldest.result else 0
            del self._jobs[oldest.handle]

    def _time_out(self, job: Job) -> None:
        if not job.done.is_set():
            self._stop(job, TIMED_OUT)

    def _stop(self, job: Job, outcome: str) -> None:
        if not job.stop.is_set():
            job.outcome_when_stopped = outcome
            job.stop.set()
            job.stopped.set()
            asyncio.get_running_loop().call_soon(self._interrupt, job)

    def _interrupt(self, job: Job) -> None:
        """Again until the job has ended: an interrupt that comes between two steps of DuckDB is lost."""
        if job.done.is_set():
            return
        if job.cursor is not None:
            job.cursor.interrupt()
        asyncio.get_running_loop().call_later(0.02, self._interrupt, job)

    async def _run(self, job: Job, statements: Sequence[Statement], database: AccountDatabase) -> None:
        try:
            parts = job.children or [job]
            for part, statement in zip(parts, statements, strict=True):
                part.result = await self._run_one(job, statement, database)
                part.state = SUCCEEDED
                part.done.set()
            if job.children:
                job.result = Result.of_text(
                    "multiple statement execution", "Multiple statements executed successfully."
                )
            job.state = SUCCEEDED
        except StoppedError:
            job.state = job.outcome_when_stopped
        except StatementError as error:
            job.error, job.state = error, FAILED
        finally:
            if job.state == RUNNING:
                job.state = FAILED
                job.error = StatementError("000603", "XX000", "SQL execution internal error")
            for child in job.children:
                if not child.done.is_set():
                    child.state, child.error = job.state, job.error
                    child.done.set()
            job.done.set()
            cursor, job.cursor = job.cursor, None
            if cursor is not None:
                cursor.close()

    async def _run_one(self, job: Job, statement: Statement, database: AccountDatabase) -> Result:
        if statement.wait:
            try:
                async with asyncio.timeout(statement.wait):
                    await job.stopped.wait()
            except TimeoutError:
                pass
        if job.stop.is_set():
            raise StoppedError
        running = self._pool.submit(self._in_session, job, statement, database)
        outcome = asyncio.wrap_future(running)
        stopped = asyncio.ensure_future(job.stopped.wait())
        try:
            await asyncio.wait((outcome, stopped), return_when=asyncio.FIRST_COMPLETED)
            if running.cancel():
                # Still in line for a thread: it never begins.
                raise StoppedError
            return await outcome
        finally:
            stopped.cancel()

    def _in_session(self, job: Job, statement: Statement, database: AccountDatabase) -> Result:
        if job.cursor is None:
            cursor = database.cursor()
            enter(cursor, job.session)
            job.cursor = cursor
        return run(database, job.cursor, statement, job.session, job.stop, self._partition_rows)

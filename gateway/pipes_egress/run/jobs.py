"""Work that goes on after the first answer: polled until it is done, cancelled when nobody waits any more."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from pipes_catalog.exchange import Job, Request

from ..mapping.scope import Scope, follow
from ..problems import ProviderFailed
from ..transport.answers import Answer, AnswerUnreadable
from .sender import Sender

log = logging.getLogger(__name__)

CANCEL_SECONDS = 10.0
"""How long a clean-up may take, after the caller is gone."""

Tell = Callable[[str], Awaitable[None]]


class JobRun:
    """One job: `answer` holds what it came to. The clean-up outlives the call; `keep` is given the task."""

    def __init__(self, job: Job, sender: Sender, keep: Callable[[asyncio.Task[None]], None]) -> None:
        self._job = job
        self._sender = sender
        self._keep = keep
        self.handle = ""

    async def run(self, request: Request, scope: Scope, tell: Tell) -> tuple[Answer, Scope]:
        """Submit, and poll until it is done. Returns the last answer, and the scope that knows `job.handle`.

        Whatever ends it early, cancellation included, has the job cancelled at the provider.
        """
        # The submission itself is never torn off: without its answer there is no handle to cancel by.
        submission = asyncio.create_task(self._sender.send(request, scope))
        try:
            answer = await asyncio.shield(submission)
            self.handle = self._handle_in(answer)
            scope = scope.having(job={"handle": self.handle})
            pause = self._job.pause.first
            while answer.status in self._job.running:
                await asyncio.sleep(pause)
                pause = min(pause * self._job.pause.factor, self._job.pause.longest)
                await tell(f"{self._sender.exchange.title} is still working on it")
                answer = await self._sender.send(self._job.poll, scope)
            return answer, scope
        except BaseException as error:
            if not (isinstance(error, ProviderFailed) and error.answered):
                self._clean_up(submission, scope)
            raise

    def _handle_in(self, answer: Answer) -> str:
        try:
            handle = follow(answer.json(), self._job.handle)
        except AnswerUnreadable as error:
            raise ProviderFailed(f"{self._sender.exchange.title}: {error}") from None
        if isinstance(handle, str) and handle:
            return handle
        if answer.status in self._job.running:
            raise ProviderFailed(f"{self._sender.exchange.title} does not say how to ask for the result")
        return ""

    def _clean_up(self, submission: "asyncio.Task[Answer]", scope: Scope) -> None:
        self._sender.abandoned = True
        if self._job.cancel is None:
            submission.cancel()
            return
        if submission.done() and (submission.cancelled() or submission.exception() is not None):
            return
        self._keep(asyncio.create_task(self._cancel(submission, scope)))

    async def _cancel(self, submission: "asyncio.Task[Answer]", scope: Scope) -> None:
        cancel = self._job.cancel
        if cancel is None:
            return
        try:
            async with asyncio.timeout(CANCEL_SECONDS):
                handle = self.handle or self._handle_in(await submission)
                if handle:
                    await self._sender.send_unchecked(cancel, scope.having(job={"handle": handle}))
        except Exception as error:  # the caller is gone: there is nobody to tell but the log
            log.warning("a job of %s could not be cancelled: %s", self._sender.host, type(error).__name__)

"""`make demo`: everything from nothing, the main job step by step. Exits with 1 when a step does not happen."""

import json
import re
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime

import anyio

from .agent import Agent, Answer
from .environment import Environment
from .observer import Observer
from .story import Step, Story, StoryBrokenError
from .team import as_it_says

CEILING_SECONDS = 25
"""The demo's cluster-wide ceiling on sessions, so that you need not wait long to see one expire."""

QUERY = "SELECT region, COUNT(*) AS orders FROM crm.public.orders GROUP BY region ORDER BY orders DESC"
WRITE = "DELETE FROM crm.public.orders"
NAMESPACE = "team-a"
SUMMARY = r'{range .status.summary[*]}{@}{"\n"}{end}'
ALICE, BOB = "alice@example.com", "bob@example.com"


class Demo:
    def __init__(self, environment: Environment, story: Story, agent: Agent) -> None:
        self._env = environment
        self._story = story
        self._agent = agent
        self._observer = Observer(environment.sandbox_url, environment.sandbox_admin_token)

    async def tell(self) -> None:
        await self._lists()
        await self._is_refused()
        session = await self._asks("snowflake", "Sum up the orders by region for the weekly report")
        await self._bob_may_not(session)
        await self._alice_approves(session)
        expiring = await self._alice_approves_another()
        await self._may_not_write()
        await self._alice_revokes(session)
        await self._asking_again_does_not_renew()
        await self._expires(expiring)

    async def _lists(self) -> None:
        with self._story.step("The agent lists its tools") as step:
            tools = await self._agent.tools()
            step.saw(f"{len(tools)} tools over MCP {self._agent.protocol}: {', '.join(sorted(tools))}")
            for name in ("request_session", "snowflake_query", "google_drive_search", "salesforce_query"):
                step.must(name in tools, f"{name} is not in the list")

    async def _is_refused(self) -> None:
        with self._story.step("It calls one: there is no session, so nothing reaches the provider") as step:
            answer = await self._agent.call("snowflake_query", statement=QUERY)
            step.saw(answer.text)
            step.must(answer.reason == "SessionRequired", f"expected SessionRequired, got {answer.text!r}")
            step.must(self._observer.provider_calls() == [], "a provider call was seen")

    async def _asks(self, binding: str, reason: str) -> str:
        with self._story.step(f"It asks for a session on {binding}") as step:
            answer = await self._request(binding, reason)
            step.saw(answer.text)
            return self._name_of(answer, step)

    async def _request(self, binding: str, reason: str) -> Answer:
        bindings = [{"name": binding, "access": "Read"}]
        return await self._agent.call("request_session", reason=reason, bindings=bindings, duration="10m")

    async def _bob_may_not(self, session: str) -> None:
        with self._story.step("Bob, who may ask but not approve, tries to approve it") as step:
            done = await self._approve(session, BOB)
            step.saw(f"$ kubectl apply --server-side --field-manager=approver -f approval.yaml      # as {BOB}")
            step.saw(_refusal(done.stderr))
            step.must(done.returncode != 0, "the API server took Bob's approval")

    async def _alice_approves(self, session: str) -> None:
        with self._story.step("Alice looks at what is asked, and approves with kubectl") as step:
            step.saw(f"$ kubectl -n {NAMESPACE} get agentsession {session} -o jsonpath='{SUMMARY}'")
            step.saw(await self._field(session, SUMMARY))
            started = time.monotonic()
            done = await self._approve(session, ALICE)
            step.must(done.returncode == 0, done.stderr)
            answer, calls = await self._until(lambda answer: answer.denial is None)
            step.must(not answer.is_error, answer.text)
            step.saw(f"$ kubectl apply --server-side --field-manager=approver -f approval.yaml      # as {ALICE}")
            step.saw(done.stdout)
            step.saw(
                f"first successful call {_ms(time.monotonic() - started)} after kubectl was started ({calls} tries):"
            )
            step.saw(answer.text)

    async def _alice_approves_another(self) -> str:
        with self._story.step(
            f"A second session, for Google Drive; here no session may last over {CEILING_SECONDS} s"
        ) as step:
            answer = await self._request("google-drive", "Find the revenue review")
            session = self._name_of(answer, step)
            done = await self._approve(session, ALICE)
            step.must(done.returncode == 0, done.stderr)
            found, _ = await self._until(lambda answer: answer.denial is None, "google_drive_search", query="revenue")
            step.must(not found.is_error, found.text)
            step.saw(found.text)
            return session

    async def _may_not_write(self) -> None:
        with self._story.step("The agent tries to delete with the reading session") as step:
            answer = await self._agent.call("snowflake_query", statement=WRITE)
            step.saw(f"snowflake_query {WRITE!r}")
            step.saw(answer.text)
            step.must(answer.reason == "WriteNotAllowed", f"expected WriteNotAllowed, got {answer.text!r}")
            sent = [call for call in self._observer.provider_calls() if "DELETE" in call["body"]]
            step.must(not sent, "the DELETE was sent to the provider")

    async def _alice_revokes(self, session: str) -> None:
        with self._story.step("Alice revokes it while the agent goes on calling") as step:
            patch = json.dumps({"spec": {"revocation": {"by": ALICE, "reason": "seen enough"}}})
            path = f"/apis/pipesmcp.io/v1alpha1/namespaces/{NAMESPACE}/agentsessions/{session}"
            denied = anyio.Event()
            refusals: list[tuple[float, Answer]] = []

            async def keep_calling() -> None:
                while not denied.is_set():
                    answer = await self._agent.call("snowflake_query", statement="SELECT 1")
                    if answer.denial:
                        refusals.append((time.monotonic(), answer))
                        denied.set()

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(keep_calling)
                await anyio.sleep(0.2)
                sent = time.monotonic()
                status, body = await anyio.to_thread.run_sync(
                    lambda: self._env.cluster.request(
                        "PATCH", path, patch, user=ALICE, content_type="application/merge-patch+json"
                    )
                )
                step.must(status == 200, f"the revocation was refused: {body}")
                with anyio.fail_after(10):
                    await denied.wait()
            at, answer = refusals[0]
            step.saw(f"first refused call {_ms(at - sent)} after the PATCH was sent:")
            step.saw(answer.text)
            step.must(answer.reason == "SessionRevoked", f"expected SessionRevoked, got {answer.text!r}")

    async def _asking_again_does_not_renew(self) -> None:
        with self._story.step("Asking again does not renew anything: a person must approve a new session") as step:
            answer = await self._request("snowflake", "I was not finished")
            step.must(not answer.is_error, answer.text)
            refused = await self._agent.call("snowflake_query", statement="SELECT 1")
            step.saw(refused.text)
            step.must(refused.reason == "AwaitingApproval", f"expected AwaitingApproval, got {refused.text!r}")

    async def _expires(self, session: str) -> None:
        with self._story.step("The Google Drive session runs out by itself") as step:
            expires = datetime.fromisoformat(await self._field(session, "{.status.expiresAt}"))
            left = (expires - datetime.now(UTC)).total_seconds()
            step.saw(f"{left:.0f} s to go …" if left > 0 else "it has run out meanwhile")
            answer, _ = await self._until(
                lambda answer: answer.denial is not None,
                "google_drive_search",
                seconds=left + 5,
                pause=0.05,
                query="revenue",
            )
            step.saw(answer.text)
            step.must(answer.reason == "SessionExpired", f"expected SessionExpired, got {answer.text!r}")
            late = [
                call for call in self._observer.provider_calls("www.googleapis.com") if call["at"] > expires.timestamp()
            ]
            step.must(not late, f"{len(late)} provider calls were seen after expiresAt")
            step.saw(f"the provider's own record shows no call after {expires:%H:%M:%S}")

    async def _until(
        self,
        happened: Callable[[Answer], bool],
        tool: str = "snowflake_query",
        *,
        seconds: float = 10,
        pause: float = 0.0,
        **arguments: str,
    ) -> tuple[Answer, int]:
        """Call until something happens, as an agent would that does not hear list_changed."""
        arguments = arguments or {"statement": QUERY}
        deadline = anyio.current_time() + seconds
        calls = 0
        while True:
            answer, calls = await self._agent.call(tool, **arguments), calls + 1
            if happened(answer):
                return answer, calls
            if anyio.current_time() > deadline:
                raise StoryBrokenError(f"after {seconds:.0f} s {tool} still answers: {answer.text}")
            await anyio.sleep(pause)

    def _name_of(self, answer: Answer, step: Step) -> str:
        step.must(not answer.is_error, answer.text)
        return str(answer.structured["session"])

    async def _approve(self, session: str, who: str) -> subprocess.CompletedProcess[str]:
        manifest = await self._field(session, "{.status.approveWith}")
        return await anyio.to_thread.run_sync(
            lambda: self._env.cluster.run_kubectl(*as_it_says(manifest), user=who, stdin=manifest, check=False)
        )

    async def _field(self, session: str, path: str) -> str:
        done = await anyio.to_thread.run_sync(
            lambda: self._env.cluster.run_kubectl(
                "get", "agentsession", session, "-o", f"jsonpath={path}", namespace=NAMESPACE
            )
        )
        return done.stdout


def _refusal(stderr: str) -> str:
    return re.sub(r"^.*denied request: ", "refused: ", stderr.strip().replace("\n", " "))


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"


async def run(environment: Environment) -> None:
    """Tell the story against a running environment; raises `StoryBrokenError` when a step does not happen."""
    story = Story()
    try:
        async with Agent.connected(environment.mcp_url) as agent:
            await Demo(environment, story, agent).tell()
    except BaseExceptionGroup as group:
        # The client runs its tasks in groups, which wrap what went wrong in one of them.
        broken = group.subgroup(StoryBrokenError)
        while isinstance(broken, BaseExceptionGroup):
            broken = broken.exceptions[0]  # type: ignore[assignment]
        raise broken or group from None
    story.say(f"Every step happened, in {story.seconds:.0f} s. `make up` keeps the same running for you to try.")

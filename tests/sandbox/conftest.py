"""One sandbox for all of these tests, in a thread, so that official clients that block can talk to it."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from workos import WorkOSClient

from pipes_sandbox.server import Endpoints, running
from pipes_sandbox.settings import Settings

API_KEY = "sk_test_of_these_tests"
ADMIN_TOKEN = "admin-token-of-these-tests"


@dataclass
class Answer:
    status: int
    headers: Any
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Sandbox:
    """A running sandbox and plain HTTP to it."""

    url: str
    tls_url: str
    ca_file: Path
    changed: bool = False
    """Whether a test had leave to change the world since the last reset."""
    hosts: dict[str, str] = field(
        default_factory=lambda: {
            "github": "api.github.com",
            "linear": "api.linear.app",
            "atlassian": "api.atlassian.com",
            "snowflake": "acme-eu1.snowflakecomputing.com",
            "google-drive": "www.googleapis.com",
            "google-calendar": "www.googleapis.com",
            "gmail": "gmail.googleapis.com",
            "salesforce": "acme.my.salesforce.com",
            "hubspot": "api.hubapi.com",
            "notion": "api.notion.com",
            "slack": "slack.com",
        }
    )

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: dict[str, str] | None = None,
        timeout: float = 20,
    ) -> Answer:
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        sent = {"Content-Type": "application/json", **(headers or {})}
        request = urllib.request.Request(self.url + path, data=data, method=method, headers=sent)
        opener = urllib.request.build_opener(_NoRedirect)
        try:
            with opener.open(request, timeout=timeout) as response:
                return Answer(response.status, response.headers, response.read())
        except urllib.error.HTTPError as error:
            return Answer(error.code, error.headers, error.read())

    def pipes(self, method: str, path: str, body: Any = None, *, key: str = API_KEY) -> Answer:
        return self.request(method, path, body, headers={"Authorization": f"Bearer {key}"})

    def admin(self, method: str, path: str, body: Any = None) -> Any:
        answer = self.request(
            method, f"/_sandbox{path}", body, headers={"Authorization": f"Bearer {ADMIN_TOKEN}"}, timeout=70
        )
        assert answer.status < 300, answer.body
        return answer.json() if answer.body else None

    def calls(self, **query: Any) -> list[dict[str, Any]]:
        return self.admin("GET", "/calls?" + "&".join(f"{name}={value}" for name, value in query.items()))["calls"]

    def token(self, provider: str, user: str = "user_alice", **more: Any) -> str:
        answer = self.pipes("POST", f"/data-integrations/{provider}/credentials", {"user_id": user, **more})
        return answer.json()["credential"]["value"]

    def provider(
        self, provider: str, method: str, path: str, body: Any = None, *, token: str | None = None, **headers: str
    ) -> Answer:
        """A call as the product sends it: the host it means in a header."""
        sent = {
            "Authorization": f"Bearer {token or self.token(provider)}",
            "Pipes-Sandbox-Host": self.hosts[provider],
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        return self.request(method, path, body, headers=sent)

    def sql(self, statement: str, *, query: str = "", token: str | None = None, **body: Any) -> Answer:
        path = "/api/v2/statements" + (f"?{query}" if query else "")
        return self.provider("snowflake", "POST", path, {"statement": statement, **body}, token=token)


class _Troubles(logging.Handler):
    """Keeps what the server and its event loop complained of: exceptions that no test would see.

    Of that thread and that loop only: other tests of this process may have servers that are meant to fail.
    """

    def __init__(self, level: int) -> None:
        super().__init__(level)
        self.thread: int | None = None
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self.thread and record.name in ("aiohttp.server", "aiohttp.web"):
            self.messages.append(self.format(record))

    def complain(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self.messages.append(f"{context['message']}: {context.get('exception')!r}")


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


@pytest.fixture(scope="session")
def running_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    settings = Settings(
        port=0,
        tls_port=0,
        tls_directory=tmp_path_factory.mktemp("sandbox-tls"),
        api_key=API_KEY,
        admin_token=ADMIN_TOKEN,
        synchronous_wait=15,
    )
    ready: list[Endpoints] = []
    started, loop = threading.Event(), asyncio.new_event_loop()
    troubles = _Troubles(logging.ERROR)
    logging.getLogger().addHandler(troubles)
    loop.set_exception_handler(troubles.complain)
    stop = asyncio.Event()

    async def serve() -> None:
        async with running(settings) as endpoints:
            ready.append(endpoints)
            started.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), daemon=True)
    thread.start()
    troubles.thread = thread.ident
    assert started.wait(20)
    endpoints = ready[0]
    assert endpoints.tls_url is not None
    assert endpoints.ca_file is not None
    yield Sandbox(endpoints.url, endpoints.tls_url, endpoints.ca_file)
    loop.call_soon_threadsafe(stop.set)
    thread.join(20)
    loop.close()
    logging.getLogger().removeHandler(troubles)
    assert not thread.is_alive()
    assert troubles.messages == []


def _as_seeded(sandbox: Sandbox) -> Sandbox:
    if sandbox.changed:
        sandbox.admin("POST", "/reset")
        sandbox.changed = False
    else:
        sandbox.admin("DELETE", "/calls")
    return sandbox


@pytest.fixture
def unchanged(running_sandbox: Sandbox) -> Sandbox:
    """The sandbox as the seed says, for tests that leave it so: saves a reset."""
    return _as_seeded(running_sandbox)


@pytest.fixture
def sandbox(running_sandbox: Sandbox) -> Sandbox:
    """The sandbox as the seed says, for tests that change it."""
    _as_seeded(running_sandbox).changed = True
    return running_sandbox


@pytest.fixture
def workos(sandbox: Sandbox) -> Iterator[WorkOSClient]:
    client = WorkOSClient(api_key=API_KEY, client_id="client_test", base_url=sandbox.url, max_retries=0)
    yield client
    client.close()

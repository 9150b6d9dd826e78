"""The independent observer: the sandbox's own record of what reached Pipes and the providers."""

import json
import urllib.request
from typing import Any

PIPES = "api.workos.com"


class Observer:
    """Reads the sandbox's record. `at` of a call is Unix seconds at which it arrived."""

    def __init__(self, sandbox_url: str, admin_token: str) -> None:
        self._url = sandbox_url
        self._token = admin_token

    def calls(self, since: int = 0) -> list[dict[str, Any]]:
        """Every call that reached the sandbox, oldest first."""
        record: dict[str, Any] = self._ask("GET", f"/_sandbox/calls?since={since}")
        calls: list[dict[str, Any]] = record["calls"]
        return calls

    def provider_calls(self, host: str | None = None) -> list[dict[str, Any]]:
        """Those that reached a provider, Pipes itself left out."""
        calls = [call for call in self.calls() if call["host"] != PIPES]
        return [call for call in calls if host is None or call["host"] == host]

    def fault(self, fault: dict[str, Any]) -> None:
        """Provoke trouble; see docs/sandbox.md."""
        self._ask("PUT", "/_sandbox/faults", fault)

    def vends(self, provider: str) -> int:
        """How often a credential of that provider was asked for."""
        path = f"/data-integrations/{provider}/credentials"
        return sum(call["host"] == PIPES and call["path"] == path for call in self.calls())

    def end_tokens(self, provider: str) -> None:
        """Every token that was vended for it is expired from now on."""
        self._ask("POST", "/_sandbox/tokens/end", {"provider": provider})

    def change_account(self, account: str, **members: Any) -> None:
        """What Pipes knows of a connected account: `state`, `scopes` and more; see docs/sandbox.md."""
        self._ask("PATCH", f"/_sandbox/accounts/{account}", members)

    def forget(self) -> None:
        self._ask("DELETE", "/_sandbox/calls")

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        request = urllib.request.Request(
            self._url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            text = answer.read()
        return json.loads(text) if text else None

"""Google's official client, sent to the sandbox as the product sends its requests."""

import json
from typing import Any

import httplib2
from google.oauth2.credentials import Credentials
from google_auth_httplib2 import AuthorizedHttp
from googleapiclient.discovery import build


class ToSandbox(httplib2.Http):
    """Sends what is meant for a host of Google to the sandbox, and names the host in its header."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url
        # 308 means "go on" in a resumable upload; the client's own transport is set up the same way.
        self.redirect_codes = self.redirect_codes - {308}

    def request(self, uri: str, *args: Any, headers: Any = None, **more: Any) -> Any:
        host, _, rest = uri.removeprefix("https://").partition("/")
        return super().request(
            f"{self._url}/{rest}", *args, headers={**(headers or {}), "Pipes-Sandbox-Host": host}, **more
        )


def google(url: str, name: str, version: str, token: str) -> Any:
    """A service of the client library, at the sandbox's URL."""
    http = AuthorizedHttp(Credentials(token=token), http=ToSandbox(url))
    return build(name, version, http=http, static_discovery=True)


def reason(refusal: Any) -> tuple[int, str]:
    """Status and reason of an HttpError that pytest caught."""
    error = json.loads(refusal.value.content)["error"]
    assert error["code"] == refusal.value.status_code
    return error["code"], error["errors"][0]["reason"]

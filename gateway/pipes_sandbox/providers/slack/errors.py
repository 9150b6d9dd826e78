"""Slack's refusals: status 200, and `ok` is false."""

from __future__ import annotations

from typing import Any

from pipes_sandbox.call import RefusalError


def refused(code: str, **more: Any) -> RefusalError:
    return RefusalError(200, {"ok": False, "error": code, **more})


def missing_scope(needed: tuple[str, ...], provided: list[str]) -> RefusalError:
    """The headers name the same as the body."""
    wanted, had = ",".join(needed), ",".join(provided)
    return RefusalError(
        200,
        {"ok": False, "error": "missing_scope", "needed": wanted, "provided": had},
        {"x-accepted-oauth-scopes": wanted, "x-oauth-scopes": had},
    )


def invalid_arguments(*messages: str) -> RefusalError:
    said = [f"[ERROR] {message}" for message in messages]
    return refused("invalid_arguments", response_metadata={"messages": said})

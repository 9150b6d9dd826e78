"""`https://slack.com/api/<method>`: every answer has status 200, and says in `ok` whether it went well."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import web

from pipes_sandbox.call import Call, RefusalError
from pipes_sandbox.pipes.store import Environment
from pipes_sandbox.service import Service
from pipes_sandbox.tokens import TokenBook

from . import errors
from .arguments import Arguments
from .caller import Caller, Callers
from .reading import Reading
from .workspace import seeded
from .writing import Writing

Method = Callable[[Caller, Arguments], dict[str, Any]]


class SlackService(Service):
    name = "slack"
    prefixes = tuple(f"/api/{family}." for family in ("auth", "chat", "conversations", "reactions", "search", "users"))

    def __init__(self, tokens: TokenBook, environment: Environment, data: Mapping[str, Any]) -> None:
        super().__init__()
        self._workspace = seeded(data)
        self._callers = Callers(tokens, environment, self._workspace)
        reading, writing = Reading(self._workspace), Writing(self._workspace, tokens.clock)
        methods: dict[str, Method] = {
            "auth.test": reading.auth_test,
            "conversations.list": reading.conversations_list,
            "conversations.info": reading.conversations_info,
            "conversations.members": reading.conversations_members,
            "conversations.history": reading.conversations_history,
            "conversations.replies": reading.conversations_replies,
            "conversations.open": writing.open_conversation,
            "search.messages": reading.search_messages,
            "users.list": reading.users_list,
            "users.info": reading.users_info,
            "users.lookupByEmail": reading.users_lookup_by_email,
            "chat.getPermalink": reading.get_permalink,
            "chat.postMessage": writing.post_message,
            "chat.update": writing.update,
            "chat.scheduleMessage": writing.schedule_message,
            "chat.scheduledMessages.list": writing.scheduled_list,
            "reactions.add": writing.add_reaction,
        }
        for name, method in methods.items():
            for verb in ("GET", "POST"):
                self.router.add(verb, f"/api/{name}", self._answering(method))

    def serves(self, host: str) -> bool:
        return host == "slack.com"

    def authenticate(self, call: Call) -> None:
        self._callers.of(call)

    def unrouted(self, call: Call, allowed: frozenset[str]) -> RefusalError:
        return errors.refused("unknown_method", req_method=call.path.rpartition("/")[2])

    async def describe(self) -> Any:
        workspace = self._workspace
        said = sum(len(each.messages) for each in workspace.conversations.values())
        return {"people": len(workspace.people), "conversations": len(workspace.conversations), "messages": said}

    def _answering(self, method: Method) -> Callable[[Call], Any]:
        async def answer(call: Call) -> web.Response:
            caller = self._callers.of(call)
            body = {"ok": True, **method(caller, Arguments(call))}
            return web.json_response(body, headers={"x-oauth-scopes": ",".join(caller.token.scopes)})

        return answer

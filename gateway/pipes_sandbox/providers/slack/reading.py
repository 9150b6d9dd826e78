"""Conversations, messages and people as they are: the methods that change nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from . import errors, shapes
from .arguments import Arguments
from .caller import Caller
from .search import matches
from .workspace import GROUP, PUBLIC, SCOPES, Message, Workspace, micros

Answer = dict[str, Any]


class Reading:
    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def auth_test(self, caller: Caller, _: Arguments) -> Answer:
        workspace = self._workspace
        return {
            "url": f"https://{workspace.domain}.slack.com/",
            "team": workspace.name,
            "user": caller.person.name,
            "team_id": workspace.id,
            "user_id": caller.person.id,
        }

    def conversations_list(self, caller: Caller, arguments: Arguments) -> Answer:
        types = [each.strip() for each in arguments.text("types", PUBLIC).split(",")]
        for each in types:
            if each not in SCOPES:
                raise errors.refused("invalid_types")
            caller.demand(f"{SCOPES[each]}:read")
        without = arguments.flag("exclude_archived")
        found = [
            each
            for each in self._workspace.seen_by(caller.person)
            if each.kind in types and not (without and each.archived)
        ]
        page, cursor = arguments.page(found, 100, 1000)
        channels = [shapes.conversation(each, caller.person) for each in page]
        return {"channels": channels, "response_metadata": {"next_cursor": cursor}}

    def conversations_info(self, caller: Caller, arguments: Arguments) -> Answer:
        where = self._workspace.visible(arguments.required("channel"), caller.person)
        caller.demand_on(where, "read")
        return {"channel": shapes.conversation(where, caller.person)}

    def conversations_members(self, caller: Caller, arguments: Arguments) -> Answer:
        where = self._workspace.visible(arguments.required("channel"), caller.person)
        caller.demand_on(where, "read")
        page, cursor = arguments.page(where.members, 100, 1000)
        return {"members": list(page), "response_metadata": {"next_cursor": cursor}}

    def conversations_history(self, caller: Caller, arguments: Arguments) -> Answer:
        where = self._workspace.visible(arguments.required("channel"), caller.person)
        caller.demand_on(where, "history")
        self._joined(caller, where.members)
        said = _between(where.top(), arguments)[::-1]
        page, cursor = arguments.page(said, 100, 999)
        answer: Answer = {"messages": [shapes.message(each, where) for each in page], "has_more": bool(cursor)}
        return answer | ({"response_metadata": {"next_cursor": cursor}} if cursor else {})

    def conversations_replies(self, caller: Caller, arguments: Arguments) -> Answer:
        where = self._workspace.visible(arguments.required("channel"), caller.person)
        caller.demand_on(where, "history")
        self._joined(caller, where.members)
        ts = arguments.required("ts")
        message = where.messages.get(ts)
        if message is None:
            raise errors.refused("thread_not_found")
        said = _between(where.thread(message.thread_ts or ts), arguments)
        page, cursor = arguments.page(said, 1000, 1000)
        shown = [shapes.message(each, where, in_thread=True) for each in page]
        answer: Answer = {"messages": shown, "has_more": bool(cursor)}
        return answer | ({"response_metadata": {"next_cursor": cursor}} if cursor else {})

    def search_messages(self, caller: Caller, arguments: Arguments) -> Answer:
        if caller.person.bot:
            raise errors.refused("not_allowed_token_type")
        caller.demand("search:read")
        query = arguments.text("query").strip()
        if not query:
            raise errors.refused("no_query")
        found = matches(query, self._workspace, caller.person)
        if arguments.text("sort_dir", "desc") == "asc":
            found.reverse()
        size, number = arguments.number("count", 20, 100), arguments.number("page", 1, 100)
        page = found[(number - 1) * size : number * size]
        paging = {"count": size, "total": len(found), "page": number, "pages": -(-len(found) // size)}
        shown = [
            {
                **shapes.message(message, where),
                "iid": f"{where.id}-{message.ts}",
                "team": self._workspace.id,
                "username": self._workspace.people[message.user].name,
                "channel": {
                    "id": where.id,
                    "name": where.name or where.members[0],
                    "is_private": where.kind != PUBLIC,
                    "is_mpim": where.kind == GROUP,
                },
                "permalink": self._workspace.permalink(where, message),
            }
            for where, message in page
        ]
        return {"query": query, "messages": {"total": len(found), "paging": paging, "matches": shown}}

    def get_permalink(self, caller: Caller, arguments: Arguments) -> Answer:
        where = self._workspace.visible(arguments.required("channel"), caller.person)
        message = where.messages.get(arguments.required("message_ts"))
        if message is None:
            raise errors.refused("message_not_found")
        return {"channel": where.id, "permalink": self._workspace.permalink(where, message)}

    def users_list(self, caller: Caller, arguments: Arguments) -> Answer:
        caller.demand("users:read")
        page, cursor = arguments.page(list(self._workspace.people.values()), 200, 1000)
        return {
            "members": [self._person(each.id, caller) for each in page],
            "response_metadata": {"next_cursor": cursor},
        }

    def users_info(self, caller: Caller, arguments: Arguments) -> Answer:
        caller.demand("users:read")
        return {"user": self._person(arguments.required("user"), caller)}

    def users_lookup_by_email(self, caller: Caller, arguments: Arguments) -> Answer:
        caller.demand("users:read.email")
        found = self._workspace.person_of(arguments.required("email"))
        if found is None or found.deleted:
            raise errors.refused("users_not_found")
        return {"user": self._person(found.id, caller)}

    def _person(self, user: str, caller: Caller) -> Answer:
        found = self._workspace.people.get(user)
        if found is None:
            raise errors.refused("user_not_found")
        return shapes.person(found, self._workspace, with_email="users:read.email" in caller.token.scopes)

    def _joined(self, caller: Caller, members: Sequence[str]) -> None:
        """A bot reads only where it was invited; a person may read every public channel."""
        if caller.person.bot and caller.person.id not in members:
            raise errors.refused("not_in_channel")


def _between(messages: Sequence[Message], arguments: Arguments) -> list[Message]:
    inclusive = arguments.flag("inclusive")
    bounds: dict[str, int | None] = {}
    for name in ("oldest", "latest"):
        text = arguments.text(name)
        try:
            bounds[name] = micros(text) if text else None
        except ValueError:
            raise errors.refused(f"invalid_ts_{name}") from None
    oldest, latest = bounds["oldest"], bounds["latest"]

    def fits(message: Message) -> bool:
        at = micros(message.ts)
        after = oldest is None or at > oldest or (inclusive and at == oldest)
        return after and (latest is None or at < latest or (inclusive and at == latest))

    return [each for each in messages if fits(each)]

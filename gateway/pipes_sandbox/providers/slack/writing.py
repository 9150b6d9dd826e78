"""Saying something, changing it, reacting to it, opening a conversation."""

from __future__ import annotations

import json
import re
from typing import Any

from . import errors, shapes
from .arguments import Arguments
from .caller import Caller
from .workspace import DIRECT, GROUP, PRIVATE, PUBLIC, Conversation, Workspace

LONGEST_TEXT = 40_000
LONGEST_UPDATE = 4_000
_LATEST = 120 * 86_400

Answer = dict[str, Any]


class Writing:
    def __init__(self, workspace: Workspace, clock: Any) -> None:
        self._workspace = workspace
        self._clock = clock

    def post_message(self, caller: Caller, arguments: Arguments) -> Answer:
        caller.demand("chat:write")
        where = self._open_for(caller, arguments.required("channel"))
        text = _content(arguments, LONGEST_TEXT)
        thread = self._thread(where, arguments.text("thread_ts"))
        message = self._workspace.say(where, caller.person, text, thread)
        if thread is not None:
            # From its first reply on, a message is the beginning of a thread.
            where.messages[thread].thread_ts = thread
        return {"channel": where.id, "ts": message.ts, "message": shapes.message(message, where)}

    def update(self, caller: Caller, arguments: Arguments) -> Answer:
        caller.demand("chat:write")
        where = self._workspace.visible(arguments.required("channel"), caller.person)
        message = where.messages.get(arguments.required("ts"))
        if message is None:
            raise errors.refused("message_not_found")
        if message.user != caller.person.id:
            raise errors.refused("cant_update_message")
        message.text = _content(arguments, LONGEST_UPDATE)
        message.edited = self._workspace.next_ts()
        return {"channel": where.id, "ts": message.ts, "text": message.text, "message": shapes.message(message, where)}

    def schedule_message(self, caller: Caller, arguments: Arguments) -> Answer:
        caller.demand("chat:write")
        where = self._open_for(caller, arguments.required("channel"))
        text = _content(arguments, LONGEST_TEXT)
        at = arguments.required("post_at")
        if not at.isascii() or not at.isdigit():
            raise errors.refused("invalid_time")
        if int(at) <= self._clock():
            raise errors.refused("time_in_past")
        if int(at) > self._clock() + _LATEST:
            raise errors.refused("time_too_far")
        thread = self._thread(where, arguments.text("thread_ts"))
        scheduled = self._workspace.new_id("Q")
        self._workspace.scheduled[scheduled] = {
            "id": scheduled,
            "channel_id": where.id,
            "post_at": int(at),
            "text": text,
            "thread_ts": thread,
            "user": caller.person.id,
        }
        shown = {"type": "delayed_message", "text": text, "user": caller.person.id}
        return {"channel": where.id, "scheduled_message_id": scheduled, "post_at": int(at), "message": shown}

    def scheduled_list(self, caller: Caller, _: Arguments) -> Answer:
        own = [each for each in self._workspace.scheduled.values() if each["user"] == caller.person.id]
        shown = [{name: each[name] for name in ("id", "channel_id", "post_at", "text")} for each in own]
        return {"scheduled_messages": shown, "response_metadata": {"next_cursor": ""}}

    def add_reaction(self, caller: Caller, arguments: Arguments) -> Answer:
        caller.demand("reactions:write")
        where = self._workspace.visible(arguments.required("channel"), caller.person)
        message = where.messages.get(arguments.required("timestamp"))
        name = arguments.required("name").strip(":")
        if message is None:
            raise errors.refused("message_not_found")
        if where.archived:
            raise errors.refused("is_archived")
        if not re.fullmatch(r"[a-z0-9_+'-]{1,100}(::skin-tone-[2-6])?", name):
            raise errors.refused("invalid_name")
        users = message.reactions.setdefault(name, [])
        if caller.person.id in users:
            raise errors.refused("already_reacted")
        users.append(caller.person.id)
        return {}

    def open_conversation(self, caller: Caller, arguments: Arguments) -> Answer:
        users = [each.strip() for each in arguments.text("users").split(",") if each.strip()]
        if not users:
            where = self._workspace.visible(arguments.required("channel"), caller.person)
            return {"channel": {"id": where.id}, "already_open": True, "no_op": True}
        if len(users) > 8:
            raise errors.refused("too_many_users")
        kind = DIRECT if len(users) == 1 else GROUP
        caller.demand("im:write" if kind == DIRECT else "mpim:write")
        for each in users:
            found = self._workspace.people.get(each)
            if found is None:
                raise errors.refused("user_not_found")
            if found.deleted:
                raise errors.refused("user_disabled")
        members = list(dict.fromkeys([caller.person.id, *users]))
        where, there = self._workspace.direct(members)
        shape = shapes.conversation(where, caller.person) if arguments.flag("return_im") else {"id": where.id}
        already = {"no_op": True, "already_open": True} if there else {}
        return {**already, "channel": shape}

    def _open_for(self, caller: Caller, channel: str) -> Conversation:
        """Where something can be said: an id, a name, or a person, which opens the direct message."""
        if channel in self._workspace.people:
            return self._workspace.direct(list(dict.fromkeys([caller.person.id, channel])))[0]
        named = channel.removeprefix("#")
        for each in self._workspace.seen_by(caller.person):
            if each.name == named and each.kind in (PUBLIC, PRIVATE):
                channel = each.id
        where = self._workspace.visible(channel, caller.person)
        if where.archived:
            raise errors.refused("is_archived")
        if caller.person.id not in where.members:
            raise errors.refused("not_in_channel")
        return where

    def _thread(self, where: Conversation, ts: str) -> str | None:
        if not ts:
            return None
        message = where.messages.get(ts)
        if message is None:
            raise errors.refused("thread_not_found")
        return message.thread_ts or message.ts


def _content(arguments: Arguments, longest: int) -> str:
    """What a message says; `blocks` and `markdown_text` are kept as their text."""
    text, markdown, blocks = (arguments.text(name) for name in ("text", "markdown_text", "blocks"))
    if markdown and (text or blocks):
        raise errors.refused("markdown_text_conflict")
    if blocks and not text:
        try:
            json.loads(blocks)
        except ValueError:
            raise errors.refused("invalid_blocks") from None
        text = blocks
    said = text or markdown
    if not said.strip():
        raise errors.refused("no_text")
    if len(said) > longest:
        raise errors.refused("msg_too_long")
    return said

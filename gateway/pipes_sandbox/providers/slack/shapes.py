"""How Slack writes down people, conversations and messages."""

from __future__ import annotations

from typing import Any

from .workspace import DIRECT, GROUP, PRIVATE, PUBLIC, Conversation, Message, Person, Workspace


def person(each: Person, workspace: Workspace, *, with_email: bool) -> dict[str, Any]:
    profile = {"title": each.title, "real_name": each.real_name, "display_name": each.name, "team": workspace.id}
    if with_email:
        profile["email"] = each.email
    shape = {"id": each.id, "team_id": workspace.id, "name": each.name, "deleted": each.deleted, "profile": profile}
    if each.deleted:
        return shape
    return {**shape, "real_name": each.real_name, "tz": "Europe/Berlin", "is_bot": each.bot, "is_admin": False}


def conversation(each: Conversation, viewer: Person) -> dict[str, Any]:
    shape: dict[str, Any] = {
        "id": each.id,
        "created": each.created,
        "is_archived": each.archived,
        "is_channel": each.kind == PUBLIC,
        "is_group": each.kind == PRIVATE,
        "is_im": each.kind == DIRECT,
        "is_mpim": each.kind == GROUP,
        "is_private": each.kind != PUBLIC,
    }
    if each.kind == DIRECT:
        others = [member for member in each.members if member != viewer.id]
        return {**shape, "user": others[0] if others else viewer.id, "priority": 0}
    return {
        **shape,
        "name": each.name,
        "name_normalized": each.name,
        "is_general": each.name == "general",
        "is_member": viewer.id in each.members,
        "topic": {"value": "", "creator": "", "last_set": 0},
        "purpose": {"value": each.purpose, "creator": "", "last_set": 0},
        "num_members": len(each.members),
    }


def message(each: Message, where: Conversation, *, in_thread: bool = False) -> dict[str, Any]:
    shape: dict[str, Any] = {"type": "message", "user": each.user, "text": each.text, "ts": each.ts}
    replies = [reply for reply in where.thread(each.ts) if reply.ts != each.ts]
    if not each.root:
        shape["thread_ts"] = each.thread_ts
        if in_thread:
            shape["parent_user_id"] = where.messages[each.thread_ts or each.ts].user
    elif replies:
        shape |= {
            "thread_ts": each.ts,
            "reply_count": len(replies),
            "reply_users_count": len({reply.user for reply in replies}),
            "latest_reply": replies[-1].ts,
        }
    if each.edited is not None:
        shape["edited"] = {"user": each.user, "ts": each.edited}
    if each.reactions:
        shape["reactions"] = [
            {"name": name, "users": users, "count": len(users)} for name, users in each.reactions.items()
        ]
    return shape

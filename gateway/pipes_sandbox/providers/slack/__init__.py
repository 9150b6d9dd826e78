"""Slack's Web API over a workspace with people, channels, threads and direct messages."""

from pipes_sandbox.provider import Provider

from .service import SlackService

PROVIDER = Provider(
    slug="slack",
    build=lambda around, data: SlackService(around.tokens, around.environment, data),
    seed=__name__,
    token_prefix="xoxp-",  # noqa: S106 - how a person's tokens begin at Slack
)

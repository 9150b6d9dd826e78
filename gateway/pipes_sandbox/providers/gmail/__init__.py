"""Gmail v1: mailboxes whose messages are found, read, written and delivered to each other."""

from pipes_sandbox.provider import Provider

from .service import GmailService

PROVIDER = Provider(
    slug="gmail",
    build=lambda around, data: GmailService(around.tokens, around.environment, data),
    seed=__name__,
    token_prefix="ya29.",  # noqa: S106 - how Google's tokens begin
)

"""Notion's API over a workspace of pages, blocks, data sources and comments."""

from pipes_sandbox.provider import Provider

from .service import NotionService

PROVIDER = Provider(
    slug="notion",
    build=lambda around, data: NotionService(around.tokens, data),
    seed=__name__,
    token_prefix="ntn_",  # noqa: S106 - how Notion's tokens begin
)

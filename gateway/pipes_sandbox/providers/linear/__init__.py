"""Linear's GraphQL API over a workspace with teams, projects, issues and comments."""

from pipes_sandbox.provider import Provider

from .service import LinearService

PROVIDER = Provider(
    slug="linear",
    build=lambda around, data: LinearService(around.tokens, around.environment, data),
    seed=__name__,
    token_prefix="lin_oauth_",  # noqa: S106 - how tokens of OAuth apps begin
)

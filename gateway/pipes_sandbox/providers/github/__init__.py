"""GitHub's REST API over repositories with issues, pull requests, branches and files."""

from pipes_sandbox.provider import Provider

from .service import GithubService

PROVIDER = Provider(
    slug="github",
    build=lambda around, data: GithubService(around.tokens, around.environment, data),
    seed=__name__,
    token_prefix="gho_",  # noqa: S106 - how tokens of OAuth apps begin
)

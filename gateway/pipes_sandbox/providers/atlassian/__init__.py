"""Jira Cloud as OAuth reaches it: `https://api.atlassian.com/ex/jira/<cloud id>/rest/api/{2,3}`."""

from pipes_sandbox.provider import Provider

from .service import AtlassianService

PROVIDER = Provider(
    slug="atlassian",
    build=lambda around, data: AtlassianService(around.tokens, around.environment, data),
    seed=__name__,
    tenant=lambda config, metadata: str(config.get("cloud_id", "")),
    token_prefix="eyJraWQiOiJzYW5kYm94",  # noqa: S106 - Atlassian's are JWTs
)

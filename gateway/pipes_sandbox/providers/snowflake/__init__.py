"""Snowflake's SQL API over DuckDB."""

from pipes_sandbox.provider import Provider

from .service import SnowflakeService

PROVIDER = Provider(
    slug="snowflake",
    build=lambda around, data: SnowflakeService(
        around.tokens,
        data,
        synchronous_wait=around.settings.synchronous_wait,
        partition_rows=around.settings.partition_rows,
        threads=around.settings.statement_threads,
    ),
    seed=__name__,
    tenant=lambda config, metadata: str(config.get("account", "")).lower().replace("_", "-"),
    token_prefix="ver:1-hint:",  # noqa: S106 - how Snowflake's tokens begin
)

"""Salesforce REST: SOQL over an org with accounts, contacts, opportunities and leads."""

from urllib.parse import urlsplit

from pipes_sandbox.provider import Provider

from .service import SalesforceService

PROVIDER = Provider(
    slug="salesforce",
    build=lambda around, data: SalesforceService(around.tokens, around.environment, data),
    seed=__name__,
    tenant=lambda config, metadata: urlsplit(str(metadata.get("instance_url", ""))).hostname or "",
    token_prefix="00D5g000000SandB!",  # noqa: S106 - how Salesforce's tokens begin
)

"""HubSpot's CRM: contacts, companies, deals, tickets, and the notes and tasks on them."""

from pipes_sandbox.provider import Provider

from .service import HubSpotService

PROVIDER = Provider(
    slug="hubspot",
    build=lambda around, data: HubSpotService(around.tokens, data),
    seed=__name__,
)

"""Google Calendar v3: calendars, events that repeat and invite, and when people are free."""

from pipes_sandbox.provider import Provider

from .service import CalendarService

PROVIDER = Provider(
    slug="google-calendar",
    build=lambda around, data: CalendarService(around.tokens, around.environment, data),
    seed=__name__,
    token_prefix="ya29.",  # noqa: S106 - how Google's tokens begin
)

"""Opens the way to providers that the settings name. What the other way needs is not even imported."""

from pipes_live.client import SessionService
from pipes_live.usage import UsageReporter

from ..settings import GatewaySettings
from . import Dispatch


async def open_dispatch(settings: GatewaySettings, service: SessionService, usage: UsageReporter) -> Dispatch:
    """A dispatch that is ready to execute; close it when done."""
    if settings.mode == "broker":
        from .broker import BrokerDispatch

        return BrokerDispatch(settings.broker_url, settings.ca_file, settings.broker_token_file, service.view)

    from pipes_egress.egress import Egress
    from pipes_egress.settings import EgressSettings
    from pipes_live.places import Places

    from .direct import DirectDispatch

    egress = Egress(
        EgressSettings(
            workos_url=settings.workos_url,
            workos_key_file=settings.workos_key_file,
            sandbox=settings.sandbox,
            allowed_hosts=settings.allowed_hosts,
            allowed_addresses=settings.allowed_addresses,
            call_seconds=settings.call_seconds,
            hosted_answer_bytes=settings.hosted_answer_bytes,
            hosted_list_seconds=settings.hosted_list_seconds,
        )
    )
    await egress.__aenter__()
    await egress.warm()
    return DirectDispatch(egress, Places(service, usage), service.view)

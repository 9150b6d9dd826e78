"""Which addresses may be dialled. A name is resolved once, judged, and the judged address is what is dialled."""

import asyncio
import ipaddress
import socket
from collections.abc import Iterable

from aiohttp.abc import AbstractResolver, ResolveResult

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class AddressRefused(OSError):  # noqa: N818 - reads as what happened
    """Every address of the name is private, loopback, link-local or otherwise not of the internet."""


class AddressGuard:
    """Judges addresses; `allowed` are networks that may be reached although they are not public."""

    def __init__(self, allowed: Iterable[str] = ()) -> None:
        self._allowed: tuple[Network, ...] = tuple(ipaddress.ip_network(each) for each in allowed)

    def permits(self, text: str) -> bool:
        address = ipaddress.ip_address(text.partition("%")[0])
        if isinstance(address, ipaddress.IPv6Address):
            # An IPv4 address in IPv6 clothes is judged as what it is.
            inner = address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]
            if inner is not None:
                address = inner
            elif address.is_site_local:
                return any(address in each for each in self._allowed if each.version == 6)
        if any(address.version == network.version and address in network for network in self._allowed):
            return True
        return address.is_global and not address.is_multicast and not address.is_reserved


class GuardedResolver(AbstractResolver):
    """Resolves with the system's resolver and returns only what the guard permits."""

    def __init__(self, guard: AddressGuard) -> None:
        self._guard = guard

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await asyncio.get_running_loop().getaddrinfo(
            host, port, type=socket.SOCK_STREAM, family=family, flags=socket.AI_ADDRCONFIG
        )
        results: list[ResolveResult] = []
        for found_family, _, protocol, _, place in found:
            address = str(place[0])
            if self._guard.permits(address):
                results.append(
                    ResolveResult(
                        hostname=host,
                        host=address,
                        port=port,
                        family=found_family,
                        proto=protocol,
                        flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
                    )
                )
        if not results:
            raise AddressRefused(f"{host} has no address that may be dialled")
        return results

    async def close(self) -> None:
        return None

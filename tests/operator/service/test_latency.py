"""How long from a person's PATCH to the line on the gateway's stream, beside what the API server itself takes."""

import asyncio
import statistics
from typing import Any

import pytest

from pipes_api import messages
from pipes_api.clock import boottime

pytestmark = [pytest.mark.apiserver, pytest.mark.timeout(180)]

ROUNDS = 200


def shown(name: str, seconds: list[float]) -> str:
    ordered = sorted(seconds)
    p50, p99 = statistics.median(ordered), ordered[int(len(ordered) * 0.99) - 1]
    return f"{name}: p50 {p50 * 1000:.2f} ms, p99 {p99 * 1000:.2f} ms, n {len(ordered)}"


async def test_a_revocation_reaches_the_gateway_within_milliseconds(
    service: Any, namespace: str, record_property: Any
) -> None:
    uid, token = await service.pod(namespace, "a")
    await service.binding(namespace)
    stream = await service.watch(token)
    in_world: dict[str, float] = {}
    service.world.listen(
        lambda change: (
            in_world.setdefault(change.uid, boottime())
            if change.kind == "session" and change.new is not None and change.new.spec.revocation is not None
            else None
        )
    )
    to_world, to_line, patch = [], [], []
    for number in range(ROUNDS):
        session = await service.active(namespace, f"s{number}", uid)
        uid_of = session.metadata.uid
        after = len(stream.events)
        sent = await service.revoke(session)
        patch.append(boottime() - sent)
        await stream.until(
            lambda e, u=uid_of: (
                isinstance(e, messages.SessionChanged)
                and e.session.uid == u
                and not e.session.live
                and e.session.activated_at is not None
            ),
            after=after,
        )
        line_at = next(
            at
            for at, e in stream.events[after:]
            if isinstance(e, messages.SessionChanged) and e.session.uid == uid_of and not e.session.live
        )
        to_world.append(in_world[uid_of] - sent)
        to_line.append(line_at - sent)
        await asyncio.sleep(0.002)
    for name, values in (("PATCH answered", patch), ("seen by World", to_world), ("line at gateway", to_line)):
        record_property(name, shown(name, values))
        print(shown(name, values))
    hop = [line - world for line, world in zip(to_line, to_world, strict=True)]
    print(shown("World to line", hop))
    assert statistics.median(to_line) < 0.05, shown("line at gateway", to_line)
    assert statistics.median(hop) < 0.01, shown("World to line", hop)

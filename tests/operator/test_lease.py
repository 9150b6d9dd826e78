"""One leader: never two at once, whatever the clocks and the network do."""

import asyncio
import contextlib

import pytest

from pipes_operator.kube import access
from pipes_operator.kube.client import KubeClient
from pipes_operator.kube.errors import Unavailable
from pipes_operator.kube.lease import LeaderLease, LeaseLostError
from pipes_operator.kube.resource import LEASES

pytestmark = pytest.mark.apiserver


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
async def kube(bed):
    async with KubeClient(await access.load(bed.cluster.kubeconfig("admin"))) as client:
        yield client


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def candidate(bed, kube, clock):
    namespace = bed.cluster.new_namespace("lease")

    def make(name, seconds=60):
        return LeaderLease(kube, namespace, name, seconds=seconds, clock=clock)

    return make


async def attempt(lease):
    return await lease._attempt()


async def test_the_first_leads_and_the_second_does_not(candidate, clock):
    one, two = candidate("one"), candidate("two")

    assert await attempt(one)
    assert not await attempt(two)
    assert one.holds(clock.now)
    assert not two.holds(clock.now)


async def test_the_holder_stops_believing_before_anybody_may_take_over(candidate, clock):
    one, two = candidate("one"), candidate("two")
    await attempt(one)
    await attempt(two)

    clock.now += 59.9
    assert not await attempt(two)
    assert not one.holds(clock.now)
    clock.now += 0.2
    assert await attempt(two)
    assert not await attempt(one)


async def test_a_candidate_counts_from_its_own_first_sight(candidate, clock):
    one = candidate("one")
    await attempt(one)
    clock.now += 1000

    assert not await attempt(candidate("newcomer"))


async def test_a_renewal_starts_the_wait_of_others_again(candidate, clock):
    one, two = candidate("one"), candidate("two")
    await attempt(one)
    await attempt(two)
    clock.now += 40
    assert await attempt(one)
    clock.now += 40

    assert not await attempt(two)


async def test_of_many_at_once_exactly_one_leads(candidate):
    crowd = [candidate(f"c{number}") for number in range(12)]

    assert sum(await asyncio.gather(*(attempt(each) for each in crowd))) == 1


async def test_given_back_it_is_free_at_once(candidate, clock):
    one, two = candidate("one"), candidate("two")
    await attempt(one)
    await one.release()

    assert not one.holds(clock.now)
    assert await attempt(two)


async def test_without_an_answer_leadership_runs_out(candidate, clock, monkeypatch):
    one = candidate("one", seconds=3)
    await attempt(one)

    async def silent(*_, **__):
        clock.now += 1
        raise Unavailable("no answer")

    monkeypatch.setattr(one._kube, "get", silent)
    with pytest.raises(LeaseLostError):
        async with asyncio.timeout(10):
            await one.keep()


async def test_a_lease_taken_by_another_is_lost(candidate, kube, clock):
    one = candidate("one", seconds=3)
    await attempt(one)
    body = await kube.get(LEASES, one._namespace, "pipes-operator")
    body["spec"]["holderIdentity"] = "thief"
    await kube.replace(LEASES, one._namespace, "pipes-operator", body)

    with pytest.raises(LeaseLostError):
        async with asyncio.timeout(10):
            await one.keep()


def test_an_operator_that_loses_its_lease_ends(bed, own_operator):
    operator = own_operator(leaseSeconds=3, leadershipSeconds=3)
    path = "/apis/coordination.k8s.io/v1/namespaces/pipes-system/leases/pipes-operator"
    try:
        for _ in range(200):
            _, lease = bed.cluster.request("GET", path)
            lease["spec"]["holderIdentity"] = "thief"
            if bed.cluster.request("PUT", path, lease)[0] == 200:
                break
        assert operator.process.wait(15) == 1
        assert "lease" in operator.log.read_text().splitlines()[-1]
    finally:
        with contextlib.suppress(Exception):
            bed.cluster.request("DELETE", path)

"""What the operator keeps for its successor: the record of policies, and definitions that grants still use."""

import json
from datetime import UTC, datetime

import pytest

from pipes_api import resources
from pipes_catalog import Catalogs, load
from pipes_operator.definitions import Definitions
from pipes_operator.kube import access
from pipes_operator.kube.client import KubeClient
from pipes_operator.kube.errors import Conflict
from pipes_operator.kube.resource import CONFIG_MAPS
from pipes_operator.services.policy_record import NAME, PolicyRecord, Seen
from pipes_operator.sources import Sources

pytestmark = pytest.mark.apiserver

BEFORE = datetime(2026, 11, 25, 10, tzinfo=UTC)
NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
LATER = datetime(2026, 11, 25, 13, tzinfo=UTC)


@pytest.fixture
async def kube(cluster):
    async with KubeClient(await access.load(cluster.kubeconfig("admin"))) as client:
        yield client


def policy(name="approval", uid="u1", generation=1):
    return Seen(name, uid, generation, BEFORE)


class TestPolicyRecord:
    async def test_what_was_never_edited_is_as_old_as_itself(self, kube, namespace):
        record = PolicyRecord(kube, namespace)
        await record.update([policy()], NOW)

        assert record.changed_at == BEFORE

    async def test_of_what_was_edited_before_anybody_looked_nothing_is_known(self, kube, namespace):
        record = PolicyRecord(kube, namespace)
        await record.update([policy(generation=2)], NOW)

        assert record.changed_at == NOW

    @pytest.mark.parametrize(
        ("after", "changed"),
        [
            ([policy()], BEFORE),
            ([policy(generation=2)], LATER),
            ([policy(uid="u2", generation=5)], LATER),
            ([], LATER),
        ],
        ids=["nothing", "edited", "replaced and edited", "removed"],
    )
    @pytest.mark.parametrize("restarted", [False, True])
    async def test_a_change_is_dated_by_its_sight_before_and_after_a_restart(
        self, kube, namespace, after, changed, restarted
    ):
        record = PolicyRecord(kube, namespace)
        await record.update([policy()], NOW)
        if restarted:
            record = PolicyRecord(kube, namespace)

        await record.update(after, LATER)

        assert record.changed_at == changed

    async def test_a_replaced_one_is_as_old_as_its_creation(self, kube, namespace):
        record = PolicyRecord(kube, namespace)
        await record.update([policy()], NOW)
        await record.update([Seen("approval", "u2", 1, NOW)], LATER)

        assert record.changed_at == NOW

    async def test_the_latest_change_is_never_forgotten(self, kube, namespace):
        record = PolicyRecord(kube, namespace)
        await record.update([policy(generation=2)], LATER)
        await record.update([policy(generation=2), Seen("another", "u9", 1, BEFORE)], NOW)

        again = PolicyRecord(kube, namespace)
        await again.update([policy(generation=2), Seen("another", "u9", 1, BEFORE)], NOW)

        assert again.changed_at == LATER

    async def test_a_record_written_by_another_meanwhile_is_no_answer(self, kube, namespace):
        record, other = PolicyRecord(kube, namespace), PolicyRecord(kube, namespace)
        await record.update([policy()], NOW)
        await other.update([policy(generation=2)], NOW)

        with pytest.raises(Conflict):
            await record.update([policy(generation=3)], NOW)
        await record.update([policy(generation=3)], LATER)
        assert record.changed_at == LATER

    async def test_something_else_under_its_name_is_replaced_and_trusted_in_nothing(self, kube, namespace):
        body = {"metadata": {"name": NAME, "namespace": namespace}, "data": {"record.json": "[1, 2]"}}
        await kube.create(CONFIG_MAPS, namespace, {"apiVersion": "v1", "kind": "ConfigMap", **body})
        record = PolicyRecord(kube, namespace)

        await record.update([policy(generation=3)], NOW)

        assert record.changed_at == NOW


class TestDefinitions:
    async def test_every_offered_tool_can_be_told_to_a_gateway(self, kube, namespace):
        definitions = Definitions(Sources(load()), kube, namespace)
        offered = definitions.offer(binding()).hashes()

        assert "snowflake_query" in offered
        assert all(definitions.find(digest) for digest in offered.values())
        assert definitions.find("nonesuch") is None

    async def test_those_of_an_older_catalog_live_as_long_as_a_grant_uses_them(self, kube, namespace):
        older = Definitions(Sources(load()), kube, namespace)
        await older.load()
        digest = older.offer(binding()).hashes()["snowflake_query"]
        grant = _grant(digest)

        newer = Definitions(Sources(Catalogs()), kube, namespace)
        await newer.load()
        assert newer.find(digest)

        await newer.collect([grant], [])
        assert newer.find(digest)
        await newer.collect([None], [])
        assert newer.find(digest) is None
        items, _ = await kube.list(CONFIG_MAPS, namespace)
        assert [each for each in items if each["metadata"]["name"].startswith("pipes-catalog-")] == []

    async def test_a_stored_definition_that_was_altered_is_not_used(self, kube, namespace):
        older = Definitions(Sources(load()), kube, namespace)
        await older.load()
        digest = older.offer(binding()).hashes()["snowflake_query"]
        for item in (await kube.list(CONFIG_MAPS, namespace))[0]:
            name = item["metadata"]["name"]
            if not name.startswith("pipes-catalog-"):
                continue
            stored = json.loads(item["data"]["definitions.json"])
            for each in stored.values():
                each["description"] = "Altered"
            item["data"]["definitions.json"] = json.dumps(stored)
            await kube.replace(CONFIG_MAPS, namespace, name, item)

        newer = Definitions(Sources(Catalogs()), kube, namespace)
        await newer.load()

        assert newer.find(digest) is None

    @pytest.mark.parametrize(
        ("tools", "problem"),
        [
            ({"catalog": "nonesuch"}, "no catalog nonesuch"),
            ({"include": ["quarry"]}, "quarry"),
            ({"exclude": ["query", "list_objects", "describe_object"]}, "leaves no tool"),
        ],
    )
    async def test_tools_that_cannot_be_told_are_a_problem_of_the_binding(self, kube, namespace, tools, problem):
        assert problem in Definitions(Sources(load()), kube, namespace).offer(binding(tools=tools)).problem

    async def test_only_the_installation_adds_hosts(self, kube, namespace):
        plain = Definitions(Sources(load()), kube, namespace).offer(binding()).hosts
        more = Definitions(Sources(load(), {"snowflake": ("snow.internal",)}), kube, namespace).offer(binding()).hosts

        assert set(more) - set(plain) == {"snow.internal"}


def binding(**spec):
    return resources.binding(
        {
            "metadata": {"name": "snowflake", "namespace": "team", "uid": "u1", "generation": 1},
            "spec": {"provider": "snowflake", "connection": {"userId": "user_alice"}, **spec},
        }
    )


def _grant(digest):
    return {
        "uid": "s1",
        "agent": {"serviceAccountName": "agent"},
        "duration": 60,
        "reason": "x",
        "bindings": [
            {
                "name": "snowflake",
                "uid": "u1",
                "provider": "snowflake",
                "catalog": "snowflake",
                "connection": {"userId": "user_alice"},
                "account": "a",
                "access": "Read",
                "tools": {"snowflake_query": digest},
            }
        ],
    }

"""hubspot-api-client, pointed at the sandbox, searches, reads and changes a CRM."""

from __future__ import annotations

from typing import Any

import pytest
from hubspot import HubSpot
from hubspot.crm.associations.v4.api import BasicApi as Associations
from hubspot.crm.objects import (
    AssociationSpec,
    PublicAssociationsForObject,
    PublicObjectId,
    PublicObjectSearchRequest,
    SimplePublicObjectInput,
    SimplePublicObjectInputForCreate,
)

Api = Any


def pointed(api: Api, url: str) -> Api:
    api.api_client.configuration.host = url
    return api


class Crm:
    """The APIs of the library that are used, all pointed at one URL."""

    def __init__(self, url: str, token: str) -> None:
        client = HubSpot(access_token=token)
        self.objects = pointed(client.crm.objects.basic_api, url)
        self.searching = pointed(client.crm.objects.search_api, url)
        self.owners = pointed(client.crm.owners.owners_api, url)
        self.properties = pointed(client.crm.properties.core_api, url)
        self.associations: Associations = pointed(client.crm.associations.v4.basic_api, url)

    def search(self, kind: str, **request: Any) -> Any:
        return self.searching.do_search(kind, PublicObjectSearchRequest(**request))

    def create(self, kind: str, associations: Any = None, **properties: str) -> Any:
        made = SimplePublicObjectInputForCreate(properties=properties, associations=associations or [])
        return self.objects.create(kind, made)


@pytest.fixture
def crm(sandbox: Any) -> Crm:
    return Crm(sandbox.url, sandbox.token("hubspot"))


@pytest.fixture
def reading(unchanged: Any) -> Crm:
    return Crm(unchanged.url, unchanged.token("hubspot"))


def refusal(call: Any, *arguments: Any, **named: Any) -> tuple[int, str]:
    # Each part of the library has an ApiException of its own.
    with pytest.raises(Exception, match="Reason") as caught:
        call(*arguments, **named)
    return caught.value.status, caught.value.body  # type: ignore[attr-defined]


def a_filter(name: str, operator: str, **values: Any) -> dict[str, Any]:
    return {"propertyName": name, "operator": operator, **values}


@pytest.mark.parametrize(
    ("kind", "groups", "total"),
    [
        ("contacts", [[a_filter("email", "EQ", value="MARY@obrien.example")]], 1),
        ("contacts", [[a_filter("lifecyclestage", "IN", values=["lead", "customer"])]], 221),
        ("contacts", [[a_filter("firstname", "EQ", value="Ann"), a_filter("lifecyclestage", "EQ", value="lead")]], 28),
        ("contacts", [[a_filter("firstname", "EQ", value="Mary")], [a_filter("firstname", "EQ", value="Hank")]], 2),
        ("contacts", [[a_filter("phone", "HAS_PROPERTY")]], 0),
        ("contacts", [[a_filter("email", "CONTAINS_TOKEN", value="*@globex.example")]], 1),
        ("deals", [[a_filter("amount", "BETWEEN", value="900.5", highValue="12000")]], 2),
        ("deals", [[a_filter("amount", "GT", value="1000")]], 2),
        ("deals", [[a_filter("closedate", "LT", value="2027-02-01T00:00:00Z")]], 1),
        ("deals", [[a_filter("dealstage", "NOT_IN", values=["closedlost"])]], 2),
    ],
)
def test_records_are_found_by_filters(reading: Crm, kind: str, groups: list[Any], total: int) -> None:
    found = reading.search(kind, filter_groups=[{"filters": each} for each in groups], limit=200)
    assert found.total == total


def test_records_are_found_by_words_sorted_and_with_the_properties_asked_for(reading: Crm) -> None:
    found = reading.search("companies", query="example", properties=["city"], sorts=["name"])
    assert [each.properties["city"] for each in found.results] == ["Berlin", "Austin", "Dublin"]
    assert "domain" not in found.results[0].properties
    assert "hs_object_id" in found.results[0].properties


def test_a_search_is_paged_to_its_end(reading: Crm) -> None:
    ids: list[str] = []
    after: Any = None
    while True:
        page = reading.search("contacts", limit=100, after=after)
        ids += [each.id for each in page.results]
        if page.paging is None:
            break
        after = page.paging.next.after
    assert len(set(ids)) == len(ids) == page.total == 332


def test_a_list_is_paged_by_its_last_id(reading: Crm) -> None:
    first = reading.objects.get_page("contacts", limit=100)
    second = reading.objects.get_page("contacts", limit=100, after=first.paging.next.after)
    assert not {each.id for each in first.results} & {each.id for each in second.results}


def test_a_record_comes_with_what_is_associated(reading: Crm) -> None:
    deal = reading.objects.get_by_id("deals", "9001", properties=["amount"], associations=["companies", "contacts"])
    assert deal.properties["amount"] == "12000"
    assert [each.id for each in deal.associations["companies"].results] == ["5201"]
    by_email = reading.objects.get_by_id("contacts", "mary@obrien.example", id_property="email")
    assert by_email.id == "101"
    (company,) = reading.associations.get_page("contacts", "101", "companies").results
    assert (company.to_object_id, company.association_types[0].type_id) == ("5201", 279)


def test_properties_and_owners_are_described(reading: Crm) -> None:
    properties = {each.name: each for each in reading.properties.get_all("deals").results}
    assert [each.value for each in properties["dealstage"].options][-1] == "closedlost"
    assert properties["amount"].type == "number"
    (owner,) = reading.owners.get_page(email="bob@acme.example").results
    assert (owner.id, owner.first_name) == ("81002", "Bob")


def test_a_record_is_made_changed_associated_and_found(crm: Crm) -> None:
    made = crm.create("contacts", email="zed@acme.example", lastname="Zed")
    crm.objects.update("contacts", made.id, SimplePublicObjectInput(properties={"phone": "+49 30", "lastname": ""}))
    crm.associations.create_default("contacts", made.id, "companies", "5203")
    read = crm.objects.get_by_id("contacts", made.id, properties=["lastname", "phone"], associations=["company"])

    assert (read.properties["phone"], read.properties["lastname"]) == ("+49 30", None)
    assert [each.id for each in read.associations["companies"].results] == ["5203"]
    assert crm.search("contacts", query="zed").total == 1


def test_a_note_is_made_on_a_record(crm: Crm) -> None:
    spec = AssociationSpec(association_category="HUBSPOT_DEFINED", association_type_id=202)
    joined = [PublicAssociationsForObject(to=PublicObjectId(id="101"), types=[spec])]
    note = crm.create("notes", joined, hs_timestamp="2026-11-25T10:00:00Z", hs_note_body="Called.")
    assert note.id in [each.to_object_id for each in crm.associations.get_page("contacts", "101", "notes").results]


def test_refusals_are_hubspots_own(crm: Crm) -> None:
    assert refusal(crm.objects.get_by_id, "contacts", "404")[0] == 404
    status, body = refusal(crm.create, "contacts", nope="x", email="not-an-address")
    assert (status, "PROPERTY_DOESNT_EXIST" in body, "INVALID_EMAIL" in body) == (400, True, True)
    status, body = refusal(crm.create, "contacts", email="MARY@obrien.example")
    assert (status, "Existing ID: 101" in body) == (409, True)
    assert "REQUIRED_FIELD" in refusal(crm.create, "notes", hs_note_body="x")[1]
    assert refusal(crm.create, "deals", dealname="x", amount="much")[0] == 400
    assert refusal(crm.search, "contacts", limit=201)[0] == 400
    assert refusal(crm.search, "contacts", limit=200, after="9900")[0] == 400
    six = [{"filters": [a_filter("email", "HAS_PROPERTY")]}] * 6
    assert refusal(crm.search, "contacts", filter_groups=six)[0] == 400
    assert refusal(crm.objects.get_page, "spaceships")[0] == 400


def test_a_missing_scope_is_named(unchanged: Any) -> None:
    bob = Crm(unchanged.url, unchanged.token("hubspot", "user_bob"))
    assert bob.search("contacts", query="mary").total == 1
    status, body = refusal(bob.create, "contacts", email="x@acme.example")
    assert (status, "MISSING_SCOPES" in body, "crm.objects.contacts.write" in body) == (403, True, True)
    assert "tickets" in refusal(bob.search, "tickets")[1]


def test_ended_and_unknown_tokens_are_told_apart(sandbox: Any) -> None:
    crm = Crm(sandbox.url, sandbox.token("hubspot"))
    sandbox.admin("POST", "/tokens/end", {"provider": "hubspot"})
    assert "EXPIRED_AUTHENTICATION" in refusal(crm.owners.get_page)[1]
    assert "INVALID_AUTHENTICATION" in refusal(Crm(sandbox.url, "nonsense").owners.get_page)[1]

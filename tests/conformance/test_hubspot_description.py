"""HubSpot's catalog, held against the classes that HubSpot generates from a description it does not publish."""

import pytest
from hubspot.crm.association_type import AssociationType
from hubspot.crm.associations.v4.api import BasicApi as Associations
from hubspot.crm.objects.api import BasicApi, SearchApi
from hubspot.crm.objects.notes.api import BasicApi as Notes
from hubspot.crm.objects.tasks.api import BasicApi as Tasks
from hubspot.crm.owners.api import OwnersApi
from hubspot.crm.properties.api import CoreApi

import pipes_catalog
from conformance_support.compare import differences
from conformance_support.generated import generated
from pipes_catalog import ToolDefinition
from pipes_catalog.requests import requests

DESCRIBED = generated(BasicApi, SearchApi, Notes, Tasks, Associations, OwnersApi, CoreApi)
TOOLS = pipes_catalog.load().tools("hubspot")
BY_NAME = {tool.name: tool for tool in TOOLS}

SEARCH = ("query", "limit", "after", "sorts", "properties", "filterGroups")
"""Members that the generated class wants all of; HubSpot takes a search without any."""


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_everything_a_tool_sends_is_described(tool: ToolDefinition) -> None:
    assert [each for each in differences(tool, DESCRIBED) if not _known(each)] == []


def _known(difference: str) -> bool:
    if not difference.startswith("search_records, "):
        return False
    optional = any(f"body.{name} may be left out, described as required" in difference for name in SEARCH)
    # Described as text, which HubSpot's examples fill with the JSON of such an object.
    return optional or "body.sorts[] is an object, described as string" in difference


def test_the_generated_classes_say_enough_to_tell_what_is_wrong() -> None:
    search = DESCRIBED.find("POST", "/crm/v3/objects/{type}/search")
    assert search is not None
    assert search.body is not None
    members = DESCRIBED.resolved(search.body)["properties"]
    groups = DESCRIBED.resolved(members["filterGroups"]["items"])["properties"]
    a_filter = DESCRIBED.resolved(groups["filters"]["items"])
    assert set(a_filter["properties"]["operator"]["enum"]) >= {"EQ", "BETWEEN"}
    assert set(a_filter["required"]) == {"propertyName", "operator"}
    page = DESCRIBED.find("GET", "/crm/v3/objects/{type}/{id}")
    assert page is not None
    assert page.named("query")["properties"].schema == {"type": "array", "items": {"type": "string"}}


@pytest.mark.parametrize(("tool", "activity"), [("add_note", "NOTE"), ("create_task", "TASK")])
def test_the_numbers_of_associations_are_hubspots(tool: str, activity: str) -> None:
    kinds = {"contacts": "CONTACT", "companies": "COMPANY", "deals": "DEAL", "tickets": "TICKET"}
    (sent,) = requests(BY_NAME[tool])
    assert sent.request.body is not None
    cases = sent.request.body.json["associations"][0]["types"][0]["associationTypeId"]["$cases"]
    numbers = {case["when"]["equals"] if "when" in case else "tickets": case["value"] for case in cases}

    assert numbers == {kind: getattr(AssociationType, f"{activity}_TO_{word}") for kind, word in kinds.items()}


SCOPES = {
    "contacts": {"crm.objects.contacts.read", "crm.objects.contacts.write", "crm.schemas.contacts.read"},
    "companies": {"crm.objects.companies.read", "crm.objects.companies.write", "crm.schemas.companies.read"},
    "deals": {"crm.objects.deals.read", "crm.objects.deals.write", "crm.schemas.deals.read"},
    "tickets": {"tickets"},
    "owners": {"crm.objects.owners.read"},
}
"""As HubSpot's pages of scopes have them; the classes tell none."""


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_scopes_are_hubspots_and_only_writes_ask_to_write(tool: ToolDefinition) -> None:
    asked = {scope for entry in tool.scopes for scope in entry}
    assert asked <= {scope for scopes in SCOPES.values() for scope in scopes}
    assert any(scope.endswith(".write") for scope in asked) == (tool.access == "Write")

"""The objects an org has, and their fields."""

from __future__ import annotations

from dataclasses import dataclass, field

INDUSTRIES = ("Banking", "Biotechnology", "Education", "Energy", "Manufacturing", "Retail", "Technology")
STAGES = ("Prospecting", "Qualification", "Proposal/Price Quote", "Negotiation/Review", "Closed Won", "Closed Lost")
LEAD_STATES = ("Open - Not Contacted", "Working - Contacted", "Closed - Converted", "Closed - Not Converted")


@dataclass(frozen=True, slots=True)
class Field:
    name: str
    kind: str = "string"
    """string, email, phone, url, picklist, reference, currency, percent, date, datetime, boolean, id or textarea."""
    length: int = 0
    required: bool = False
    writable: bool = True
    reference_to: str = ""
    relationship: str = ""
    """What a query calls the record this reference points to."""
    values: tuple[str, ...] = ()
    external_id: bool = False

    @property
    def textual(self) -> bool:
        return self.kind in ("string", "email", "phone", "url", "picklist", "textarea", "id", "reference")


@dataclass(frozen=True, slots=True)
class SObject:
    name: str
    label_plural: str
    prefix: str
    fields: tuple[Field, ...]
    writable: bool = True
    children: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Name of the child relationship to the child object and its reference field."""

    def find(self, name: str) -> Field | None:
        """Field names do not tell upper from lower case."""
        return next((each for each in self.fields if each.name.lower() == name.lower()), None)

    def by_relationship(self, name: str) -> Field | None:
        return next((each for each in self.fields if each.relationship.lower() == name.lower()), None)


_SYSTEM = (
    Field("Id", "id", 18, writable=False),
    Field("IsDeleted", "boolean", writable=False),
    Field("CreatedDate", "datetime", writable=False),
    Field("CreatedById", "reference", 18, writable=False, reference_to="User", relationship="CreatedBy"),
    Field("LastModifiedDate", "datetime", writable=False),
    Field("LastModifiedById", "reference", 18, writable=False, reference_to="User", relationship="LastModifiedBy"),
    Field("SystemModstamp", "datetime", writable=False),
    Field("LastViewedDate", "datetime", writable=False),
    Field("LastReferencedDate", "datetime", writable=False),
)
_OWNER = Field("OwnerId", "reference", 18, reference_to="User", relationship="Owner")
_ACCOUNT = Field("AccountId", "reference", 18, reference_to="Account", relationship="Account")
_EXTERNAL = Field("ExternalKey__c", "string", 40, external_id=True)

OBJECTS = {
    each.name: each
    for each in (
        SObject(
            "Account",
            "Accounts",
            "001",
            (
                *_SYSTEM,
                Field("Name", "string", 255, required=True),
                Field("Type", "picklist", 255, values=("Prospect", "Customer - Direct", "Partner")),
                Field("Industry", "picklist", 255, values=INDUSTRIES),
                Field("AnnualRevenue", "currency"),
                Field("BillingCity", "string", 40),
                Field("BillingCountry", "string", 80),
                Field("Phone", "phone", 40),
                Field("Website", "url", 255),
                Field("Description", "textarea", 32000),
                _OWNER,
                _EXTERNAL,
            ),
            children={"Contacts": ("Contact", "AccountId"), "Opportunities": ("Opportunity", "AccountId")},
        ),
        SObject(
            "Contact",
            "Contacts",
            "003",
            (
                *_SYSTEM,
                Field("FirstName", "string", 40),
                Field("LastName", "string", 80, required=True),
                Field("Name", "string", 121, writable=False),
                Field("Email", "email", 80),
                Field("Phone", "phone", 40),
                Field("Title", "string", 128),
                Field("Description", "textarea", 32000),
                _ACCOUNT,
                _OWNER,
                _EXTERNAL,
            ),
        ),
        SObject(
            "Opportunity",
            "Opportunities",
            "006",
            (
                *_SYSTEM,
                Field("Name", "string", 120, required=True),
                Field("StageName", "picklist", 255, required=True, values=STAGES),
                Field("CloseDate", "date", required=True),
                Field("Amount", "currency"),
                Field("Probability", "percent"),
                Field("IsClosed", "boolean", writable=False),
                Field("IsWon", "boolean", writable=False),
                Field("Description", "textarea", 32000),
                _ACCOUNT,
                _OWNER,
            ),
        ),
        SObject(
            "Lead",
            "Leads",
            "00Q",
            (
                *_SYSTEM,
                Field("FirstName", "string", 40),
                Field("LastName", "string", 80, required=True),
                Field("Name", "string", 121, writable=False),
                Field("Company", "string", 255, required=True),
                Field("Status", "picklist", 255, values=LEAD_STATES),
                Field("Rating", "picklist", 255, values=("Hot", "Warm", "Cold")),
                Field("Email", "email", 80),
                Field("Phone", "phone", 40),
                _OWNER,
            ),
        ),
        SObject(
            "User",
            "Users",
            "005",
            (
                *_SYSTEM,
                Field("Username", "string", 80, required=True),
                Field("Name", "string", 121, writable=False),
                Field("Email", "email", 128, required=True),
                Field("IsActive", "boolean"),
            ),
            writable=False,
        ),
    )
}


def find(name: str) -> SObject | None:
    return next((each for each in OBJECTS.values() if each.name.lower() == name.lower()), None)

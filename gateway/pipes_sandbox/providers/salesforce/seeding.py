"""Records that an org starts with: invented, many, and the same in every run."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from pipes_sandbox.providers.salesforce.org import Org
from pipes_sandbox.providers.salesforce.schema import INDUSTRIES, LEAD_STATES, OBJECTS, STAGES

_FIRST = ("Ada", "Grace", "Alan", "Edsger", "Barbara", "Donald", "Katherine", "Tim", "Radia", "Ken", "Zoë")
_LAST = ("Lovelace", "Hopper", "Turing", "Dijkstra", "Liskov", "Knuth", "Johnson", "O'Brien", "Perlman", "Thompson")
_PLACES = (("Berlin", "Germany"), ("Paris", "France"), ("Austin", "USA"), ("Osaka", "Japan"), ("Lima", "Peru"))
_TITLES = ("CTO", "VP Sales", "Buyer", "Data Engineer", "Head of Support")
_START = dt.datetime(2025, 1, 6, 9, 0, tzinfo=dt.UTC)


def seed(options: Mapping[str, Any]) -> Org:
    """`options`: organization_id, users (e-mail to name), and how many accounts, contacts, opportunities and leads."""
    org = Org(options.get("organization_id") or "00D5g000000SandBEA0")
    people = options.get("users") or {"alice@acme.example": "Alice Archer"}
    users = [
        org.insert(OBJECTS["User"], {"Username": email, "Email": email, "Name": name, "IsActive": True}, "")["Id"]
        for email, name in people.items()
    ]
    for user in org.records["User"].values():
        user["CreatedById"] = user["LastModifiedById"] = users[0]
    accounts = [_account(org, number, users) for number in range(1, int(options.get("accounts", 60)) + 1)]
    for number in range(1, int(options.get("contacts", 2400)) + 1):
        _contact(org, number, users, accounts)
    for number in range(1, int(options.get("opportunities", 300)) + 1):
        _opportunity(org, number, users, accounts)
    for number in range(1, int(options.get("leads", 120)) + 1):
        _lead(org, number, users)
    return org


def _account(org: Org, number: int, users: list[str]) -> str:
    city, country = _PLACES[number % len(_PLACES)]
    values = {
        "Name": f"Customer {number:03d} {'Ltd' if number % 2 else 'GmbH'}",
        "Type": ("Prospect", "Customer - Direct", "Partner")[number % 3],
        "Industry": INDUSTRIES[number % len(INDUSTRIES)],
        "AnnualRevenue": float(number * 125_000) if number % 7 else None,
        "BillingCity": city,
        "BillingCountry": country,
        "Phone": f"+1 555 {number:04d}",
        "Website": f"https://customer{number}.example",
        "ExternalKey__c": f"ERP-{number:04d}",
    }
    owner = users[number % len(users)]
    return str(org.insert(OBJECTS["Account"], values, owner, _START + dt.timedelta(hours=number * 7))["Id"])


def _contact(org: Org, number: int, users: list[str], accounts: list[str]) -> None:
    values = {
        "FirstName": _FIRST[number % len(_FIRST)],
        "LastName": _LAST[(number * 3) % len(_LAST)],
        "Email": f"contact{number}@customer{number % 60}.example",
        "Phone": f"+1 555 {number:05d}" if number % 5 else None,
        "Title": _TITLES[number % len(_TITLES)],
        "AccountId": accounts[number % len(accounts)] if accounts and number % 11 else None,
    }
    org.insert(OBJECTS["Contact"], values, users[number % len(users)], _START + dt.timedelta(minutes=number * 13))


def _opportunity(org: Org, number: int, users: list[str], accounts: list[str]) -> None:
    stage = STAGES[number % len(STAGES)]
    values = {
        "Name": f"Deal {number:03d}",
        "StageName": stage,
        "CloseDate": dt.date(2026, 1, 1) + dt.timedelta(days=(number * 5) % 365),
        "Amount": float((number * 7919) % 250_000) if number % 9 else None,
        "AccountId": accounts[number % len(accounts)] if accounts else None,
    }
    org.insert(OBJECTS["Opportunity"], values, users[number % len(users)], _START + dt.timedelta(hours=number))


def _lead(org: Org, number: int, users: list[str]) -> None:
    values = {
        "FirstName": _FIRST[(number * 5) % len(_FIRST)],
        "LastName": f"{_LAST[number % len(_LAST)]}-{number}",
        "Company": f"Prospect {number:03d} Inc",
        "Status": LEAD_STATES[number % len(LEAD_STATES)],
        "Rating": ("Hot", "Warm", "Cold")[number % 3],
        "Email": f"lead{number}@prospect.example",
    }
    org.insert(OBJECTS["Lead"], values, users[number % len(users)], _START + dt.timedelta(hours=number * 3))

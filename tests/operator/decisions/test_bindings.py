"""ProviderBindings: what Pipes said, in conditions; whose account it may be; since when the spec is as it is."""

from datetime import timedelta

import msgspec
import pytest

from pipes_api import resources
from pipes_api.resources import ConnectedAccount, condition
from pipes_operator.decisions import bindings
from pipes_operator.decisions.bindings import BindingFacts
from pipes_operator.decisions.reports import Report, Word

ACCOUNT = ConnectedAccount(id="account_1", display_name="Acme", state="connected")
GOOD = Report(Word.CONNECTED, account=ACCOUNT, user_id="user_alice", scopes=("a", "b"))


def decide(make, binding, report, *, others=(), seconds=100):
    return bindings.decide(BindingFacts(make.offered(binding), report, tuple(others), make.at(seconds)))


@pytest.fixture
def fresh(make):
    """A binding that nobody has looked at."""
    return msgspec.structs.replace(make.binding(), status=resources.ProviderBindingStatus())


def status_of(status, kind):
    found = condition(status.conditions, kind)
    return found.status, found.reason


def test_a_good_answer_makes_it_ready(make, fresh):
    status = decide(make, fresh, GOOD)

    assert status_of(status, "Connected") == ("True", "Connected")
    assert status_of(status, "Ready") == ("True", "Ready")
    assert status.account == ACCOUNT
    assert status.granted_scopes == ("a", "b")
    assert status.observed_generation == 1
    assert status.tools == ("snowflake_create", "snowflake_list", "snowflake_query")


@pytest.mark.parametrize(
    "change",
    [
        {"user_id": "user_mallory"},
        {"user_id": None},
        {"organization_id": "org_acme"},
        {"account": None},
    ],
    ids=["another user's", "nobody's", "in an organization", "no account"],
)
def test_an_account_that_is_not_the_named_owners_is_refused(make, fresh, change):
    values = {name: getattr(GOOD, name) for name in GOOD.__dataclass_fields__}

    status = decide(make, fresh, Report(**{**values, **change}))

    assert status_of(status, "Connected") == ("False", "NotTheOwners")
    assert status.account is None
    assert status_of(status, "Ready")[0] == "False"


def test_an_organizations_account_must_belong_to_that_organization_and_to_no_user(make):
    owner = {"userId": "user_alice", "organizationId": "org_acme", "owner": "Organization"}
    fresh = msgspec.structs.replace(make.binding(connection=owner), status=resources.ProviderBindingStatus())
    ours = Report(Word.CONNECTED, account=ACCOUNT, organization_id="org_acme")
    users = Report(Word.CONNECTED, account=ACCOUNT, organization_id="org_acme", user_id="user_alice")
    others = Report(Word.CONNECTED, account=ACCOUNT, organization_id="org_other")

    assert status_of(decide(make, fresh, ours), "Ready")[0] == "True"
    assert status_of(decide(make, fresh, users), "Connected")[1] == "NotTheOwners"
    assert status_of(decide(make, fresh, others), "Connected")[1] == "NotTheOwners"


def test_a_named_account_is_that_account(make):
    owner = {"userId": "user_alice", "connectedAccountId": "account_2"}
    fresh = msgspec.structs.replace(make.binding(connection=owner), status=resources.ProviderBindingStatus())

    assert status_of(decide(make, fresh, GOOD), "Connected")[1] == "NotTheOwners"


@pytest.mark.parametrize(
    "word", [each for each in Word if each not in bindings.TRANSIENT and each is not Word.CONNECTED]
)
def test_a_definite_no_is_told_at_once(make, fresh, word):
    known = msgspec.structs.replace(fresh, status=decide(make, fresh, GOOD))

    status = decide(make, known, Report(word, "Do this."))

    assert status_of(status, "Connected") == ("False", word.value)
    assert condition(status.conditions, "Ready").message == "Do this."


def test_while_pipes_cannot_be_asked_what_was_seen_counts_for_five_minutes(make, fresh):
    known = msgspec.structs.replace(fresh, status=decide(make, fresh, GOOD))
    away = Report(Word.UNAVAILABLE, "Pipes answered 500.")

    assert decide(make, known, away, seconds=100 + 299) is None
    later = decide(make, known, away, seconds=100 + 301)
    assert status_of(later, "Connected") == ("Unknown", "PipesUnavailable")
    assert status_of(later, "Ready")[0] == "False"
    assert later.account == ACCOUNT


def test_what_was_seen_of_another_spec_counts_for_nothing(make, fresh):
    known = msgspec.structs.replace(fresh, status=decide(make, fresh, GOOD))
    newer = msgspec.structs.replace(known, metadata=msgspec.structs.replace(known.metadata, generation=2))

    status = decide(make, newer, Report(Word.UNAVAILABLE, "Pipes answered 500."))

    assert status_of(status, "Ready")[0] == "False"
    assert status.account is None


def test_the_first_generation_is_as_old_as_the_object_and_a_later_one_as_its_first_sight(make, fresh):
    first = decide(make, fresh, GOOD)
    known = msgspec.structs.replace(fresh, status=first)
    newer = msgspec.structs.replace(known, metadata=msgspec.structs.replace(known.metadata, generation=2))
    second = decide(make, newer, GOOD, seconds=200)

    assert first.generation_since == fresh.metadata.creation_timestamp + timedelta(seconds=1)
    assert second.generation_since > make.at(200)
    again = msgspec.structs.replace(newer, status=second)
    assert bindings.generation_since(again, make.at(900)) == second.generation_since


def test_an_unchanged_connection_is_not_written_more_than_once_a_minute(make, fresh):
    known = msgspec.structs.replace(fresh, status=decide(make, fresh, GOOD))

    assert decide(make, known, GOOD, seconds=110) is None
    assert decide(make, known, GOOD, seconds=170).checked_at == make.at(170)


def test_names_from_outside_are_shown_without_characters_that_fool_the_eye(make, fresh):
    hostile = ConnectedAccount(
        id="account_1", display_name="Acme\x1b[31m\u202eevil\u200b" + "x" * 5000, state="connected"
    )
    values = {name: getattr(GOOD, name) for name in GOOD.__dataclass_fields__}

    shown = decide(make, fresh, Report(**{**values, "account": hostile})).account.display_name

    assert shown.isprintable()
    assert len(shown) <= 200


def test_of_two_bindings_with_one_tool_name_the_younger_is_not_ready(make):
    older = make.offered(make.binding("snow-flake", since=-100))
    clash = msgspec.structs.replace(make.binding("snow-flake"), status=resources.ProviderBindingStatus())
    renamed = msgspec.structs.replace(clash, metadata=msgspec.structs.replace(clash.metadata, name="snow_flake"))

    status = decide(make, renamed, GOOD, others=[older])

    assert status_of(status, "Ready") == ("False", "NameCollision")
    assert "snow-flake" in condition(status.conditions, "Ready").message
    oldest = decide(make, older.binding, GOOD, others=[make.offered(renamed)])
    assert oldest is None or status_of(oldest, "Ready")[0] == "True"

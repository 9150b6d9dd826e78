"""Who may ask for a session, and for whom (policies `request` and `metadata`)."""

from collections.abc import Callable
from typing import Any

import pytest

from policies.stage import ADMIN, AGENT, ALICE, BOB, OPERATOR, Stage, check

pytestmark = pytest.mark.apiserver

OTHER_AGENT = {"agent": {"serviceAccountName": "other"}}
SHARED = {"agent": {"serviceAccountName": AGENT, "shared": True}}
POD = {"agent": {"serviceAccountName": AGENT, "podUID": "0b1cbd1e-0000-4000-8000-000000000000"}}
FINALIZER = {"finalizers": ["example.com/hold"]}
OWNER = {"ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": "1"}]}

ASKING: list[tuple[str, str, dict[str, Any], str | None]] = [
    ("the operator asks in an agent's name", OPERATOR, {"requestedBy": "system:serviceaccount:x:y"}, None),
    ("the operator asks for one pod", OPERATOR, {"requestedBy": "system:serviceaccount:x:y", **POD}, None),
    ("an agent asks for itself", AGENT, {}, None),
    ("a person asks for an agent", BOB, {}, None),
    ("a person asks for every pod of an agent", BOB, SHARED, None),
    ("a person asks in another's name", BOB, {"requestedBy": ALICE}, "spec.requestedBy must be bob@example.com"),
    ("an admin asks in another's name", ADMIN, {"requestedBy": ALICE}, "spec.requestedBy must be admin"),
    ("an agent asks in a person's name", AGENT, {"requestedBy": ALICE}, "spec.requestedBy must be system:serviceacc"),
    ("an agent asks for a neighbour", AGENT, OTHER_AGENT, "a service account may ask for itself only"),
    ("an agent asks for every pod like itself", AGENT, SHARED, "cannot ask for a shared session"),
    ("a stranger asks", "mallory@example.com", {}, "cannot create resource"),
]


@pytest.mark.parametrize(("what", "who", "spec", "refused"), ASKING, ids=[row[0] for row in ASKING])
def test_asking(stage: Stage, what: str, who: str, spec: dict[str, Any], refused: str | None) -> None:
    check(stage.create(who, stage.session(stage.name(), **spec)), refused)


def test_an_agent_told_by_its_name_alone_asks_for_itself_only(stage: Stage) -> None:
    # Whoever impersonates a ServiceAccount may leave out its groups.
    who = f"{stage.user(AGENT)}+system:authenticated"
    check(stage.create(who, stage.session(stage.name(), **OTHER_AGENT)), "a service account may ask for itself only")


def test_who_asked_is_stamped(stamped: Stage) -> None:
    for who in (BOB, AGENT):
        name = stamped.name()
        check(stamped.create(who, stamped.session(name)), None)
        assert stamped.get("AgentSession", name)["spec"]["requestedBy"] == stamped.user(who)


def test_where_nothing_is_stamped_the_refusal_says_what_to_write(unstamped: Stage) -> None:
    for who in (BOB, AGENT):
        answer = unstamped.create(who, unstamped.session(unstamped.name()), write_names=False)
        check(answer, f"spec.requestedBy must be {unstamped.user(who)}")


METADATA: list[tuple[str, dict[str, Any], str]] = [
    ("a finalizer", FINALIZER, "finalizers are not allowed"),
    ("an owner", OWNER, "ownerReferences are not allowed"),
    ("a big annotation", {"annotations": {"a": "x" * 20_000}}, "annotations are limited to 16 KiB each"),
]


@pytest.mark.parametrize(("what", "metadata", "refused"), METADATA, ids=[row[0] for row in METADATA])
@pytest.mark.parametrize("kind", ["AgentSession", "ProviderBinding"])
def test_metadata_that_outlives_or_outgrows_the_object(
    stage: Stage, kind: str, what: str, metadata: dict[str, Any], refused: str
) -> None:
    make: Callable[[str], dict[str, Any]] = stage.session if kind == "AgentSession" else stage.binding
    document = make(stage.name())
    check(stage.create(ALICE, {**document, "metadata": {**document["metadata"], **metadata}}), refused)

    name = stage.awaiting() if kind == "AgentSession" else stage.bound()
    path = f"{stage.path(document)}/{name}"
    patch = {"metadata": metadata}
    check(stage.call(ALICE, "PATCH", path, patch, "application/merge-patch+json"), refused)


def test_ordinary_labels_and_annotations_are_welcome(stage: Stage) -> None:
    document = stage.session(stage.name())
    document["metadata"] |= {"labels": {"team": "sales"}, "annotations": {"ticket": "JIRA-1"}}
    check(stage.create(BOB, document), None)

"""A session that is not Active yet: end it, hold it, show it to a person, or activate it."""

from pipes_api.grant import Grant, grant_hash
from pipes_api.resources import Approval
from pipes_api.states import SessionState

from . import endings, grants, statuses
from .facts import Decision, SessionFacts, Verdict


def decide(facts: SessionFacts) -> Decision:
    verdict = endings.first(endings.ENDINGS, facts)
    if verdict is not None:
        return statuses.ended(facts, verdict)
    session = facts.session
    granting = grants.requested(session, facts.offers, facts.rules.longest, facts.people)
    problems = (*granting.problems, *_not_for_agents(facts))
    if granting.grant is None or problems:
        return statuses.pending(facts, problems)
    digest = grant_hash(granting.grant)
    approval = session.spec.approval
    if approval is None:
        return statuses.awaiting(facts, granting.grant, digest, granting.cuts)
    return _approved(facts, approval, granting.grant, digest)


def _approved(facts: SessionFacts, approval: Approval, grant: Grant, digest: str) -> Decision:
    changed = _born_differently(facts) if endings.born_approved(facts.session) else _differs(facts, approval, digest)
    effective = grants.narrowed(grant, approval, facts.offers)
    if not changed and effective is None:
        changed = "Nothing is left of the request after the approval's narrowing."
    if changed or effective is None:
        return statuses.ended(facts, Verdict(SessionState.GRANT_CHANGED, "GrantChanged", changed))
    if not facts.policies.fresh:
        return Decision(needs_policies=True)
    if not facts.policies.in_force:
        message = f"Approved, but the admission policies are not in force: {facts.policies.problem}"
        return statuses.held(facts, "PoliciesNotInForce", message)
    return statuses.active(facts, effective, digest)


def _differs(facts: SessionFacts, approval: Approval, digest: str) -> str:
    """The approval covers what was shown, what was shown is what it would be now."""
    shown = facts.session.status.grant_hash
    if shown is None or approval.grant_hash != shown:
        return "The approval does not name the grant that was shown."
    if shown != digest:
        return "A connection or its tools changed between the approval and the activation."
    return ""


def _born_differently(facts: SessionFacts) -> str:
    """Nobody was shown a grant, so every binding must have been, at creation, what it is now.

    `generationSince` is never before the change; creation is cut to the second.
    """
    if facts.session.status.grant_hash is not None:
        return "The approval does not name the grant that was shown."
    created = endings.created(facts.session)
    for wanted in facts.session.spec.bindings:
        binding = facts.offers[wanted.name].binding
        since = binding.status.generation_since
        if since is None or since > created or binding.metadata.creation_timestamp is None:
            return (
                f"{wanted.name} was made or changed after (or in the same second as) this session, "
                "so the approval may have meant something else. Create the session again."
            )
    return ""


def _not_for_agents(facts: SessionFacts) -> list[str]:
    """What an agent may not ask for by itself; a gateway's request never holds it."""
    agent, asked_by = facts.session.spec.agent, facts.session.spec.requested_by
    if facts.session.spec.on_behalf_of is not None and not endings.is_person(asked_by):
        return ["only a person can name the person a session acts for (spec.onBehalfOf)"]
    if not endings.asked_by_agent(facts.session):
        return []
    if agent.shared:
        return ["a shared session is for people to ask for"]
    seen = facts.session.status.state is SessionState.AWAITING_APPROVAL
    if agent.pod_uid is not None and facts.pod is None and not seen:
        # Once shown it stays shown: a gateway that reconnects must not take the request from the approver's eyes.
        return [f"no connected pod of ServiceAccount {agent.service_account_name} has the UID {agent.pod_uid}"]
    return []

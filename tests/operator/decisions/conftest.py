"""Sessions, bindings and facts with sensible parts, for tests that change one thing."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from pipes_api import resources
from pipes_api.resources import AgentSession, ProviderBinding
from pipes_catalog.definition import ToolAccess, ToolDefinition
from pipes_operator.decisions.decide import decide
from pipes_operator.decisions.facts import Offer, PolicyFacts, Rules, SessionFacts

CREATED = datetime(2026, 11, 25, 12, 0, 0, tzinfo=UTC)


def _tool(name: str, access: ToolAccess) -> ToolDefinition:
    return ToolDefinition(name=name, title=name, description=name, access=access, input_schema={"type": "object"})


def served(session: AgentSession) -> AgentSession:
    """As the API server gives it back."""
    return resources.session(msgspec.json.decode(msgspec.json.encode(session)))


class Make:
    """Everything was made at `created`; `later` seconds after it is now."""

    created = CREATED
    rules = Rules(
        request_timeout=timedelta(hours=1),
        activation_window=timedelta(minutes=10),
        born_approved=timedelta(seconds=60),
        retention=timedelta(hours=24),
        pending_cap=3,
    )
    tools = (
        _tool("query", ToolAccess.JUDGED),
        _tool("list", ToolAccess.READ),
        _tool("create", ToolAccess.WRITE),
    )

    def at(self, seconds: float) -> datetime:
        return CREATED + timedelta(seconds=seconds)

    def session(self, name: str = "s1", status: dict[str, Any] | None = None, **spec: Any) -> AgentSession:
        return resources.session(
            {
                "metadata": {
                    "name": name,
                    "namespace": "team",
                    "uid": f"uid-{name}",
                    "resourceVersion": "7",
                    "generation": 1,
                    "creationTimestamp": CREATED.isoformat(),
                },
                "spec": {
                    "agent": {"serviceAccountName": "agent"},
                    "bindings": [{"name": "snowflake"}],
                    "duration": "15m",
                    "reason": "Figures",
                    "requestedBy": "bob@example.com",
                    **spec,
                },
                "status": status or {},
            }
        )

    def binding(
        self, name: str = "snowflake", *, ready: bool = True, since: float = -5, **spec: Any
    ) -> ProviderBinding:
        return resources.binding(
            {
                "metadata": {
                    "name": name,
                    "namespace": "team",
                    "uid": f"uid-{name}",
                    "resourceVersion": "3",
                    "generation": 1,
                    "creationTimestamp": self.at(since - 1).isoformat(),
                },
                "spec": {
                    "provider": "snowflake",
                    "connection": {"userId": "user_alice"},
                    "limits": {"maxAccess": "Write"},
                    **spec,
                },
                "status": {
                    "observedGeneration": 1,
                    "generationSince": self.at(since).isoformat(),
                    "account": {"id": "account_1", "displayName": "Acme"},
                    "conditions": [
                        {"type": "Connected", "status": str(ready), "reason": "X", "message": "Authorize it again."},
                        {"type": "Ready", "status": str(ready), "reason": "X"},
                    ],
                },
            }
        )

    def offer(self, name: str = "snowflake", **options: Any) -> Offer:
        return self.offered(self.binding(name, **options))

    def offered(self, binding: ProviderBinding) -> Offer:
        prefix = binding.metadata.name.replace("-", "_")
        tools = {f"{prefix}_{tool.name}": tool for tool in self.tools}
        return Offer(binding, "snowflake", tools, ("*.snowflakecomputing.com",))

    def facts(self, session: AgentSession, *, seconds: float = 10, **over: Any) -> SessionFacts:
        policies = PolicyFacts(fresh=True, in_force=True, changed_at=self.at(-3600))
        known: dict[str, Any] = {
            "offers": {"snowflake": self.offer()},
            "siblings": (),
            "policies": policies,
            "rules": self.rules,
            "now": self.at(seconds),
        }
        return SessionFacts(session=session, **{**known, **over})

    def shown(self, session: AgentSession | None = None, **over: Any) -> AgentSession:
        """The session as it is once it awaits approval."""
        session = session or self.session()
        decision = decide(self.facts(session, seconds=1, **over))
        assert decision.status is not None
        return served(msgspec.structs.replace(session, status=decision.status))

    def approved(self, session: AgentSession, **approval: Any) -> AgentSession:
        """The session with an approval of what it shows."""
        given = {"decision": "Approved", "by": "alice@example.com", "grantHash": session.status.grant_hash, **approval}
        written = msgspec.convert({k: v for k, v in given.items() if v is not None}, resources.Approval)
        return msgspec.structs.replace(session, spec=msgspec.structs.replace(session.spec, approval=written))

    def active(self, session: AgentSession | None = None, *, seconds: float = 10, **over: Any) -> AgentSession:
        approved = self.approved(self.shown(session, **over))
        decision = decide(self.facts(approved, seconds=seconds, **over))
        assert decision.status is not None
        assert decision.status.state == "Active"
        return served(msgspec.structs.replace(approved, status=decision.status))


@pytest.fixture
def make() -> Make:
    return Make()

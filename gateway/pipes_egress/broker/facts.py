"""Gathers what the policy chain asks about a call of some pod, from the broker's live view, at the moment of asking."""

from dataclasses import dataclass
from datetime import UTC, datetime

from pipes_api.messages import BrokerCall, SessionView
from pipes_api.resources import Access
from pipes_api.tokens import SessionClaims
from pipes_live.view import LiveView
from pipes_policy import chain
from pipes_policy.call import Call, Caller, Denial

from .reviews import Pod


@dataclass(frozen=True, slots=True)
class Asked:
    """Who calls what: the reviewed pod, the claims of a session token whose signature is right, and the call."""

    pod: Pod
    claims: SessionClaims
    what: BrokerCall

    @property
    def binding(self) -> str:
        return self.what.binding

    @property
    def tool(self) -> str:
        return self.what.tool


class Facts:
    def __init__(self, view: LiveView) -> None:
        self.view = view

    def session(self, asked: Asked) -> SessionView | None:
        return self.view.session(asked.claims.sid)

    def call(self, asked: Asked, needs: Access | None = None, *, reserved: bool = False) -> Call:
        """Everything known now about the call."""
        view, pod = self.view, asked.pod
        session = self.session(asked)
        granted = session.grant.binding(asked.binding) if session is not None and session.grant is not None else None
        digest = granted.tools.get(asked.tool) if granted is not None else None
        return Call(
            caller=Caller(
                namespace=pod.namespace, service_account=pod.service_account, pod_uid=pod.uid, issuer=view.issuer
            ),
            tool=asked.tool,
            binding=view.binding(pod.namespace, asked.binding),
            session=session,
            claims=asked.claims,
            definition=view.definition(digest) if digest is not None else None,
            lease_until=view.lease_until(session.uid) if session is not None else None,
            clock=view.clock(),
            now=datetime.now(UTC),
            needs=needs,
            arguments=asked.what.arguments,
            named=asked.what.session,
            synchronized=view.synchronized,
            reserved=reserved,
        )

    def denial(self, asked: Asked, needs: Access | None = None, *, reserved: bool = False) -> Denial | None:
        return chain.decide(self.call(asked, needs, reserved=reserved))

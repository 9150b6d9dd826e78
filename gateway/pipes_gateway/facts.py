"""Gathers what the policy chain asks about, from the live view, at the moment of asking."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from pipes_api.messages import BindingView, SessionView
from pipes_api.resources import Access
from pipes_api.tokens import SessionClaims
from pipes_catalog.definition import ToolDefinition
from pipes_live.tokens import TokenInvalid
from pipes_live.view import LiveView
from pipes_policy import chain, selection
from pipes_policy.advertise import Advertised, advertised
from pipes_policy.call import Call, Caller, Denial


class Facts:
    """The one place where a `Call` is put together, for the check and for the list alike."""

    def __init__(self, view: LiveView) -> None:
        self.view = view

    def binding_of(self, tool: str) -> BindingView | None:
        return selection.binding_of(tool, self.view.bindings())

    def call(
        self,
        binding: BindingView | None,
        tool: str,
        session: SessionView | None,
        *,
        needs: Access | None = None,
        reserved: bool = False,
        claims: SessionClaims | None = None,
        arguments: Mapping[str, Any] | None = None,
        named: str = "",
        ambiguous: tuple[str, ...] = (),
    ) -> Call:
        """Everything known now about a call of `tool` under `session`; `claims` of another token than the lease's."""
        view = self.view
        return Call(
            caller=Caller(
                namespace=view.identity.namespace,
                service_account=view.identity.service_account,
                pod_uid=view.identity.pod_uid,
                issuer=view.issuer,
            ),
            tool=tool,
            binding=binding,
            session=session,
            claims=claims if claims is not None else self._claims(session),
            definition=self._definition(binding, tool, session),
            lease_until=view.lease_until(session.uid) if session is not None else None,
            clock=view.clock(),
            now=datetime.now(UTC),
            needs=needs,
            arguments=arguments,
            named=named,
            ambiguous=ambiguous,
            synchronized=view.synchronized,
            reserved=reserved,
        )

    def decide(
        self, tool: str, arguments: Mapping[str, Any] | None = None, named: str = ""
    ) -> tuple[Call, Denial | None]:
        """A call of `tool` under the session that would be used now, and what the policy chain says."""
        binding = self.binding_of(tool)
        chosen = selection.choose(self.view.sessions(), binding, named) if binding is not None else selection.NONE
        call = self.call(binding, tool, chosen.session, arguments=arguments, named=named, ambiguous=chosen.ambiguous)
        return call, chain.decide(call)

    def now(self, first: Call, needs: Access | None = None, *, reserved: bool = False) -> Call:
        """The same call, under the same session, as things are now."""
        binding = first.binding and self.view.binding(first.binding.namespace, first.binding.name)
        session = first.session and self.view.session(first.session.uid)
        return self.call(
            binding,
            first.tool,
            session,
            needs=needs,
            reserved=reserved,
            arguments=first.arguments,
            named=first.named,
        )

    def decide_again(self, first: Call, needs: Access | None = None, *, reserved: bool = False) -> Denial | None:
        """What the policy chain says of the same call, under the same session, as things are now."""
        return chain.decide(self.now(first, needs, reserved=reserved))

    def decide_running(self, first: Call) -> Denial | None:
        """What the policy chain says of a call that is under way, as things are now."""
        return chain.decide_running(self.now(first, reserved=True))

    def advertised(self) -> list[Advertised]:
        bindings: Iterable[BindingView] = self.view.bindings()
        mine = [each for each in bindings if each.offered_to(self.view.identity.service_account)]
        return advertised(
            mine,
            self.view.definition,
            lambda binding: selection.candidates(self.view.sessions(), binding),
            self.call,
        )

    def _claims(self, session: SessionView | None) -> SessionClaims | None:
        token = self.view.token(session.uid) if session is not None else None
        if token is None:
            return None
        try:
            return self.view.verifier.verify(token)
        except TokenInvalid:
            return None

    def _definition(self, binding: BindingView | None, tool: str, session: SessionView | None) -> ToolDefinition | None:
        if binding is None:
            return None
        granted = session.grant.binding(binding.name) if session is not None and session.grant is not None else None
        digest = granted.tools.get(tool) if granted is not None else None
        return self.view.definition(digest or binding.tools.get(tool, ""))

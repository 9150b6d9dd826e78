"""Who hears what: open streams by pod, by agent and by role."""

from collections.abc import Iterable

from pipes_api.messages import BindingView
from pipes_api.resources import AgentSession

from . import views
from .stream import Stream


class Audience:
    """Index of open streams; one for each pod."""

    def __init__(self) -> None:
        self._by_pod: dict[str, Stream] = {}
        self._by_agent: dict[str, dict[str, dict[str, Stream]]] = {}
        self._brokers: dict[str, Stream] = {}

    def __len__(self) -> int:
        return len(self._by_pod) + len(self._brokers)

    def all(self) -> list[Stream]:
        return [*self._by_pod.values(), *self._brokers.values()]

    def of_pod(self, pod_uid: str) -> Stream | None:
        return self._by_pod.get(pod_uid) or self._brokers.get(pod_uid)

    def add(self, stream: Stream) -> None:
        identity = stream.identity
        if stream.is_broker:
            self._brokers[identity.pod_uid] = stream
            return
        self._by_pod[identity.pod_uid] = stream
        agents = self._by_agent.setdefault(identity.namespace, {})
        agents.setdefault(identity.service_account, {})[identity.pod_uid] = stream

    def remove(self, stream: Stream) -> None:
        """Take it out, unless a newer one of the same pod has its place."""
        identity = stream.identity
        if self.of_pod(identity.pod_uid) is not stream:
            return
        if stream.is_broker:
            del self._brokers[identity.pod_uid]
            return
        del self._by_pod[identity.pod_uid]
        agents = self._by_agent[identity.namespace]
        pods = agents[identity.service_account]
        del pods[identity.pod_uid]
        if not pods:
            del agents[identity.service_account]
        if not agents:
            del self._by_agent[identity.namespace]

    def brokers(self) -> Iterable[Stream]:
        return tuple(self._brokers.values())

    def of_session(self, session: AgentSession) -> tuple[Stream, ...]:
        """Gateways whose pod the session belongs to."""
        agent, namespace = session.spec.agent, session.metadata.namespace
        pods = self._by_agent.get(namespace, {}).get(agent.service_account_name, {})
        if agent.shared:
            return tuple(pods.values())
        found = pods.get(views.pod_of(session))
        return () if found is None else (found,)

    def of_binding(self, view: BindingView) -> tuple[Stream, ...]:
        """Gateways whose agent is offered the binding."""
        agents = self._by_agent.get(view.namespace, {})
        return tuple(stream for account, pods in agents.items() if view.offered_to(account) for stream in pods.values())

    def of_namespace(self, namespace: str) -> tuple[Stream, ...]:
        return tuple(stream for pods in self._by_agent.get(namespace, {}).values() for stream in pods.values())

"""Where tool definitions come from, as the session service needs them."""

from typing import Any, Protocol

from pipes_api.resources import ProviderBinding
from pipes_operator.decisions.facts import Offer


class Definitions(Protocol):
    """Answers from memory, without I/O: a change of a session waits for it."""

    def offer(self, binding: ProviderBinding) -> Offer:
        """What the binding offers now."""

    def find(self, digest: str) -> dict[str, Any] | None:
        """The definition with that hash as plain data, or None when it is not known."""

    def title(self, binding: ProviderBinding) -> str:
        """The provider's name, for sentences."""

"""Where tool definitions come from, as the session service needs them."""

from collections.abc import Mapping
from typing import Any, Protocol

from pipes_api.resources import ProviderBinding


class Definitions(Protocol):
    """Answers from memory, without I/O: a change of a session waits for it."""

    def offered(self, binding: ProviderBinding) -> Mapping[str, str]:
        """Tools the binding offers now: advertised name → hash of the definition. Empty when there is no catalog."""

    def find(self, digest: str) -> dict[str, Any] | None:
        """The definition with that hash as plain data, or None when it is not known."""

"""Egress: gets a credential from Pipes and calls the provider. Runs in the broker, or inside the gateway."""

from .call import Check, Progress, Reserve, ToolRequest, ToolResult
from .egress import Egress
from .settings import EgressSettings

__all__ = ["Check", "Egress", "EgressSettings", "Progress", "Reserve", "ToolRequest", "ToolResult"]

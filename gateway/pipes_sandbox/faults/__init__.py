"""Trouble on demand: which calls it strikes, and what then happens to them."""

from pipes_sandbox.faults.rules import Fault, FaultBook, InvalidFaultError

__all__ = ["Fault", "FaultBook", "InvalidFaultError"]

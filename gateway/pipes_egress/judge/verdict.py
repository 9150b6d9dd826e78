"""The outcome of judging a statement."""

import msgspec

from pipes_api.resources import Access


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """`refuse`: not even as a write may it be sent, since what would run cannot be told. `why` names the cause."""

    access: Access
    why: str = ""
    refuse: bool = False


READ = Verdict(access=Access.READ)


def write(why: str) -> Verdict:
    return Verdict(access=Access.WRITE, why=why)


def refused(why: str) -> Verdict:
    return Verdict(access=Access.WRITE, why=why, refuse=True)


def short(name: str) -> str:
    """A name from the statement, bounded, for a sentence."""
    return name if len(name) <= 64 else name[:63] + "…"

"""Why a call comes to no result. Each becomes one tool result; none carries a credential."""

from pipes_policy.call import Denial


class Refused(Exception):  # noqa: N818 - reads as what happened
    """Policy, the connection or the budget does not allow it."""

    def __init__(self, denial: Denial) -> None:
        super().__init__(denial.message)
        self.denial = denial


class ArgumentRefused(Exception):  # noqa: N818 - reads as what happened
    """An argument cannot be sent as it is; the sentence names it."""


class ProviderFailed(Exception):  # noqa: N818 - reads as what happened
    """The provider said no, or could not be understood; the sentence is for the agent.

    `answered`: it was the provider's own answer, so that nothing goes on there.
    """

    def __init__(self, sentence: str, *, answered: bool = False) -> None:
        super().__init__(sentence)
        self.answered = answered

"""The one error of this package."""


class ClusterError(Exception):
    """The control plane cannot be built, started or asked; the text is one line that says what to do."""

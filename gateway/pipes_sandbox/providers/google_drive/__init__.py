"""Google Drive v3: files, folders, shared drives, searches and exports."""

from pipes_sandbox.provider import Provider

from .service import DriveService

PROVIDER = Provider(
    slug="google-drive",
    build=lambda around, data: DriveService(around.tokens, around.environment, data),
    seed=__name__,
    token_prefix="ya29.",  # noqa: S106 - how Google's tokens begin
)

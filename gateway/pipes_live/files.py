"""Files that others renew: tokens by the kubelet, the CA by whoever installed it."""

from pathlib import Path


class FreshFile:
    """A small file, read again only when it has been replaced or written."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int, int] | None = None
        self._content = b""

    def read(self) -> bytes:
        """What is in it now.

        Raises:
            OSError: it cannot be read.
        """
        found = self._path.stat()
        # The kubelet renames a link, so that the inode changes even within one tick of the clock.
        version = found.st_ino, found.st_mtime_ns, found.st_size
        if version != self._seen:
            self._content = self._path.read_bytes()
            self._seen = version
        return self._content

    def bearer(self) -> str:
        """The value of an Authorization header for the token in it.

        Raises:
            OSError: it cannot be read, or holds what no header may.
        """
        token = self.read().strip()
        if not token or not token.isascii() or not token.decode("ascii").isprintable():
            raise OSError(f"{self._path} holds no token")
        return f"Bearer {token.decode('ascii')}"

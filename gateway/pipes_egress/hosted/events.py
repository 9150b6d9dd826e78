"""Server-sent events (WHATWG HTML section 9.2), as bytes come in."""

LONGEST_ID = 512
SHORTEST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 10.0


class Events:
    """Reads a stream, and what follows it when it is taken up again. Bounds are those of the transport below."""

    def __init__(self) -> None:
        self.last_id = ""
        self.pause = 1.0
        """Seconds that the server wants to be left alone before the stream is taken up again."""
        self.begin()

    def begin(self) -> None:
        """A stream begins: what was cut off of the last one is dropped."""
        self._line = bytearray()
        self._data: list[bytes] = []
        self._kind = b""
        self._after_return = False

    def feed(self, chunk: bytes) -> list[bytes]:
        """The data of the messages that are complete now, of events of other kinds and empty ones nothing."""
        found: list[bytes] = []
        if self._after_return and chunk.startswith(b"\n"):
            chunk = chunk[1:]
        if not chunk:
            return found
        self._after_return = chunk.endswith(b"\r")
        *lines, rest = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        for part in lines:
            line, self._line = bytes(self._line + part), bytearray()
            if line:
                self._take(line)
            else:
                data = b"\n".join(self._data)
                if data and self._kind in (b"", b"message"):
                    found.append(data)
                self._data, self._kind = [], b""
        self._line += rest
        return found

    def _take(self, line: bytes) -> None:
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            self._data.append(value)
        elif field == b"event":
            self._kind = value
        elif field == b"id" and len(value) <= LONGEST_ID and value.isascii() and value.decode().isprintable():
            self.last_id = value.decode()
        elif field == b"retry" and value.isdigit():
            self.pause = min(max(int(value[:9]) / 1000, SHORTEST_PAUSE_SECONDS), LONGEST_PAUSE_SECONDS)

"""The lines of a CSV file, decoded, with their place in the file."""

from __future__ import annotations

from imports.readers.encodings import Source, decode_narrow

ROW_MAX = 2_000_000


class RowTooLong(Exception):
    """A row goes on for more than ROW_MAX bytes; the next line begins a new one."""


class Lines:
    """An iterator for csv.reader: one line at a time, line ends kept, never more than ROW_MAX bytes of one row.

    `offset` is the place behind the last line that was handed out. `taken` are the lines since `start_row`, and
    `is_damaged` says that one of them had bytes that are no characters.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self.offset = source.start
        self.taken: list[str] = []
        self.size = 0
        self.is_damaged = False
        self._is_wide = source.encoding.is_wide
        self._lines: list[bytes] = []
        self._next = 0
        self._tail = b""
        self._is_last = False

    def start_row(self) -> None:
        self.taken = []
        self.size = 0
        self.is_damaged = False

    def __iter__(self) -> Lines:
        return self

    def __next__(self) -> str:
        if self._next >= len(self._lines):
            self._fill()
        line = self._lines[self._next]
        self._next += 1
        self.offset += self.source.width(line) if self._is_wide else len(line)
        self.size += len(line)
        if self.size > ROW_MAX:
            raise RowTooLong
        text = self._decode(line)
        self.taken.append(text)
        return text

    def _decode(self, line: bytes) -> str:
        try:
            text = line.decode("utf-8")
        except UnicodeDecodeError:
            text, is_whole = decode_narrow(line)
            self.is_damaged = self.is_damaged or not is_whole
        return text.replace("\0", "") if "\0" in text else text

    def _fill(self) -> None:
        """Read until there is a whole line; raise StopIteration at the end of the file."""
        self._lines, self._next = [], 0
        while not self._lines:
            if self._is_last:
                raise StopIteration
            if len(self._tail) > ROW_MAX:
                self._skip_long_line()
                return
            chunk = self.source.read()
            self._is_last = not chunk
            self._lines = (self._tail + chunk).splitlines(keepends=True)
            self._tail = b""
            # A carriage return at the end may be half of a line end.
            if not self._is_last and self._lines and not self._lines[-1].endswith(b"\n"):
                self._tail = self._lines.pop()

    def _skip_long_line(self) -> None:
        """Pass over the rest of a line that is too long: `__next__` then raises for its beginning."""
        self.offset += self.source.width(self._tail[:-3])
        self._tail = self._tail[-3:]
        while True:
            chunk = self.source.read()
            self._is_last = not chunk
            data = self._tail + chunk
            lines = data.splitlines(keepends=True)
            if self._is_last or len(lines) > 1:
                break
            self.offset += self.source.width(data[:-3])
            self._tail = data[-3:]
        self._tail = b""
        if not self._is_last and not lines[-1].endswith(b"\n"):
            self._tail = lines.pop()
        self._lines = lines
        self.size = ROW_MAX

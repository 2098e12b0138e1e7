"""Where the cards of a file begin and end, before anything in them is read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from imports.readers.encodings import Source

MARK = re.compile(rb":[ \t]{0,20}[Vv][Cc][Aa][Rr][Dd][ \t]{0,20}(?=[\r\n]|\Z)")
MARK_MAX = 64
GAP = rb"[ \t]{0,20}"
WORD = re.compile(
    rb"(?:(AGENT)[^:\r\n]{0,200}:" + GAP + rb"(?:[\r\n]{1,4}" + GAP + rb")?)?(BEGIN|END)" + GAP + rb"\Z",
    re.IGNORECASE,
)
LAST_WORD = 25
LOOK_BACK = 300  # More than WORD can match and the space before it.
NO_AGENT = len(b"AGENT:\nBEGIN")
HEAD_MAX = 2_000
NESTING_MAX = 8


class Block(NamedTuple):
    """One card: `data` from BEGIN to END, `end` the place behind it in the file, `fault` what is wrong with its frame.

    A block that is "too_long" has only its beginning; one that is "unfinished" or "nested" has no END of its own.
    """

    data: bytes
    end: int
    fault: str = ""
    has_inner: bool = False


class Scanner:
    """Cuts a source into blocks, holding at most `longest` bytes of one card.

    A card that holds a card (AGENT) is one block. A BEGIN that nothing introduces ends the card before it. Cards are
    counted, not recursed into, and each byte is looked at a bounded number of times.
    """

    def __init__(self, source: Source, *, longest: int) -> None:
        self.source = source
        self.longest = longest
        self.buffer = bytearray()
        self.base = source.start
        self.begin = -1
        self.depth = 0
        self.fault = ""
        self.head = b""
        self.has_inner = False

    def blocks(self) -> Iterator[Block]:
        position, is_last = 0, False
        while True:
            mark = MARK.search(self.buffer, position)
            if mark is None or (mark.end() == len(self.buffer) and not is_last):
                if is_last:
                    break
                position = self._drop_unneeded(max(position, len(self.buffer) - MARK_MAX))
                chunk = self.source.read()
                self.buffer += chunk
                is_last = not chunk
                continue
            start, end = mark.span()
            del mark  # It holds the buffer, which could not be cut.
            block, position = self._at_mark(start, end)
            if block is not None:
                yield block
        if self.begin >= 0:
            self.fault = self.fault or "unfinished"
            yield self._cut(len(self.buffer))

    def _at_mark(self, start: int, end: int) -> tuple[Block | None, int]:
        if self.buffer.endswith(b"\nEND", 0, start):
            return self._at_end(end)
        if self.begin < 0 and start < NO_AGENT and self.buffer.endswith(b"\nBEGIN", 0, start):
            self.begin = start - len(b"BEGIN")
            return None, end
        return self._at_unusual_mark(start, end)

    def _at_unusual_mark(self, start: int, end: int) -> tuple[Block | None, int]:
        """Tell lower case, blanks, AGENT and words inside a text from the plain lines that nearly all cards have."""
        if (
            not bytes(self.buffer[max(0, start - LAST_WORD) : start])
            .rstrip(b" \t")
            .upper()
            .endswith((b"BEGIN", b"END"))
        ):
            return None, end
        word = WORD.search(self.buffer, max(0, start - LOOK_BACK), start)
        if word is None or not self._is_line_start(word.start()):
            return None, end
        kind, line, is_agent = word[2].upper(), word.start(), word[1] is not None
        del word
        if kind == b"END":
            return self._at_end(end)
        if self.begin < 0:
            self.begin = line
        elif is_agent:
            self.has_inner = True
            self.depth += 1
            if self.depth > NESTING_MAX:
                self.fault = self.fault or "nested"
        else:
            self.fault = self.fault or "unfinished"
            block = self._cut(line)
            self.begin = 0
            return block, end - line
        return None, end

    def _at_end(self, end: int) -> tuple[Block | None, int]:
        if self.begin >= 0 and not self.depth:
            return self._cut(end), 0
        self.depth = max(0, self.depth - 1)
        return None, end

    def _is_line_start(self, index: int) -> bool:
        before = index
        while before > 0 and before > index - 20 and self.buffer[before - 1] in b" \t":
            before -= 1
        return before == 0 or self.buffer[before - 1] in b"\r\n"

    def _cut(self, end: int) -> Block:
        """Take everything up to `end` out of the buffer as the current card."""
        taken = bytes(self.buffer[:end])
        del self.buffer[:end]
        self.base += self.source.width(taken)
        block = Block(self.head or taken[self.begin :], self.base, self.fault, self.has_inner)
        self.begin, self.depth, self.fault, self.head, self.has_inner = -1, 0, "", b"", False
        return block

    def _drop_unneeded(self, position: int) -> int:
        """Forget what no card needs: text between cards, and the rest of a card that is too long."""
        if self.begin >= 0 and not self.head and len(self.buffer) - self.begin > self.longest:
            self.head = bytes(self.buffer[self.begin : self.begin + HEAD_MAX])
            self.fault = self.fault or "too_long"
        if self.begin >= 0 and not self.head:
            return position
        surplus = max(0, position - LOOK_BACK)
        if surplus:
            self.base += self.source.width(bytes(self.buffer[:surplus]))
            del self.buffer[:surplus]
            if self.begin >= 0:
                self.begin = 0
        return position - surplus

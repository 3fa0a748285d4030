"""Rewriting of H.264 parameters for pictures with one more row of macroblocks.

Source: ITU-T H.264, 7.3.2.1.1 and annex B.
"""

import re

PARAMETERS = 7
"""Type of NAL units that are sequence parameter sets."""

SLICES = (1, 2, 5)
"""Types of NAL units that hold pictures."""

CHROMA = frozenset((44, 83, 86, 100, 110, 118, 122, 128, 134, 135, 138, 139, 244))
"""Profiles with a chroma format in their parameters."""

START = re.compile(rb"\x00\x00\x01")


class UnknownStreamError(ValueError):
    """A stream whose parameters can't be rewritten."""


class Taller:
    """Rewriter of streams: their pictures become one row taller.

    Attributes:
        columns: width of the pictures in macroblocks, 0 before the first parameters.
        slices: number of slices seen so far.
    """

    def __init__(self) -> None:
        self.columns = 0
        self.slices = 0

    def header(self, extra: bytes) -> bytes:
        """Rewritten configuration (avcC) of a track in mp4 or Matroska."""
        out, place = bytearray(extra[:6]), 6
        for _ in range(extra[5] & 31):
            size = int.from_bytes(extra[place : place + 2], "big")
            unit = self.unit(extra[place + 2 : place + 2 + size])
            out += len(unit).to_bytes(2, "big") + unit
            place += 2 + size
        return bytes(out) + extra[place:]

    def boxed(self, data: bytes, length: int) -> bytes:
        """Rewritten packet whose NAL units follow their lengths, each of `length` bytes."""
        out, place = bytearray(), 0
        while place + length <= len(data):
            size = int.from_bytes(data[place : place + length], "big")
            unit = self.unit(data[place + length : place + length + size])
            out += len(unit).to_bytes(length, "big") + unit
            place += length + size
        return bytes(out)

    def marked(self, data: bytes) -> bytes:
        """Rewritten packet whose NAL units follow start codes."""
        starts = [match.end() for match in START.finditer(data)]
        if not starts:
            return data
        ends = [start - 3 for start in starts[1:]] + [len(data)]
        units = (self.unit(data[start:end]) for start, end in zip(starts, ends, strict=True))
        return data[: starts[0] - 3] + b"".join(b"\x00\x00\x01" + unit for unit in units)

    def unit(self, unit: bytes) -> bytes:
        """NAL unit; rewritten if it holds parameters, else unchanged.

        Raises:
            UnknownStreamError: the parameters have scaling lists or fields, or can't be understood.
        """
        kind = unit[0] & 31 if unit else 0
        self.slices += kind in SLICES
        if kind != PARAMETERS:
            return unit
        raw = unit[1:].replace(b"\x00\x00\x03", b"\x00\x00")
        bits = _Bits(raw)
        try:
            before, after, rows = self._height(bits)
        except IndexError:
            raise UnknownStreamError("the parameters end too early") from None
        text = bits.text[:before] + _unsigned(rows + 1) + bits.text[after:].rstrip("0")
        text += "0" * (-len(text) % 8)
        content = int(text, 2).to_bytes(len(text) // 8, "big")
        return unit[:1] + re.sub(rb"\x00\x00(?=[\x00-\x03])", b"\x00\x00\x03", content)

    def _height(self, bits: "_Bits") -> tuple[int, int, int]:
        """Start and end of the height's bits, and its value: rows minus one."""
        profile = bits.number(8)
        bits.number(16)  # constraints and level
        bits.unsigned()  # the parameters' number
        if profile in CHROMA:
            if bits.unsigned() == 3:
                bits.number(1)  # three colour planes
            bits.unsigned()  # bits of luma
            bits.unsigned()  # and of chroma
            if bits.number(2) & 1:
                raise UnknownStreamError("it has scaling lists")
        bits.unsigned()  # frame numbers
        order = bits.unsigned()
        if order == 0:
            bits.unsigned()
        elif order == 1:
            bits.number(1)
            for _ in range(2):
                bits.unsigned()
            for _ in range(bits.unsigned()):
                bits.unsigned()
        bits.unsigned()  # reference frames
        bits.number(1)  # gaps
        self.columns = bits.unsigned() + 1
        before = bits.place
        rows = bits.unsigned()
        after = bits.place
        if not bits.number(1):
            raise UnknownStreamError("it has fields")
        return before, after, rows


class _Bits:
    """Reader of bits, from the front."""

    def __init__(self, data: bytes) -> None:
        self.text = "".join(f"{byte:08b}" for byte in data)
        self.place = 0

    def number(self, size: int) -> int:
        """Number of `size` bits."""
        taken = self.text[self.place : self.place + size]
        if len(taken) < size:
            raise IndexError("no more bits")
        self.place += size
        return int(taken, 2)

    def unsigned(self) -> int:
        """Exp-Golomb number. Signed ones have the same length."""
        zeros = 0
        while not self.number(1):
            zeros += 1
        return (1 << zeros) - 1 + (self.number(zeros) if zeros else 0)


def _unsigned(value: int) -> str:
    """Exp-Golomb bits of a number."""
    text = f"{value + 1:b}"
    return "0" * (len(text) - 1) + text

"""The parts of an H.264 stream that a file has to know: units, parameter sets, and the decoder's configuration."""

import re
import struct
from dataclasses import dataclass

SPS = 7
PPS = 8
DELIMITER = 9
START_CODE = re.compile(rb"\x00\x00\x01")
PROFILES_WITH_CHROMA = (100, 110, 122, 244, 44, 83, 86, 118, 128)


@dataclass(frozen=True, slots=True)
class ParameterSets:
    """What a decoder has to be told before the first picture."""

    sps: bytes
    pps: bytes


def units(access_unit: bytes) -> list[bytes]:
    """The NAL units of one Annex-B access unit, without start codes."""
    marks = [(found.start(), found.end()) for found in START_CODE.finditer(access_unit)]
    begins = [end for _, end in marks]
    ends = [start for start, _ in marks[1:]] + [len(access_unit)]
    # A unit never ends with a zero byte; one that stands there belongs to the four-byte form of the next start code.
    return [access_unit[begin:end].rstrip(b"\0") for begin, end in zip(begins, ends, strict=False)]


def kind(unit: bytes) -> int:
    """The type of a NAL unit."""
    return unit[0] & 0x1F


def parameter_sets(found: list[bytes]) -> ParameterSets | None:
    """The parameter sets among these units; None where one is missing."""
    sps = next((unit for unit in found if unit and kind(unit) == SPS), None)
    pps = next((unit for unit in found if unit and kind(unit) == PPS), None)
    return ParameterSets(sps, pps) if sps and pps else None


def with_lengths(found: list[bytes]) -> bytes:
    """The units as a file holds them: each with its length of four bytes in front."""
    return b"".join(struct.pack(">I", len(unit)) + unit for unit in found if unit and kind(unit) != DELIMITER)


def configuration(sets: ParameterSets) -> bytes:
    """The AVCDecoderConfigurationRecord (ISO/IEC 14496-15, 5.3.3.1)."""
    record = bytes((1, *sets.sps[1:4], 0xFF, 0xE1))
    record += struct.pack(">H", len(sets.sps)) + sets.sps
    record += b"\x01" + struct.pack(">H", len(sets.pps)) + sets.pps
    if sets.sps[1] in PROFILES_WITH_CHROMA:
        chroma, luma_bits, chroma_bits = _chroma(sets.sps)
        record += bytes((0xFC | chroma, 0xF8 | luma_bits, 0xF8 | chroma_bits, 0))
    return record


def _chroma(sps: bytes) -> tuple[int, int, int]:
    """Chroma format and both bit depths less eight, from the fields that follow the level in an SPS."""
    bits = _Bits(sps[4:].replace(b"\0\0\3", b"\0\0"))
    bits.golomb()  # seq_parameter_set_id
    chroma = bits.golomb()
    if chroma == 3:
        bits.take(1)  # separate_colour_plane_flag
    return chroma, bits.golomb(), bits.golomb()


class _Bits:
    """Reads bits and Exp-Golomb numbers (ISO/IEC 14496-10, 9.1)."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "big")
        self._left = len(data) * 8

    def take(self, count: int) -> int:
        self._left -= count
        return (self._value >> self._left) & ((1 << count) - 1)

    def golomb(self) -> int:
        zeros = 0
        while self._left > 0 and self.take(1) == 0:
            zeros += 1
        return (1 << zeros) - 1 + self.take(zeros)

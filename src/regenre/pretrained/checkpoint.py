"""TensorFlow 1 checkpoints, read without TensorFlow.

A checkpoint is an `.index`, a LevelDB table of variable -> BundleEntryProto, and `.data`, the variables' values. Both
are little-endian. TensorFlow's sources define them: core/lib/io/format.cc and core/protobuf/tensor_bundle.proto.

    read_checkpoint  the variables
"""

import struct
from collections.abc import Iterator

import numpy as np

from regenre.common.errors import UserError

_MAGIC = bytes.fromhex("57fb808b247547db")
_FOOTER = 48  # bytes
_FLOAT = 1  # DT_FLOAT
_POLYNOMIAL = 0x82F63B78  # of crc32c, its bits reversed
Message = dict[int, list[int | bytes]]  # field number -> its values


def read_checkpoint(index: bytes, data: bytes) -> dict[str, np.ndarray]:
    """Return the float32 variables by name.

    Parameters
    ----------
    index, data : content of the files `.index` and `.data-00000-of-00001`

    Raises
    ------
    UserError
        A checksum (masked crc32c) differs, the index is no table, it is compressed, or a variable is not float32 or
        in another file.
    """
    footer = index[-_FOOTER:]
    if not footer.endswith(_MAGIC):
        raise UserError("checkpoint: the index of a TensorFlow checkpoint expected, another file found; fetch it again")
    _, position = _read_handle(footer, 0)  # of the table's metadata
    blocks = [_read_handle(handle, 0)[0] for _, handle in _read_block(index, *_read_handle(footer, position)[0])]
    entries = [entry for block in blocks for entry in _read_block(index, *block)]
    return {name.decode(): _read_variable(name.decode(), _parse(entry), data) for name, entry in entries if name}


def _read_variable(name: str, entry: Message, data: bytes) -> np.ndarray:
    """Return a variable's values; `entry` has 1 dtype, 2 shape, 3 number of the file, 4 offset, 5 size, 6 crc32c."""
    dtype, file, offset, size, crc = (int(entry.get(field, [0])[0]) for field in (1, 3, 4, 5, 6))
    if dtype != _FLOAT or file:
        raise UserError(f"checkpoint: {name}: float32 in one file expected, type {dtype} in file {file} found")
    values = data[offset : offset + size]
    _check_crc(name, values, crc)
    dims = _parse(bytes(entry[2][0])).get(2, [])
    return np.frombuffer(values, "<f4").reshape([int(_parse(bytes(dim)).get(1, [0])[0]) for dim in dims])


def _read_block(table: bytes, start: int, size: int) -> Iterator[tuple[bytes, bytes]]:
    """Yield the keys and values of a block. A key has the first bytes of the one before it, and bytes of its own."""
    block, compression = table[start : start + size], table[start + size]
    _check_crc("index", table[start : start + size + 1], struct.unpack_from("<I", table, start + size + 1)[0])
    if compression:
        raise UserError(f"checkpoint: an index without compression expected, type {compression} found")
    end = size - 4 - 4 * struct.unpack("<I", block[-4:])[0]  # restart points follow the entries
    position, key = 0, b""
    while position < end:
        shared, position = _read_varint(block, position)
        own, position = _read_varint(block, position)
        length, position = _read_varint(block, position)
        key, position = key[:shared] + block[position : position + own], position + own
        yield key, block[position : position + length]
        position += length


def _read_handle(content: bytes, position: int) -> tuple[tuple[int, int], int]:
    """Return start and size of a block, and the position after them."""
    start, position = _read_varint(content, position)
    size, position = _read_varint(content, position)
    return (start, size), position


def _parse(message: bytes) -> Message:
    """Return the fields of a protobuf message: integers as they are, messages as bytes."""
    fields: Message = {}
    position = 0
    while position < len(message):
        key, position = _read_varint(message, position)
        value: int | bytes
        if key & 7 == 0:
            value, position = _read_varint(message, position)
        elif key & 7 == 5:
            value, position = struct.unpack_from("<I", message, position)[0], position + 4
        else:
            size, position = _read_varint(message, position)
            value, position = message[position : position + size], position + size
        fields.setdefault(key >> 3, []).append(value)
    return fields


def _read_varint(content: bytes, position: int) -> tuple[int, int]:
    """Return a number of seven bits per byte, the lowest first, and the position after it."""
    value = shift = 0
    while True:
        byte = content[position]
        value |= (byte & 0x7F) << shift
        position, shift = position + 1, shift + 7
        if byte < 0x80:
            return value, position


def _check_crc(name: str, content: bytes, expected: int) -> None:
    crc = compute_crc32c(content)
    masked = ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF  # LevelDB's mask
    if masked != expected:
        raise UserError(f"checkpoint: {name}: crc32c {expected:08x} expected, {masked:08x} found; fetch it again")


def compute_crc32c(content: bytes) -> int:
    """Compute the CRC-32C (Castagnoli) of some bytes."""
    crc = 0xFFFFFFFF
    for byte in content:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def _make_table() -> list[int]:
    table = list(range(256))
    for _ in range(8):
        table = [crc >> 1 ^ (_POLYNOMIAL if crc & 1 else 0) for crc in table]
    return table


_TABLE = _make_table()

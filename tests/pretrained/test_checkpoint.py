"""Checkpoints: crc32c against its published check values, and a table that the test writes by the format's text."""

import struct

import numpy as np
import pytest

from regenre.common.errors import UserError
from regenre.pretrained.checkpoint import compute_crc32c, read_checkpoint

VARIABLES = {"a/bias": np.arange(3, dtype=np.float32), "a/kernel": np.arange(6, dtype=np.float32).reshape(2, 3) / 7}


def varint(value: int) -> bytes:
    head = b""
    while value >= 128:
        head, value = head + bytes([value % 128 + 128]), value // 128
    return head + bytes([value])


def mask(content: bytes) -> int:
    crc = compute_crc32c(content)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) % 2**32


def write_block(entries: dict[bytes, bytes]) -> bytes:
    """A block with one restart point: keys share their first bytes."""
    block, last = b"", b""
    for key, value in entries.items():
        shared = next((n for n in range(len(last), 0, -1) if key.startswith(last[:n])), 0)
        block += varint(shared) + varint(len(key) - shared) + varint(len(value)) + key[shared:] + value
        last = key
    return block + struct.pack("<II", 0, 1)


def seal(block: bytes, compression: int = 0) -> bytes:
    content = block + bytes([compression])
    return content + struct.pack("<I", mask(content))


def write_checkpoint(dtype: int = 1, compression: int = 0) -> tuple[bytes, bytes]:
    """The variables as TensorFlow writes them: bytes of protobuf, spelled out."""
    data, entries = b"", {b"": b"\x08\x01"}
    for name, values in VARIABLES.items():
        dims = b"".join(b"\x12\x02\x08" + bytes([n]) for n in values.shape)
        content = values.tobytes()
        entries[name.encode()] = (
            b"\x08" + varint(dtype) + b"\x12" + varint(len(dims)) + dims + b"\x20" + varint(len(data))
            + b"\x28" + varint(len(content)) + b"\x35" + struct.pack("<I", mask(content))
        )  # fmt: skip
        data += content
    block = write_block(entries)
    table = seal(block, compression)
    root = write_block({b"b": varint(0) + varint(len(block))})
    footer = (varint(0) + varint(0) + varint(len(table)) + varint(len(root))).ljust(40, b"\0")
    return table + seal(root) + footer + bytes.fromhex("57fb808b247547db"), data


@pytest.mark.parametrize(
    ("content", "crc"),
    [(b"123456789", 0xE3069283), (bytes(32), 0x8A9136AA), (b"\xff" * 32, 0x62A8AB43), (bytes(range(32)), 0x46DD794E)],
)
def test_crc32c_has_the_values_of_rfc_3720(content: bytes, crc: int) -> None:
    assert compute_crc32c(content) == crc


def test_variables_are_read_with_name_and_shape() -> None:
    variables = read_checkpoint(*write_checkpoint())
    assert list(variables) == list(VARIABLES)
    for name, values in VARIABLES.items():
        np.testing.assert_array_equal(variables[name], values)


@pytest.mark.parametrize("place", [0, 20, -60])
def test_a_bit_that_changed_in_the_index_is_an_error(place: int) -> None:
    index, data = map(bytearray, write_checkpoint())
    index[place] ^= 1
    with pytest.raises(UserError, match=r"^checkpoint: index: crc32c .* expected, .* found; fetch it again$"):
        read_checkpoint(bytes(index), bytes(data))


def test_a_bit_that_changed_in_the_data_names_the_variable() -> None:
    index, data = map(bytearray, write_checkpoint())
    data[-1] ^= 1
    with pytest.raises(UserError, match=r"^checkpoint: a/kernel: crc32c .* expected, .* found; fetch it again$"):
        read_checkpoint(bytes(index), bytes(data))


@pytest.mark.parametrize(
    ("index", "message"),
    [
        (bytes(100), "the index of a TensorFlow checkpoint expected, another file found"),
        (write_checkpoint(compression=1)[0], "an index without compression expected, type 1 found"),
        (write_checkpoint(dtype=3)[0], "a/bias: float32 in one file expected, type 3 in file 0 found"),
    ],
)
def test_another_file_is_one_line(index: bytes, message: str) -> None:
    with pytest.raises(UserError, match=f"^checkpoint: {message}"):
        read_checkpoint(index, write_checkpoint()[1])

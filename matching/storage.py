"""One file of named arrays: written atomically, mapped from disk, damage detected by checksum.

Every process that maps the file reads the same memory. The file is never written to again, only
replaced; who has it mapped keeps the old one until it lets go.

Layout: eight bytes of magic, the header's length and checksum (little-endian 64 bits each), a JSON
header with a note of the writer's and type, shape, place and CRC-32 of every array, then the
arrays, 64-byte aligned.
"""

from __future__ import annotations

import json
import os
import struct
import tempfile
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

MAGIC = b"MATCHIX2"
ALIGNMENT = 64
DRAFT = ".draft-"
DRAFT_SECONDS = 3_600
_LENGTHS = struct.Struct("<8sQQ")
TYPES = frozenset({"|u1", "|i1", "|b1", "<i4", "<i8", "<u4", "<u8", "<f4"})

Array = NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class Stored:
    """What a file holds: read-only arrays, and the note that was written with them."""

    arrays: dict[str, Array]
    note: str


def write_arrays(path: Path, arrays: Mapping[str, Array], note: str = "") -> None:
    """Write `arrays` so that readers see the old file or the new one, never a part of it.

    When this returns the file survives a loss of power.
    """
    contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    header = json.dumps({"note": note, "arrays": _described(contiguous)}).encode()
    _forget_drafts(path.parent)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f"{DRAFT}{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(_LENGTHS.pack(MAGIC, len(header), crc32(header)))
            file.write(header)
            for array in contiguous.values():
                file.write(b"\0" * (-file.tell() % ALIGNMENT))
                file.write(array.reshape(-1).view(np.uint8).data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        _sync_folder(path.parent)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def map_arrays(path: Path) -> Stored:
    """Map the arrays of a file read-only; ValueError when it is damaged or not such a file."""
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size < _LENGTHS.size:
            raise ValueError(f"{path.name} has {size} bytes, a match index at least 24")
        mapped = np.memmap(file, dtype=np.uint8, mode="r")
    magic, length, checksum = _LENGTHS.unpack(mapped[: _LENGTHS.size].tobytes())
    header = mapped[_LENGTHS.size : _LENGTHS.size + length].tobytes()
    if magic != MAGIC or crc32(header) != checksum:
        raise ValueError(f"{path.name} is no match index of this version, or its header is damaged")
    described = json.loads(header)
    body = mapped[_aligned(_LENGTHS.size + length) :]
    with ThreadPoolExecutor(os.cpu_count()) as threads:  # checksums free the interpreter's lock
        found = threads.map(lambda item: _array(path, body, *item), described["arrays"].items())
        return Stored(dict(zip(described["arrays"], found, strict=True)), described["note"])


def _described(arrays: Mapping[str, Array]) -> dict[str, dict[str, Any]]:
    described, at = {}, 0
    for name, array in arrays.items():
        described[name] = {
            "type": array.dtype.str,
            "shape": array.shape,
            "at": at,
            "crc": crc32(array.reshape(-1).view(np.uint8).data),
        }
        at = _aligned(at + array.nbytes)
    return described


def _array(path: Path, mapped: Array, name: str, entry: Mapping[str, Any]) -> Array:
    if entry["type"] not in TYPES:
        raise ValueError(f"{path.name}: {name} has the unknown type {entry['type']}")
    kind = np.dtype(entry["type"])
    size = int(np.prod(entry["shape"], dtype=np.int64)) * kind.itemsize
    stored = mapped[entry["at"] : entry["at"] + size]
    if len(stored) != size or crc32(stored.data) != entry["crc"]:
        raise ValueError(f"{path.name}: {name} is damaged, its checksum differs")
    array: Array = np.asarray(stored).view(kind).reshape(entry["shape"])
    return array


def _aligned(position: int) -> int:
    return position + (-position % ALIGNMENT)


def _forget_drafts(folder: Path) -> None:
    """Remove what writers left that were killed."""
    for draft in folder.glob(f"{DRAFT}*"):
        with suppress(FileNotFoundError):
            if time.time() - draft.stat().st_mtime > DRAFT_SECONDS:
                draft.unlink()


def _sync_folder(folder: Path) -> None:
    """Make a rename in the folder last."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

"""Looking at the content of backups that are files: an old version of an object, a copy of a cache, the first block of a volume."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import Any

import botocore.exceptions

from groundwork.operations.account import StackAccount, code_of, plain_errors
from groundwork.operations.backups import Backup
from groundwork.operations.errors import CommandFailedError
from groundwork.operations.restoring.checks import Check

_CHUNK = 1_048_576
MOST_READ = 1_073_741_824
"""Bytes of an object that is read for a rehearsal."""
_MOST_SUMMED = 67_108_864
"""Bytes of a copy whose checksum is computed; a larger one is only held against its form. Python does some 10 MiB a second."""
_HEAD = 65_536


def read_version(account: StackAccount, backup: Backup) -> list[Check]:
    """Read an object's version to its end and keep nothing of it. CommandFailedError where it cannot be read, as without its key."""
    count = sum(map(len, _pieces(account, backup)))
    complete = count == backup.size
    # botocore holds what it reads against the checksum that S3 keeps with the object, and raises where they differ:
    # https://docs.aws.amazon.com/sdkref/latest/guide/feature-dataintegrity.html
    says = (
        f"{count:,} bytes, decrypted, and as its checksum says" if complete else f"{count:,} of {backup.size:,} bytes"
    )
    return [Check("read to its end", complete, says)]


def _pieces(account: StackAccount, backup: Backup) -> Iterator[bytes]:
    version = {"VersionId": backup.version} if backup.version else {}
    with plain_errors(f"reading {backup.id} of {backup.of.id}"):
        try:
            said = account.client("s3").get_object(
                Bucket=backup.of.id, Key=backup.id, ChecksumMode="ENABLED", **version
            )
        except botocore.exceptions.ClientError as error:
            # https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
            if code_of(error) == "InvalidObjectState":
                raise CommandFailedError(
                    "it is archived, and hours away: aws s3api restore-object first, or choose a shorter lifecycle"
                ) from None
            raise
        try:
            yield from said["Body"].iter_chunks(_CHUNK)
        except botocore.exceptions.FlexibleChecksumError as error:
            raise CommandFailedError(f"what is read is not what was written: {error}") from None


# A copy of a cache: https://github.com/redis/redis/blob/7.2/src/rdb.c

_END = 0xFF
_RESIZE = 0xFB
_SELECT = 0xFE
_AUXILIARY = 0xFA


def read_cache_copy(account: StackAccount, backup: Backup) -> list[Check]:
    """Read a copy of a cache, and hold it against the form and the checksum that Redis gives it."""
    return list(judge_rdb(_pieces(account, backup)))


def judge_rdb(pieces: Iterable[bytes]) -> Iterator[Check]:
    """Yield what a snapshot of Redis or Valkey says of itself. However large it is, its beginning and its end alone are kept."""
    head, end = b"", b""
    size = found = last = 0
    for piece in pieces:
        head += piece[: _HEAD - len(head)]
        size += len(piece)
        # The last eight bytes are the checksum, of all before them.
        before, end = (end + piece)[:-8], (end + piece)[-8:]
        if before:
            last = before[-1]
            found = crc64(before, found) if size <= _MOST_SUMMED else 0
    # Nine letters: a name, which Valkey 9 changed, and a version.
    if not (head.startswith((b"REDIS", b"VALKEY")) and size > 18 and last == _END):
        yield Check("form", False, f"{size:,} bytes, and no whole snapshot of Redis or Valkey")
        return
    version = head[:9].lstrip(b"REDISVALKY").decode("ascii", "replace")
    yield Check("form", True, f"a whole snapshot of {size:,} bytes, version {version}")
    told = struct.unpack("<Q", end)[0]
    if told == 0:
        yield Check("checksum", None, "it has none (rdbchecksum no)")
    elif size > _MOST_SUMMED:
        yield Check("checksum", None, f"more than {_MOST_SUMMED:,} bytes, and not computed")
    else:
        yield Check(
            "checksum", found == told, "it is right" if found == told else "it is wrong: the snapshot is damaged"
        )
    keys = _keys(head)
    yield Check(
        "keys", None if keys is None else keys > 0, "it does not say how many" if keys is None else f"{keys:,} keys"
    )


def crc64(content: bytes, found: int = 0) -> int:
    """Return the checksum that Redis keeps at a snapshot's end (CRC-64 of Jones, reflected), of what goes on after ``found``:
    https://github.com/redis/redis/blob/7.2/src/crc64.c"""
    for byte in content:
        found = _CRC[(found ^ byte) & 0xFF] ^ (found >> 8)
    return found


def _crc_row(value: int) -> int:
    for _ in range(8):
        value = (value >> 1) ^ (0x95AC9329AC4BC9B5 if value & 1 else 0)
    return value


_CRC = [_crc_row(value) for value in range(256)]


def _keys(content: bytes) -> int | None:
    """Return how many keys the databases say that they have, by what stands before the first key of each; only the first database can be
    found without reading all keys. None where that cannot be read."""
    at = 9
    try:
        while content[at] == _AUXILIARY:
            # A name and a value.
            at = _after_string(content, _after_string(content, at + 1))
        if content[at] == _END:
            return 0
        if content[at] != _SELECT:
            return None
        _, at = _length(content, at + 1)
        if content[at] != _RESIZE:
            return None
        count, _ = _length(content, at + 1)
    except (IndexError, ValueError):
        return None
    return count


def _length(content: bytes, at: int) -> tuple[int, int]:
    first = content[at]
    kind, low = first >> 6, first & 0x3F
    if kind == 0:
        return low, at + 1
    if kind == 1:
        return (low << 8) | content[at + 1], at + 2
    if first == 0x80:
        return int.from_bytes(content[at + 1 : at + 5], "big"), at + 5
    if first == 0x81:
        return int.from_bytes(content[at + 1 : at + 9], "big"), at + 9
    raise ValueError(first)


def _after_string(content: bytes, at: int) -> int:
    first = content[at]
    if first >> 6 == 3:
        # Small numbers are written as such: 8, 16 or 32 bits.
        widths = {0: 1, 1: 2, 2: 4}
        if (first & 0x3F) not in widths:
            raise ValueError(first)
        return at + 1 + widths[first & 0x3F]
    length, after = _length(content, at)
    return after + length


# The first block of a volume: https://docs.kernel.org/filesystems/xfs/xfs-self-describing-metadata.html, and xfs_format.h there.


def read_first_block(account: StackAccount, snapshot: str) -> list[Check]:
    """Read the first block of a volume's snapshot without a volume, and say which file system begins there.

    https://docs.aws.amazon.com/ebs/latest/userguide/ebs-accessing-snapshot.html
    """
    ebs = account.client("ebs")
    with plain_errors(f"reading the first block of {snapshot}"):
        blocks: list[dict[str, Any]] = ebs.list_snapshot_blocks(SnapshotId=snapshot, MaxResults=100)["Blocks"]
        first = next((one for one in blocks if one["BlockIndex"] == 0), None)
        if first is None:
            return [Check("file system", False, "nothing was ever written to its beginning")]
        said = ebs.get_snapshot_block(SnapshotId=snapshot, BlockIndex=0, BlockToken=first["BlockToken"])
        content = said["BlockData"].read()
    return [judge_superblock(content)]


def judge_superblock(content: bytes) -> Check:
    """Return which file system begins with these bytes."""
    if content[:4] != b"XFSB":
        return Check("file system", False, "no XFS begins there, as the instance makes one at its first start")
    block, blocks = struct.unpack(">IQ", content[4:16])
    (free,) = struct.unpack(">Q", content[144:152])
    label = content[108:120].rstrip(b"\0").decode("ascii", "replace")
    gib = block * blocks / 2**30
    used = max(0, blocks - free) * block / 2**30
    return Check("file system", label == "data", f'XFS "{label}", {gib:.1f} GiB, of which about {used:.1f} are used')

"""When a certificate ends: the one field of X.509 that a rule reads, out of PEM text (RFC 5280, section 4.1; RFC 7468)."""

from __future__ import annotations

import base64
import binascii
import datetime
import re
from collections.abc import Iterator

_PEM = re.compile(r"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", re.DOTALL)
_SEQUENCE, _VERSION = 0x30, 0xA0
_FORMATS = {0x17: "%y%m%d%H%M%SZ", 0x18: "%Y%m%d%H%M%SZ"}
"""UTCTime, whose years from 50 on are of the last century, and GeneralizedTime."""


def last_day(pem: str) -> datetime.date:
    """Return the last day on which the first certificate of a text is valid; ValueError where the text holds none that
    can be read."""
    found = _PEM.search(pem)
    if found is None:
        raise ValueError("it holds no certificate in PEM")
    try:
        certificate = base64.b64decode("".join(found[1].split()), validate=True)
    except binascii.Error:
        raise ValueError("it is not Base64") from None
    fields = [one for one in _elements(_inside(_inside(certificate))) if one[0] != _VERSION]
    if len(fields) < 4 or fields[3][0] != _SEQUENCE:
        raise ValueError("it has no validity")
    times = list(_elements(fields[3][1]))
    if len(times) != 2 or times[1][0] not in _FORMATS:
        raise ValueError("its validity is not two times")
    tag, text = times[1]
    moment = datetime.datetime.strptime(text.decode("ascii"), _FORMATS[tag]).replace(tzinfo=datetime.UTC)
    century = -100 if tag == min(_FORMATS) and moment.year >= 2050 else 0
    return moment.date().replace(year=moment.year + century)


def _inside(der: bytes) -> bytes:
    """Return the content of a sequence."""
    for tag, content in _elements(der):
        if tag == _SEQUENCE:
            return content
        break
    raise ValueError("it is not a certificate")


def _elements(der: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the elements of a DER text one after the other, each with its tag."""
    at = 0
    while at < len(der):
        head = der[at : at + 2]
        if len(head) < 2:
            raise ValueError("it is cut off")
        tag, length = head
        at += 2
        if length & 0x80:
            size = length & 0x7F
            length = int.from_bytes(der[at : at + size], "big")
            at += size
        if at + length > len(der):
            raise ValueError("it is cut off")
        yield tag, der[at : at + length]
        at += length

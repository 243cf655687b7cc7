"""The end of a certificate, read out of PEM without a library, against the library that makes certificates."""

from __future__ import annotations

import datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.x509.oid import NameOID

from guardrails.certificates import last_day

NAME = x509.Name(
    [x509.NameAttribute(NameOID.COMMON_NAME, "shop.example.com"), x509.NameAttribute(NameOID.COUNTRY_NAME, "NP")]
)
KEY = ed25519.Ed25519PrivateKey.generate()


def pem_that_ends(day: datetime.date) -> str:
    end = datetime.datetime.combine(day, datetime.time(23, 59, 59))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(NAME)
        .issuer_name(NAME)
        .public_key(KEY.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(end - datetime.timedelta(days=400))
        .not_valid_after(end)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("shop.example.com")]), critical=False)
        .sign(KEY, None)
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def test_the_last_day_is_read_of_every_century_and_form_of_time() -> None:
    days = [datetime.date(year, 2, 28) for year in range(1955, 2120, 3)]
    assert [last_day(pem_that_ends(day)) for day in days] == days


def test_of_a_chain_the_first_certificate_counts() -> None:
    first, second = datetime.date(2027, 3, 1), datetime.date(2040, 1, 1)
    assert last_day(f"subject=shop\n{pem_that_ends(first)}{pem_that_ends(second)}") == first


def outcome(pem: str) -> str:
    try:
        return str(last_day(pem))
    except ValueError as error:
        return str(error)


def test_whatever_is_cut_off_or_changed_is_either_read_or_said_to_be_unreadable() -> None:
    head, *body, foot = pem_that_ends(datetime.date(2027, 3, 1)).strip().split("\n")
    text = "".join(body)
    damaged = [one for size in range(0, len(text), 5) for one in (text[:size], f"{text[:size]}AAAA{text[size + 4 :]}")]
    outcomes = {outcome(f"{head}\n{one}\n{foot}") for one in damaged}
    assert {"2027-03-01", "it is cut off", "it is not Base64"} <= outcomes


@pytest.mark.parametrize("text", ["", "no certificate", "-----BEGIN CERTIFICATE-----\n*\n-----END CERTIFICATE-----"])
def test_what_is_no_certificate_is_said_to_be_none(text: str) -> None:
    with pytest.raises(ValueError, match="it "):
        last_day(text)

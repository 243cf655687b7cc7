"""References of images, taken apart."""

from __future__ import annotations

from groundwork.settings.images import parts_of

DIGEST = f"sha256:{'a' * 64}"


def test_a_reference_has_a_name_and_where_it_says_so_a_tag_and_a_digest() -> None:
    references = {
        "redis": ("redis", "", ""),
        "redis:7.2-alpine": ("redis", "7.2-alpine", ""),
        f"redis@{DIGEST}": ("redis", "", DIGEST),
        f"ghcr.io/shop/web:1.4.0@{DIGEST}": ("ghcr.io/shop/web", "1.4.0", DIGEST),
        "localhost:5000/web": ("localhost:5000/web", "", ""),
        "localhost:5000/shop/web:2": ("localhost:5000/shop/web", "2", ""),
        "": ("", "", ""),
    }
    assert {reference: tuple(parts_of(reference)) for reference in references} == references

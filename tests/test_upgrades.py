"""A stack that the last release built goes on with this version, and loses no data."""

from __future__ import annotations

from dataclasses import replace

from groundwork.preview.snapshot import Resource, Snapshot
from tests.stacks import ROOT, STACKS, snapshot_of
from tests.test_walk import said, without
from tests.upgrades import accepted, lost, problems, read, reduced, releases, upgraded

DATABASE = "shop-database-primary"


def reasons(base: Snapshot, head: Snapshot) -> dict[str, str]:
    """By name."""
    return {urn.rpartition("::")[2]: reason for urn, reason in lost(reduced(base), head)}


def renamed(name: str, *, aliases: bool) -> Snapshot:
    """The stack prod as another version would build it, with another name for one resource."""

    def other(one: Resource) -> Resource:
        if one.name != name:
            return one
        options = {**one.options, "aliases": [f"name={name}"]} if aliases else one.options
        return replace(one, urn=f"{one.urn}-new", name=f"{name}-new", options=options)

    base = snapshot_of("prod")
    return replace(base, resources=tuple(map(other, base.resources)))


def test_no_stack_of_the_last_release_loses_what_holds_data() -> None:
    """Where this fails: an alias for what goes by another name, the old value for what forces a replacement, or, in a major version
    and with a way for those who have data there, a row in tests/releases/accepted.yaml and a section in docs/upgrading.md."""
    kept = read(releases()[-1])
    assert len(kept) > 10
    assert list(problems(kept.items())) == []


def test_what_goes_without_an_alias_and_what_is_replaced_is_found() -> None:
    base = snapshot_of("prod")
    assert reasons(base, base) == {}
    assert set(reasons(base, without("shop-images")(base))) == {"shop-images"}
    assert (
        "give what stands in its place an alias" in reasons(base, renamed("shop-images", aliases=False))["shop-images"]
    )
    assert reasons(base, renamed("shop-images", aliases=True)) == {}
    assert reasons(base, said(DATABASE, username="app")(base)) == {DATABASE: "is replaced for username"}
    assert reasons(base, said(DATABASE, instanceClass="db.m7g.large")(base)) == {}
    # What forces it may be what it is made from.
    subnets = next(one for one in base.of_type("aws:elasticache/subnetGroup:SubnetGroup"))
    other = replace(subnets, inputs={**subnets.inputs, "name": "other"})
    head = replace(base, resources=tuple(other if one is subnets else one for one in base.resources))
    assert reasons(base, head) == {"shop-cache-group": "is replaced for subnetGroupName"}
    assert DATABASE in reasons(base, replace(base, region="us-west-2"))


def test_a_stack_file_of_the_release_is_built_as_it_was_then() -> None:
    """Today's may say something else, which is the example's change and not the version's."""
    kept = read(releases()[-1])["dev"]
    other = upgraded("dev", {**kept, "file": kept["file"].replace("images", "photos")})
    assert any(one.name == "shop-photos" for one in other.resources)
    assert [urn.rpartition("::")[2] for urn, _ in lost(Snapshot.from_json(kept["snapshot"]), other)] == ["shop-images"]


def test_what_is_taken_all_the_same_is_still_lost_and_told_to_users() -> None:
    kept = read(releases()[-1])
    told = (ROOT / "docs" / "upgrading.md").read_text(encoding="utf-8")
    for stack, rows in accepted().items():
        assert stack in STACKS
        found = {urn for urn, _ in lost(Snapshot.from_json(kept[stack]["snapshot"]), upgraded(stack, kept[stack]))}
        assert rows.keys() <= found
        assert all(len(why) > 20 for why in rows.values())
        assert all(urn.rpartition("::")[2] in told for urn in rows)

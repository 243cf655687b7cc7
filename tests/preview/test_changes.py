"""What changes between two snapshots of a stack: which resource is which, how it differs, what is replaced and what is lost."""

from __future__ import annotations

import datetime
import json
import re
from dataclasses import replace
from typing import Any

import jsonschema_rs

from groundwork.preview.changes import interruptions
from groundwork.preview.changes.compare import compare
from groundwork.preview.changes.holding import gravity, table
from groundwork.preview.changes.model import Action, Change, Changes, DifferenceKind, Forces
from groundwork.preview.changes.text import lines
from groundwork.preview.changes.values import Comparison
from groundwork.preview.reading import read
from groundwork.preview.reports.markdown import markdown
from groundwork.preview.reports.page import html
from groundwork.preview.reports.report import Report
from groundwork.preview.snapshot import Resource, Snapshot, to_marker
from groundwork.preview.terraform.names import terraform_type
from groundwork.preview.text import plain
from groundwork.preview.verdicts import judge
from guardrails.view import Opaque
from tests.policies.test_provider_names import resource_properties
from tests.requirements import proves
from tests.stacks import ROOT, snapshot_of
from tests.test_stacks_side_by_side import built
from tests.test_walk import edited, said, without

DATABASE = "shop-database-primary"
DATABASE_TYPE = "aws:rds/instance:Instance"
TODAY = datetime.date(2026, 12, 1)
SCHEMA = jsonschema_rs.Draft202012Validator(
    json.loads((ROOT / "docs" / "changes.schema.json").read_text(encoding="utf-8"))
)


def one(changes: Changes, name: str, type_: str = "") -> Change:
    [found] = [change for change in changes.changes if change.name == name and change.type.endswith(type_)]
    return found


def shown(changes: Changes, width: int | None = 80) -> str:
    return plain(lines(changes, width))


def resource(name: str, type_: str = "aws:sns/topic:Topic", parent: str | None = None, **facts: Any) -> Resource:
    chain = parent.split("::")[2] + "$" if parent and not parent.split("::")[2].startswith("pulumi:") else ""
    urn = f"urn:pulumi:dev::shop::{chain}{type_}::{name}"
    custom = not type_.startswith(("groundwork:", "pulumi:"))
    return Resource(urn, type_, name, custom, parent, **{"inputs": {}, "outputs": {}, **facts})


def snapshot(*resources: Resource, **facts: Any) -> Snapshot:
    return Snapshot(
        **{
            "project": "shop",
            "stack": "dev",
            "region": "eu-central-1",
            "unknowns": False,
            "settings": {},
            "outputs": {},
        }
        | facts
        | {"resources": resources}
    )


class TestValues:
    DIFFERENT = (
        ({"size": 1}, {"size": 2}, [("size", "changed", 1, 2)]),
        (
            {"tags": {"a": "1", "b": "2"}},
            {"tags": {"a": "1", "c": "3"}},
            [("tags.c", "added", None, "3"), ("tags.b", "removed", "2", None)],
        ),
        ({"tags": {"a/b": "1"}}, {"tags": {"a/b": "2"}}, [('tags["a/b"]', "changed", "1", "2")]),
        ({"ids": ["a", "b"]}, {"ids": ["b", "c"]}, [("ids[]", "removed", "a", None), ("ids[]", "added", None, "c")]),
        ({"ids": ["a", "b"]}, {"ids": ["b", "a"]}, [("ids", "reordered", ["a", "b"], ["b", "a"])]),
        (
            {"rules": [{"name": "x", "port": 1}, {"name": "y", "port": 2}]},
            {"rules": [{"name": "y", "port": 3}, {"name": "x", "port": 1}]},
            [("rules[y].port", "changed", 2, 3)],
        ),
        ({"rules": [{"port": 1}, {"port": 2}]}, {"rules": [{"port": 2}]}, [("rules[0]", "removed", {"port": 1}, None)]),
        (
            {"policy": json.dumps({"Statement": [{"Sid": "Read", "Action": ["s3:GetObject"]}]})},
            {"policy": json.dumps({"Statement": [{"Sid": "Read", "Action": "s3:*"}]})},
            [("policy.Statement[Read].Action", "changed", ["s3:GetObject"], "s3:*")],
        ),
        ({"value": Opaque.UNKNOWN}, {"value": "x"}, [("value", "changed", Opaque.UNKNOWN, "x")]),
        ({"password": Opaque.SECRET}, {}, [("password", "removed", Opaque.SECRET, None)]),
    )
    SAME = (
        ({"port": 5432}, {"port": "5432"}),
        ({"on": True}, {"on": "true"}),
        ({"policy": '{"Statement": [{"Action": ["s3:Get*"]}]}'}, {"policy": '{ "Statement":[{"Action":"s3:Get*"}] }'}),
        ({"policy": '{"Version": "2012-10-17"}'}, {"policy": {"Version": "2012-10-17"}}),
        ({"a": 1, "b": None}, {"a": 1}),
    )

    def test_values_differ_by_their_parts(self) -> None:
        for before, after, expected in self.DIFFERENT:
            found = list(Comparison().differences(before, after))
            assert [(part.path, part.kind, part.before, part.after) for part in found] == expected, (before, after)

    def test_what_means_the_same_to_the_provider_is_no_difference(self) -> None:
        for before, after in self.SAME:
            assert list(Comparison().differences(before, after)) == []
            assert list(Comparison().differences(after, before)) == []

    def test_secrets_are_counted_and_never_shown(self) -> None:
        comparison = Comparison()
        before = {"a": Opaque.SECRET, "list": [Opaque.SECRET, {"b": Opaque.SECRET}], "kept": "x"}
        assert list(comparison.differences(before, before)) == []
        assert comparison.hidden == 3
        hidden = {
            "environment": [
                {"name": "DB_PASSWORD", "value": "hunter2hunter2"},
                {"name": "API_TOKEN", "value": "hunter2"},
            ],
            "masterPassword": "hunter2",
            "userData": "ZXhwb3J0IERCX1BBU1NXT1JEPWh1bnRlcjJodW50ZXIyCg==",
            "url": "postgres://app:hunter2@db.example.com/app",
            "definitions": json.dumps([{"environment": [{"name": "APP_SECRET", "value": "hunter2"}]}]),
            "sensitive": {"deep": ["hunter2"]},
        }
        sides = (({}, hidden), (hidden, {}), (hidden, dict.fromkeys(hidden, "other")))
        for before, after in sides:
            found = list(Comparison().differences(before, after, sensitive=frozenset({"sensitive"})))
            assert len(found) == len(hidden)
            assert "hunter2" not in json.dumps([part.to_json() for part in found], default=to_marker)

    def test_user_data_is_shown_as_the_script_that_it_is(self) -> None:
        [found] = Comparison().differences({"userData": "ZWNobyBhCg=="}, {"userData": "ZWNobyBiCg=="})
        assert (found.before, found.after) == ("echo a\n", "echo b\n")


class TestWhichIsWhich:
    def test_an_alias_leads_to_what_stands(self) -> None:
        old, new = resource("old"), resource("new", options={"aliases": ["name=old"]})
        changes = compare(snapshot(old), snapshot(new))
        assert (changes.changes, changes.unchanged) == ((), 1)
        assert [change.action for change in compare(snapshot(old), snapshot(resource("new"))).changes] == [
            Action.DELETE,
            Action.CREATE,
        ]

    def test_what_is_below_an_aliased_parent_keeps_what_stands_also_where_its_name_begins_with_the_parents(
        self,
    ) -> None:
        old = resource("old", "groundwork:x:Y", options={})
        new = resource("new", "groundwork:x:Z", options={"aliases": ["name=old, type=groundwork:x:Y"]})
        before = snapshot(old, resource("old-topic", parent=old.urn), resource("other", parent=old.urn))
        after = snapshot(new, resource("new-topic", parent=new.urn), resource("other", parent=new.urn))
        changes = compare(before, after)
        assert (changes.changes, changes.unchanged) == ((), 2)

    def test_an_alias_may_name_another_parent(self) -> None:
        old, new = resource("one", "groundwork:x:Y"), resource("two", "groundwork:x:Y")
        before = snapshot(old, new, resource("topic", parent=old.urn))
        moved = resource("topic", parent=new.urn, options={"aliases": [f"parent={old.urn}"]})
        assert compare(before, snapshot(old, new, moved)).unchanged == 1

    def test_what_stands_is_not_taken_twice(self) -> None:
        old = resource("a")
        changes = compare(snapshot(old), snapshot(old, resource("b", options={"aliases": ["name=a"]})))
        assert [(change.action, change.name) for change in changes.changes] == [(Action.CREATE, "b")]

    def test_a_renamed_key_is_recognised_as_such(self) -> None:
        bucket = "aws:s3/bucket:Bucket"
        before = snapshot(resource("shop-images", bucket), settings={"storage": {"images": {"purpose": "media"}}})
        after = snapshot(resource("shop-media", bucket), settings={"storage": {"media": {"purpose": "media"}}})
        [renaming] = compare(before, after).renamed
        assert (renaming.before, renaming.after) == ("storage.images", "storage.media")
        assert [[urn.rpartition("::")[2] for urn in pair] for pair in renaming.pairs] == [["shop-images", "shop-media"]]
        assert "storage.images goes by another name, storage.media" in shown(compare(before, after))
        other = replace(after, settings={"storage": {"media": {"purpose": "backups", "lock_days": 7, "cdn": True}}})
        assert compare(before, other).renamed == ()

    def test_a_renamed_component_is_recognised_where_no_settings_are_known(self) -> None:
        old, new = resource("shop-a", "groundwork:x:Y"), resource("shop-b", "groundwork:x:Y")
        before = snapshot(old, resource("shop-a-topic", parent=old.urn))
        after = snapshot(new, resource("shop-b-topic", parent=new.urn))
        [renaming] = compare(before, after).renamed
        assert (renaming.before, renaming.after) == ("shop-a", "shop-b")


class TestWhatIsReplaced:
    def test_the_property_that_forces_it_is_named_and_so_is_what_is_made_from_it(self) -> None:
        base = snapshot_of("prod")
        changes = compare(base, said(DATABASE, username="app")(base))
        found = one(changes, DATABASE, "Instance")
        assert found.action is Action.REPLACE
        assert [(part.path, part.before, part.after) for part in found.forcing] == [("username", "groundwork", "app")]
        version = one(changes, "shop-database-credentials", "SecretVersion")
        assert version.action is Action.REPLACE
        assert [(part.because, part.after) for part in version.forcing] == [(DATABASE, Opaque.UNKNOWN)]

    def test_what_is_made_from_a_name_that_the_program_says_stays(self) -> None:
        """A replaced repository under its own name changes nothing for whoever knows it by that name."""
        queue = resource(
            "q",
            "aws:sqs/queue:Queue",
            inputs={"name": "q", "fifoQueue": True},
            outputs={"name": "q", "id": "https://q"},
        )
        by_name = resource("by-name", inputs={"displayName": "q"}, property_dependencies={"displayName": (queue.urn,)})
        by_id = resource(
            "by-id", inputs={"displayName": "https://q"}, property_dependencies={"displayName": (queue.urn,)}
        )
        base = snapshot(queue, by_name, by_id)
        changes = compare(base, said("q", fifoQueue=False)(base))
        assert {change.name: change.action for change in changes.changes} == {
            "q": Action.REPLACE,
            "by-id": Action.UPDATE,
        }

    def test_what_the_program_does_not_mind_is_no_change(self) -> None:
        ignoring = {"ignoreChanges": ["size", "tags"]}
        before = resource("v", "aws:ebs/volume:Volume", inputs={"size": 1, "tags": {"a": "b"}})
        after = replace(before, inputs={"size": 2, "tags": {"a": "c"}}, options=ignoring)
        assert compare(snapshot(before), snapshot(after)).changes == ()

    def test_the_program_may_want_a_replacement(self) -> None:
        before = resource("t", inputs={"displayName": "a"})
        after = replace(before, inputs={"displayName": "b"}, options={"replaceOnChanges": ["displayName"]})
        [change] = compare(snapshot(before), snapshot(after)).changes
        assert (change.action, change.forcing[0].forces) == (Action.REPLACE, Forces.YES)


class TestWhatIsLost:
    def test_it_stands_first_and_says_what_is_lost_and_what_to_do_instead(self) -> None:
        base = snapshot_of("prod")
        head = without("shop-images")(said(DATABASE, username="app")(base))
        changes = compare(base, head)
        assert {(change.name, change.action) for change in changes.losses} == {
            (DATABASE, Action.REPLACE),
            ("shop-images", Action.DELETE),
        }
        assert changes.changes[: len(changes.losses)] == tuple(changes.losses)
        # The database before what holds less, though it comes later in the tree.
        assert [change.name for change in changes.losses] == [DATABASE, "shop-images"]
        assert [
            gravity(f"aws:{one}")
            for one in ("rds/instance:Instance", "s3/bucket:Bucket", "secretsmanager/secret:Secret")
        ] == sorted(
            gravity(f"aws:{one}")
            for one in ("s3/bucket:Bucket", "secretsmanager/secret:Secret", "rds/instance:Instance")
        )
        assert gravity("aws:cloudwatch/logGroup:LogGroup") > gravity("aws:secretsmanager/secret:Secret")
        text = shown(changes)
        head_line = text.splitlines().index("DATA IS LOST WITH THESE 2 CHANGES:")
        assert head_line < text.index("Resources:")
        for part in ("all its data", "RDS takes a last snapshot", "take the change back", "every object in it"):
            assert part in " ".join(text.split())
        assert next(line.parts[0][1] for line in lines(changes, 80) if "DATA IS LOST" in line.plain) == "bold red"

    def test_what_stays_in_the_account_is_not_lost(self) -> None:
        kept = resource("logs", "aws:cloudwatch/logGroup:LogGroup", options={"retainOnDelete": True})
        [change] = compare(snapshot(kept), snapshot()).changes
        assert (change.retained, change.loss) == (True, None)
        [change] = compare(snapshot(replace(kept, options={})), snapshot()).changes
        assert change.loss

    def test_a_replica_is_a_copy_and_an_update_loses_nothing(self) -> None:
        type_ = "aws:rds/instance:Instance"
        replica = resource("r", type_, inputs={"replicateSourceDb": "p"})
        [change] = compare(snapshot(replica), snapshot()).changes
        assert change.loss
        assert "replica" in change.loss.lost
        [change] = compare(
            snapshot(replica), snapshot(replace(replica, inputs={**replica.inputs, "instanceClass": "x"}))
        ).changes
        assert (change.action, change.loss) == (Action.UPDATE, None)

    def test_every_type_that_components_build_is_known_to_hold_data_or_not_to(self) -> None:
        """Where this fails, look what goes with the type, and put it into groundwork/preview/changes/holding.yaml."""
        of_clusters = {one.type for one in snapshot_of("examples/mini-facebook/prod").resources if one.custom}
        types, none = table()["types"], table()["none"]
        known = {*types, *none}
        assert {type_ for type_ in {*built(), *of_clusters} - known if not type_.startswith("pulumi:")} == set()
        assert len(known) == len(types) + len(none)
        for type_, row in types.items():
            assert {"holds", "lost", "instead"} <= row.keys(), type_
            assert row["instead"].keys() == {"replace", "delete"}, type_
        # A typing error in a type's name would hide a loss.
        unknown = {type_ for type_ in known if type_.startswith("aws:") and terraform_type(type_) is None}
        assert unknown - {"aws:cloudwatch/alarmMuteRule:AlarmMuteRule"} == set()


class TestWhatIsInterrupted:
    def changed(self, type_: str, before: dict[str, Any], **changes: Any) -> Change:
        after = {**before, **changes}
        found = compare(snapshot(resource("x", type_, inputs=before)), snapshot(resource("x", type_, inputs=after)))
        return one(found, "x")

    def test_it_says_when_and_what_it_is_like(self) -> None:
        database = {"instanceClass": "db.t4g.small", "maintenanceWindow": "sun:03:30-sun:04:30", "allocatedStorage": 20}
        larger = {"instanceClass": "db.t4g.medium"}
        alone = self.changed(DATABASE_TYPE, database, **larger).interruption
        assert alone.startswith(
            "in its maintenance window (sun:03:30-sun:04:30 UTC): the database is down for some minutes"
        )
        twice = self.changed(DATABASE_TYPE, {**database, "multiAz": True, "applyImmediately": True}, **larger)
        assert twice.interruption.startswith("at once: the standby takes over")
        several = self.changed(DATABASE_TYPE, database, engineVersion="18.2", port=5433, **larger).interruption
        assert [said.partition(":")[0] for said in several.split("; ")] == [
            "in its maintenance window (sun",
            "in its maintenance window (sun",
            "at once",
        ]
        assert self.changed(DATABASE_TYPE, database, allocatedStorage=40).interruption == ""

    def test_what_is_replaced_is_told_as_that(self) -> None:
        replaced = self.changed(DATABASE_TYPE, {"username": "a", "instanceClass": "b"}, username="c", instanceClass="d")
        assert (replaced.action, replaced.interruption) == (Action.REPLACE, "")

    def test_it_comes_before_other_updates_and_every_face_says_it(self) -> None:
        topics = [resource("a", inputs={"displayName": name}) for name in "xy"]
        before, after = (
            snapshot(
                topic,
                resource(
                    "group",
                    "aws:ecs/service:Service",
                    inputs={"deploymentMinimumHealthyPercent": 0, "taskDefinition": name},
                ),
            )
            for topic, name in zip(topics, "12", strict=True)
        )
        changes = compare(before, after)
        assert [change.name for change in changes.changes] == ["group", "a"]
        assert "interrupts  at once: its copies stop before new ones start" in shown(changes)
        assert "of the updates 1 interrupts what is updated" in shown(changes)
        SCHEMA.validate(changes.to_json())
        report = Report("dev", after, judge(after, TODAY), changes)
        assert "| Interrupted | **`group`** |" in markdown(report)
        assert r"**interrupts** at once\: its copies stop" in markdown(report)
        assert "Interrupts at once: its copies stop before new ones start." in html(report)

    def test_a_template_of_instances_has_another_version_after_each_change_of_what_it_launches(self) -> None:
        def group(number: int, ignored: tuple[str, ...] = (), **template: Any) -> Snapshot:
            made = resource(
                "t", "aws:ec2/launchTemplate:LaunchTemplate", inputs=template, outputs={"latestVersion": number}
            )
            inputs = {
                "maxSize": 1,
                "launchTemplate": {"id": "lt-1", "version": str(number)},
                "instanceRefresh": {"preferences": {"minHealthyPercentage": 0}},
            }
            on = {"launchTemplate": (made.urn,)}
            options = {"ignoreChanges": list(ignored)}
            group = resource(
                "g", "aws:autoscaling/group:Group", inputs=inputs, property_dependencies=on, options=options
            )
            return snapshot(made, group)

        small, tagged = {"instanceType": "t4g.small"}, {"instanceType": "t4g.small", "tags": {"a": "b"}}
        larger = compare(group(1, **small), group(1, instanceType="t4g.large"))
        [version] = one(larger, "g").properties
        assert (version.path, version.after, version.because) == ("launchTemplate.version", Opaque.UNKNOWN, "t")
        assert one(larger, "g").interruption.startswith("at once: its only instance ends before the new one starts")
        minded = compare(group(1, **small), group(1, ("launchTemplate",), instanceType="t4g.large"))
        assert [change.name for change in minded.changes] == ["t"]
        # What stands may be at its seventh, and tags make none.
        assert compare(group(7, **small), group(1, **small)).changes == ()
        assert [change.name for change in compare(group(7, **small), group(1, **tagged)).changes] == ["t"]

    def test_the_table_names_what_the_providers_have(self) -> None:
        rows = {type_: row for type_, row in interruptions._table().items() if type_.startswith("aws:")}
        for type_, row in rows.items():
            named = {name for rule in row["changes"] for name in rule["properties"]}
            named |= {path.partition(".")[0] for rule in row["changes"] for path in rule.get("where", {})}
            named |= {row[key] for key in ("at once", "window") if key in row}
            assert named <= set(resource_properties(type_)), type_


class TestTheAnswer:
    def test_a_new_stack_is_created_whole(self) -> None:
        head = snapshot_of("prod")
        changes = compare(replace(head, resources=(), settings={}, outputs={}), head)
        assert {change.action for change in changes.changes} == {Action.CREATE}
        assert len(changes.changes) == sum(one.custom and not one.type.startswith("pulumi:") for one in head.resources)
        assert changes.settings == ()
        assert shown(changes).startswith("Changes of a new stack:")

    def test_nothing_said_is_nothing_done_and_going_back_is_the_reverse(self) -> None:
        mvp, launch = snapshot_of("dev@mvp"), snapshot_of("dev@launch")
        assert compare(mvp, mvp).changes == ()
        assert "none" in shown(compare(mvp, mvp))
        there, back = compare(mvp, launch), compare(launch, mvp)
        assert {one.urn for one in there.of(Action.CREATE)} == {one.urn for one in back.of(Action.DELETE)}
        assert {one.urn for one in there.of(Action.REPLACE)} == {one.urn for one in back.of(Action.REPLACE)}
        assert ("platform.phase", DifferenceKind.CHANGED) in {(part.path, part.kind) for part in there.settings}

    @proves("S0-14")
    def test_it_fits_a_terminal_and_the_json_says_everything(self) -> None:
        changes = compare(
            snapshot_of("dev@mvp"), snapshot_of("dev@launch"), base_name="main (4cc762e)", notes=["a note"]
        )
        assert all(len(line) <= 80 or " " not in line.strip() for line in shown(changes).splitlines())
        told = json.loads(changes.dumps())
        assert told["counts"]["replace"] == len(changes.of(Action.REPLACE)) > 0
        assert told["notes"] == ["a note"]
        assert len(told["changes"]) == len(changes.changes)
        assert (
            changes.dumps()
            == compare(
                snapshot_of("dev@mvp"), snapshot_of("dev@launch"), base_name="main (4cc762e)", notes=["a note"]
            ).dumps()
        )

    def test_the_json_is_what_its_schema_says(self) -> None:
        prod, mvp, launch = (snapshot_of(one) for one in ("prod", "dev@mvp", "dev@launch"))
        exported_prod = read(json.dumps(exported(prod)), "export.json", defaults=False)
        bucket = "aws:s3/bucket:Bucket"
        told = [
            json.loads(changes.dumps())
            for changes in (
                compare(replace(prod, resources=(), settings={}, outputs={}), prod),
                compare(mvp, launch, base_name="main (4cc762e)", head_name="the files", notes=["a note"]),
                compare(launch, mvp),
                compare(exported_prod, without("shop-images")(said(DATABASE, username="app")(prod))),
                compare(prod, replace(prod, region="us-west-2")),
                compare(
                    snapshot(resource("shop-images", bucket), settings={"storage": {"images": {}}}),
                    snapshot(resource("shop-media", bucket), settings={"storage": {"media": {}}}),
                ),
                compare(snapshot(resource("a")), snapshot(resource("b", options={"aliases": ["name=a"]}))),
            )
        ]
        for one in told:
            SCHEMA.validate(one)
        assert all(
            any(one[key] for one in told) for key in ("losses", "settings", "outputs", "renamed", "refused", "notes")
        )
        update = next(one for one in told[1]["changes"] if one["action"] == "update")
        for slip in (
            {"version": 2},
            {"counts": {"create": 1}},
            {"more": True},
            {"changes": [{**update, "action": "move"}]},
            {
                "changes": [
                    {**update, "properties": [{"path": "a", "kind": "added", "forces": "no", "before": 1, "after": 2}]}
                ]
            },
            {
                "changes": [
                    {
                        **update,
                        "properties": [{"path": "a", "kind": "changed", "forces": "no", "after": {"$groundwork": "x"}}],
                    }
                ]
            },
        ):
            assert not SCHEMA.is_valid({**told[1], **slip}), slip

    def test_changes_of_many_resources_that_are_alike_are_told_once(self) -> None:
        topics = [resource(f"t{number}", inputs={"tags": {"a": "b"}}) for number in range(30)]
        head = [replace(topic, inputs={"tags": {"a": "c"}}) for topic in topics]
        text = shown(compare(snapshot(*topics), snapshot(*head)))
        assert "30 resources, alike" in text
        assert text.count("tags.a") == 1


def test_a_name_that_another_still_holds_is_refused() -> None:
    base = snapshot_of("prod")
    head = edited("shop-compute-web", lambda one: replace(one, urn=f"{one.urn}-new", name=f"{one.name}-new"))(base)
    assert any("still holds" in refused.reason for refused in compare(base, head).refused)


SECRET_SIGNATURE = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "v1:sealed"}
_RUN = r"[0-9a-f]{7,}"
DEFAULT = "urn:pulumi:prod::shop::pulumi:providers:aws::default_7_51_0::5f0c"
ACCOUNT = ("111122223333", "999988887777")


def exported(stands: Snapshot) -> dict[str, Any]:
    """What ``pulumi stack export`` would say of a stack that is deployed: other ids than a preview makes up, with what the provider
    adds to inputs, and secrets sealed."""
    given = {
        text
        for one in stands.resources
        if one.custom
        for key, text in one.outputs.items()
        if key not in one.inputs and isinstance(text, str)
    }
    # What the program draws itself is the same wherever it runs.
    drawn = json.dumps(
        [one.inputs[key] for one in stands.resources for key in one.inputs.keys() - one.property_dependencies],
        default=to_marker,
    )
    runs = {run for text in given for run in re.findall(_RUN, text)} - {ACCOUNT[0], *re.findall(_RUN, drawn)}
    turned = str.maketrans("0123456789abcdef", "123456789abcdef0")

    def real(value: Any) -> Any:
        if value is Opaque.SECRET:
            return SECRET_SIGNATURE
        if isinstance(value, dict):
            return {key: real(item) for key, item in value.items()}
        if isinstance(value, list):
            return [real(item) for item in value]
        if not isinstance(value, str):
            return value
        found = re.sub(_RUN, lambda run: run[0].translate(turned) if run[0] in runs else run[0], value)
        return found.replace(*ACCOUNT)

    states = [
        {
            "urn": one.urn,
            "custom": one.custom,
            "type": one.type,
            "parent": one.parent,
            "id": real(one.outputs.get("id", "")),
            "inputs": {**real(one.inputs), "drawn": "by the provider", "__defaults": ["drawn"]},
            "outputs": real(one.outputs),
            "protect": bool(one.options.get("protect")),
            "retainOnDelete": bool(one.options.get("retainOnDelete")),
            "provider": one.options.get("provider", DEFAULT),
        }
        for one in stands.resources
    ]
    return {"version": 3, "deployment": {"manifest": {}, "resources": states}}


class TestAgainstWhatRuns:
    def test_a_stack_that_is_deployed_as_it_is_has_no_changes(self) -> None:
        for stack in ("prod", "examples/mini-facebook/prod"):
            head = snapshot_of(stack)
            base = read(json.dumps(exported(head)), "export.json", defaults=False)
            changes = compare(base, head)
            assert [(change.name, change.action, change.properties) for change in changes.changes] == [], stack
            assert changes.unchanged > 200
            assert (changes.settings, changes.outputs) == ((), ())

    def test_a_change_is_told_in_the_words_of_both_sides_without_their_secrets(self) -> None:
        head = snapshot_of("prod")
        base = read(json.dumps(exported(head)), "export.json", defaults=False)
        changes = compare(base, without("shop-images")(said(DATABASE, username="app")(head)))
        assert {change.name for change in changes.losses} == {DATABASE, "shop-images"}
        assert "by the provider" not in changes.dumps()
        assert "v1:sealed" not in changes.dumps()

    def test_what_was_looked_up_or_delivered_is_no_change_and_what_the_program_says_is(self) -> None:
        made_up = {
            "imageId": "ami-0123456789abcdef0",
            "image": "111122223333.dkr.ecr.eu-central-1.amazonaws.com/shop/web:1",
        }
        real = {
            "imageId": "ami-0fedcba9876543210",
            "image": "999988887777.dkr.ecr.eu-central-1.amazonaws.com/shop/web:v42",
        }
        known = {"outputs": {"arn": f"arn:aws:sns:eu-central-1:{ACCOUNT[1]}:t"}}
        base = snapshot(resource("t", inputs=real, **known), real=True)
        head = resource("t", inputs=made_up, outputs={"arn": f"arn:aws:sns:eu-central-1:{ACCOUNT[0]}:t"})
        asked = {"looked_up": frozenset(made_up.values())}
        assert compare(base, snapshot(head, **asked)).changes == ()
        # The same texts, where the program says them itself.
        [change] = compare(base, snapshot(head)).changes
        assert [part.path for part in change.properties] == ["imageId", "image"]
        other = {**made_up, "imageId": "new", "image": made_up["image"].replace("/web:", "/api:")}
        [change] = compare(base, snapshot(replace(head, inputs=other), **asked)).changes
        assert [part.path for part in change.properties] == ["imageId", "image"]

    def test_a_version_that_looks_like_an_id_is_compared_also_where_the_value_is_made_from_others(self) -> None:
        """Tags of images are hashes of commits; only the end of a name differs as the ids that it is drawn from do."""
        queue = resource("q", "aws:sqs/queue:Queue")
        made_from: dict[str, Any] = {"property_dependencies": {"definition": (queue.urn,), "snapshot": (queue.urn,)}}
        sides = [
            resource("t", inputs={"definition": f"example.com/web:{version}", "snapshot": f"last-{drawn}"}, **made_from)
            for version, drawn in (("3f2a91c", "1a2b3c4"), ("9d8e7f6", "4d5e6f7"))
        ]
        [change] = compare(snapshot(queue, sides[0], real=True), snapshot(queue, sides[1])).changes
        assert [part.path for part in change.properties] == ["definition"]

    def test_what_stays_in_the_account_is_known_from_an_export(self) -> None:
        base = read(json.dumps(exported(snapshot_of("prod"))), "export.json", defaults=False)
        retained = {one.urn for one in snapshot_of("prod").resources if one.options.get("retainOnDelete")}
        assert {one.urn for one in base.resources if one.options.get("retainOnDelete")} == retained != set()


class TestWhereItIsMade:
    def test_another_region_replaces_all_that_is_in_one_and_data_is_lost(self) -> None:
        base = snapshot_of("prod")
        changes = compare(base, replace(base, region="us-west-2"))
        moved = {one.urn: one.type for one in changes.changes if any(part.path == "region" for part in one.properties)}
        elsewhere = {one.urn for one in base.resources if "region" in one.inputs}
        assert DATABASE in {one.name for one in changes.losses}
        assert len(moved) > 150
        assert not moved.keys() & elsewhere
        assert {type_.partition("/")[0] for type_ in moved.values()}.isdisjoint({"aws:iam", "aws:cloudfront"})
        found = one(changes, DATABASE, "Instance")
        assert [(part.path, part.before, part.after) for part in found.forcing if not part.because] == [
            ("region", "eu-central-1", "us-west-2")
        ]

    def test_a_region_that_is_said_or_left_to_the_provider_is_the_same(self) -> None:
        """As the provider has it: forceNewIfRegionChanges in internal/provider/sdkv2/region.go."""
        left, told = resource("t"), resource("t", inputs={"region": "eu-central-1"})
        other = resource("t", inputs={"region": "us-east-1"})
        for before, after, expected in ((left, told, []), (told, left, []), (left, other, [Action.REPLACE])):
            found = compare(snapshot(before), snapshot(after)).changes
            assert [change.action for change in found] == expected
        stands = replace(left, outputs={"region": "us-east-1"})
        [change] = compare(snapshot(stands, real=True), snapshot(left)).changes
        assert change.action is Action.REPLACE

    def test_another_provider_replaces_what_is_made_through_it_and_the_engines_own_do_not_count(self) -> None:
        west = resource("west", "pulumi:providers:aws", inputs={"region": "us-west-2"})
        north = resource("north", "pulumi:providers:aws", inputs={"region": "us-west-2"})
        default = resource("default_7_51_0", "pulumi:providers:aws", inputs={"region": "eu-central-1"})

        def through(provider: Resource | None) -> Resource:
            return resource("t", options={"provider": f"{provider.urn}::id"} if provider else {})

        providers = (west, north, default)
        cases: tuple[tuple[Resource | None, Resource | None, list[str]], ...] = (
            (west, west, []),
            (None, default, []),
            (west, north, ["provider"]),
            (None, west, ["provider", "region"]),
        )
        for before, after, expected in cases:
            found = compare(snapshot(*providers, through(before)), snapshot(*providers, through(after))).changes
            assert [part.path for change in found for part in change.forcing] == expected

    def test_with_a_cluster_goes_what_is_in_it(self) -> None:
        base = snapshot_of("examples/mini-facebook/prod")
        [cluster] = base.of_type("aws:eks/cluster:Cluster")
        changes = compare(base, said(cluster.name, roleArn="other")(base))
        objects = {one.urn for one in base.resources if one.type.startswith("kubernetes:")}
        replaced = {one.urn for one in changes.of(Action.REPLACE)}
        assert objects <= replaced
        deployment = next(one for one in changes.of(Action.REPLACE) if one.type.startswith("kubernetes:apps"))
        assert [(part.path, part.because) for part in deployment.forcing] == [
            ("provider", "minifacebook-compute-kubernetes")
        ]

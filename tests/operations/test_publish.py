"""``groundwork publish``: a folder to its bucket, in an order in which no page names what is not there."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore.exceptions
import pytest

from groundwork.cli.console import FINDINGS, MISTAKE
from groundwork.operations import publish as publishing
from groundwork.operations.account import StackAccount, open_account
from groundwork.operations.errors import OperationError
from groundwork.operations.progress import Progress
from tests.operations.shop import REGION, account, client
from tests.shared import call

STACK_FILE = f"""\
config:
  aws:region: {REGION}
  groundwork:platform: {{name: shop, stage: dev, phase: launch}}
  groundwork:storage:
    app: {{purpose: static, path: "/*", spa: true}}
    docs: {{purpose: static, cdn: true, path: "/docs/*"}}
    images: {{purpose: media, cdn: true}}
"""
BUILT = {
    "index.html": "<script src=/assets/index-1.js></script>",
    "favicon.ico": "icon",
    "assets/index-1.js": "one",
    "assets/index-1.js.map": "sources",
    "assets/page.html": "a page among files that never change is still a page",
    ".well-known/security.txt": "Contact: mailto:security@example.com",
    ".env": "TOKEN=hunter2",
}


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of a stack with buckets and a distribution, and with what a bundler built in ``dist``."""
    with account(tmp_path, monkeypatch, STACK_FILE):
        for name in ("app", "docs", "images"):
            make_bucket(name)
        tags = {"Name": "shop-cdn-distribution", "platform": "shop", "stage": "dev", "managed-by": "groundwork"}
        client("cloudfront").create_distribution_with_tags(
            DistributionConfigWithTags={"DistributionConfig": _DISTRIBUTION, "Tags": {"Items": _pairs(tags)}}
        )
        write(tmp_path / "dist", BUILT)
        yield tmp_path


def make_bucket(name: str, bucket: str | None = None) -> None:
    bucket = bucket or f"shop-{name}-1a2b3c4"
    client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    tags = {"Name": f"shop-{name}", "platform": "shop", "stage": "dev", "managed-by": "groundwork"}
    client("s3").put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": _pairs(tags)})


def _pairs(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


_DISTRIBUTION: dict[str, Any] = {
    "CallerReference": "1",
    "Comment": "",
    "Enabled": True,
    "Origins": {"Quantity": 1, "Items": [{"Id": "app", "DomainName": "app.s3.amazonaws.com", "S3OriginConfig": {"OriginAccessIdentity": ""}}]},
    "DefaultCacheBehavior": {"TargetOriginId": "app", "ViewerProtocolPolicy": "https-only"},
}  # fmt: skip


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


def held(bucket: str = "shop-app-1a2b3c4") -> dict[str, tuple[str, str]]:
    """What a bucket holds: content type and Cache-Control by key."""
    s3 = client("s3")
    keys = [one["Key"] for one in s3.list_objects_v2(Bucket=bucket).get("Contents", ())]
    heads = {key: s3.head_object(Bucket=bucket, Key=key) for key in keys}
    return {key: (head["ContentType"], head.get("CacheControl", "")) for key, head in heads.items()}


def invalidated() -> list[list[str]]:
    cloudfront = client("cloudfront")
    [distribution] = cloudfront.list_distributions()["DistributionList"]["Items"]
    found = cloudfront.list_invalidations(DistributionId=distribution["Id"])["InvalidationList"].get("Items", ())
    details = [cloudfront.get_invalidation(DistributionId=distribution["Id"], Id=one["Id"]) for one in found]
    return [sorted(one["Invalidation"]["InvalidationBatch"]["Paths"]["Items"]) for one in details]


def test_each_file_is_published_as_browsers_and_cloudfront_are_to_keep_it(
    shop: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    upload = publishing._upload
    monkeypatch.setattr(
        publishing, "_upload", lambda s3, bucket, one: (order.append(one.key), upload(s3, bucket, one))[0]
    )
    code, out, _ = call(capsys, "publish", "dev", "app", "dist", "--yes")
    assert code == 0
    assert out.startswith("publish dist to app (shop-app-1a2b3c4) in account 123456789012, eu-west-1: 5 new, 0 changed")
    assert "left out: .env, assets/index-1.js.map" in out
    assert held() == {
        ".well-known/security.txt": ("text/plain; charset=utf-8", "no-cache"),
        "assets/index-1.js": ("text/javascript; charset=utf-8", "public, max-age=31536000, immutable"),
        "assets/page.html": ("text/html; charset=utf-8", "no-cache"),
        "favicon.ico": ("image/x-icon", "no-cache"),
        "index.html": ("text/html; charset=utf-8", "no-cache"),
    }
    # A page comes after what it names.
    assert order[0] == "assets/index-1.js"
    assert set(order[-2:]) == {"index.html", "assets/page.html"}
    # What was not there before is in no cache.
    assert invalidated() == []

    code, out, _ = call(capsys, "publish", "dev", "app", "dist")
    assert (code, order[5:]) == (0, [])
    assert "0 new, 0 changed, 5 as they are, 0 to remove" in out
    assert out.endswith("Nothing is to be done.\n")


def test_what_changed_is_forgotten_and_what_is_gone_is_removed_last(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call(capsys, "publish", "dev", "app", "dist", "--yes")
    (shop / "dist" / "assets" / "index-1.js").unlink()
    (shop / "dist" / "favicon.ico").unlink()
    write(shop / "dist", {"index.html": "<script src=/assets/index-2.js></script>", "assets/index-2.js": "two"})
    code, out, _ = call(capsys, "publish", "dev", "app", "dist", "--dry-run")
    assert (code, "Nothing was done (--dry-run)." in out) == (0, True)
    assert "1 new, 1 changed, 2 as they are, 1 to remove, 1 kept for pages that are open" in out
    assert "favicon.ico" in held()
    code, out, _ = call(capsys, "publish", "dev", "app", "dist", "--yes")
    assert code == 0
    told = [line[8:] for line in out.splitlines()]
    assert told.index("uploading 1 pages") < told.index("removing 1 that are gone")
    assert set(held()) == {
        ".well-known/security.txt",
        "assets/index-1.js",
        "assets/index-2.js",
        "assets/page.html",
        "index.html",
    }
    assert invalidated() == [["/", "/favicon.ico", "/index.html"]]

    plan = publishing.plan(open_account("dev"), "app", shop / "dist", maps=False)
    assert plan.does_nothing
    later = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=publishing.KEEP_DAYS, minutes=1)
    plan = publishing.plan(open_account("dev"), "app", shop / "dist", maps=False, now=later)
    assert (plan.removed, plan.kept, plan.forgotten) == (("assets/index-1.js",), 0, ())
    # Who goes back to the build before has its files again, and when they go once more the week begins anew.
    write(shop / "dist", {"assets/index-1.js": BUILT["assets/index-1.js"]})
    call(capsys, "publish", "dev", "app", "dist", "--yes")
    (shop / "dist" / "assets" / "index-1.js").unlink()
    plan = publishing.plan(open_account("dev"), "app", shop / "dist", maps=False, now=later)
    assert (plan.removed, plan.kept, plan.newly_gone) == ((), 1, ("assets/index-1.js",))


def test_a_site_below_a_path_is_forgotten_there(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(shop / "site", {"index.html": "1", "guide/index.html": "1", "guide/a b.txt": "1"})
    call(capsys, "publish", "dev", "docs", "site", "--yes")
    write(shop / "site", {"guide/index.html": "2", "guide/a b.txt": "2"})
    call(capsys, "publish", "dev", "docs", "site", "--yes")
    both = ["guide/", "guide/a%20b.txt", "guide/index.html"]
    assert invalidated() == [sorted([*(f"/docs/{one}" for one in both), *(f"/{one}" for one in both)])]
    assert set(held("shop-images-1a2b3c4")) == set()
    many = {f"page{number}.html": "1" for number in range(60)}
    write(shop / "site", many)
    call(capsys, "publish", "dev", "docs", "site", "--yes")
    write(shop / "site", dict.fromkeys(many, "2"))
    assert publishing.plan(open_account("dev"), "docs", shop / "site", maps=False).forgotten == ("/*", "/docs/*")


def test_what_must_not_be_published_is_refused_before_anything_is_done(
    shop: Path, capsys: pytest.CaptureFixture[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside") / "secret"
    outside.write_text("hunter2", encoding="utf-8")
    (shop / "empty").mkdir()
    write(shop / "only-hidden", {".git-ignored": "1"})
    write(shop / "source", {"package.json": "{}", "index.html": ""})
    write(shop / "headless", {"main.js": ""})
    write(shop / "leading", {"index.html": ""})
    (shop / "leading" / "link").symlink_to(outside)
    refused = {
        ("app", "empty"): "empty holds nothing to publish",
        ("app", "only-hidden"): "only-hidden holds nothing to publish",
        ("app", "missing"): "missing is no folder",
        (
            "app",
            "source",
        ): "source has package.json: it is a project, and not what is built of it; name that, such as source/dist",
        ("app", "headless"): "headless has no index.html, which every page of app answers",
        ("app", "leading"): f"leads to {outside}, outside leading; what is there would be public",
        ("images", "dist"): '"images" is for media in Pulumi.dev.yaml; there is app or docs',
        ("apps", "dist"): '"apps" is none of its buckets in Pulumi.dev.yaml; there is app or docs; did you mean "app"?',
    }
    for (bucket, folder), said in refused.items():
        code, _, err = call(capsys, "publish", "dev", bucket, folder, "--yes")
        # A name that the stack file lacks is a mistake of whoever typed it.
        wanted = FINDINGS if bucket == "app" else MISTAKE
        assert (code, said in err, "Traceback" in err) == (wanted, True, False), err
    code, _, err = call(capsys, "publish", "dev", "app", "dist")
    assert (code, "nobody can be asked here; say --yes" in err) == (2, True)
    assert held() == {}


def test_a_bucket_that_is_not_there_or_there_twice_is_said(shop: Path) -> None:
    make_bucket("docs", "shop-docs-other")
    with pytest.raises(
        OperationError, match=r"shop-docs-1a2b3c4 and .*shop-docs-other both have the tags of shop-docs"
    ):
        publishing.plan(open_account("dev"), "docs", shop / "dist", maps=False)
    client("s3").delete_bucket(Bucket="shop-app-1a2b3c4")
    with pytest.raises(OperationError, match=r"there is no bucket app of shop-dev in account .*`pulumi up` makes it"):
        publishing.plan(open_account("dev"), "app", shop / "dist", maps=False)


def test_where_an_upload_fails_no_page_is_published_and_nothing_is_removed(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client("s3").put_object(Bucket="shop-app-1a2b3c4", Key="old.html", Body=b"old")
    plan = publishing.plan(open_account("dev"), "app", shop / "dist", maps=True)
    assert {one.key for one in plan.new} >= {"assets/index-1.js.map"}
    upload = publishing._upload

    def refused(s3: Any, bucket: str, one: publishing.PublishedFile) -> None:
        if one.key == "assets/index-1.js":
            raise botocore.exceptions.ClientError({"Error": {"Code": "AccessDenied", "Message": "No."}}, "PutObject")
        upload(s3, bucket, one)

    monkeypatch.setattr(publishing, "_upload", refused)
    with pytest.raises(OperationError, match="uploading to shop-app-1a2b3c4: AWS does not allow it: No"):
        publishing.publish(plan, _silent(), seconds=1)
    assert {key for key in held() if key.endswith(".html")} == {"old.html"}


def test_a_cloudfront_that_does_not_forget_is_waited_for_no_longer_than_asked(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Slow:
        waits = 0

        def create_invalidation(self, **_: Any) -> dict[str, Any]:
            return {"Invalidation": {"Id": "I1", "Status": "InProgress"}}

        def get_invalidation(self, **_: Any) -> dict[str, Any]:
            Slow.waits += 1
            return self.create_invalidation()

    client("s3").put_object(Bucket="shop-app-1a2b3c4", Key="index.html", Body=b"old")
    plan = publishing.plan(open_account("dev"), "app", shop / "dist", maps=False)
    real = StackAccount.client
    monkeypatch.setattr(
        StackAccount,
        "client",
        lambda self, service, region=None: Slow() if service == "cloudfront" else real(self, service, region),
    )
    with pytest.raises(
        OperationError,
        match=r"the files are there, and CloudFront has not forgotten all old ones after 1 minutes .invalidation I1.*wait",
    ):
        publishing.publish(plan, _silent(), seconds=60)
    assert Slow.waits == 12


def _silent() -> Progress:
    """Progress that is not told, whose time passes by waiting."""
    clock = [0.0]
    return Progress(
        tell=lambda _: None, sleep=lambda seconds: clock.__setitem__(0, clock[0] + seconds), now=lambda: clock[0]
    )

"""The image processor, as its queue calls it."""

import io
import json
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms, PngImagePlugin

UPLOADS, MEDIA = "shop-uploads-1234567", "shop-media-1234567"
THUMBNAIL, MEDIUM = "processed/thumbnail/cat.jpg.webp", "processed/medium/cat.jpg.webp"


@pytest.fixture
def handler(aws, load, monkeypatch):
    monkeypatch.setenv("SIZES", "thumbnail=64,medium=200")
    monkeypatch.setenv("OUTPUT", "media")
    return load("image_processor")


def picture(size=(400, 300), colour=(200, 30, 30), kind="JPEG", mode="RGB", **options):
    written = io.BytesIO()
    Image.new(mode, size, colour).save(written, kind, **options)
    return written.getvalue()


def upload(aws, key="uploads/cat.jpg", body=None, bucket=UPLOADS, **options):
    aws.put_object(Bucket=bucket, Key=key, Body=picture() if body is None else body, **options)
    return message(key, bucket)


def message(key="uploads/cat.jpg", bucket=UPLOADS, name="1", event="ObjectCreated:Put"):
    """As S3 writes it: the key is URL-encoded."""
    from urllib.parse import quote_plus

    told = {"Records": [{"eventName": event, "s3": {"bucket": {"name": bucket}, "object": {"key": quote_plus(key)}}}]}
    return {"messageId": name, "body": json.dumps(told)}


def run(handler, *messages):
    return [item["itemIdentifier"] for item in handler.handle({"Records": list(messages)}, None)["batchItemFailures"]]


def keys(aws, bucket=MEDIA):
    return [item["Key"] for item in aws.list_objects_v2(Bucket=bucket).get("Contents", ())]


def versions(aws, bucket=MEDIA):
    return sorted(
        (item["Key"], item["VersionId"]) for item in aws.list_object_versions(Bucket=bucket).get("Versions", ())
    )


def opened(aws, key, bucket=MEDIA):
    return Image.open(io.BytesIO(aws.get_object(Bucket=bucket, Key=key)["Body"].read()))


def note(aws, name="cat.jpg"):
    return json.loads(aws.get_object(Bucket=MEDIA, Key=f"refused/{name}.json")["Body"].read())


def test_an_upload_becomes_a_copy_of_each_size(handler, aws):
    """S0-09"""
    assert run(handler, upload(aws)) == []
    assert keys(aws) == [MEDIUM, THUMBNAIL]
    assert opened(aws, THUMBNAIL).size == (64, 48)
    assert opened(aws, MEDIUM).size == (200, 150)
    assert opened(aws, MEDIUM).format == "WEBP"
    assert aws.head_object(Bucket=MEDIA, Key=MEDIUM)["ContentType"] == "image/webp"


def test_the_same_message_twice_does_no_harm(handler, aws):
    """S0-09"""
    told = upload(aws)
    run(handler, told)
    before = versions(aws)
    assert run(handler, told, told) == []
    assert versions(aws) == before


def test_a_second_copy_of_the_function_makes_nothing_again_either(handler, load, aws):
    told = upload(aws)
    run(handler, told)
    before = versions(aws)
    assert run(load("image_processor", own_client=True), told) == []
    assert versions(aws) == before


def test_a_new_upload_under_the_same_key_replaces_the_copies(handler, aws):
    run(handler, upload(aws))
    run(handler, upload(aws, body=picture(colour=(0, 0, 255))))
    red, _, blue = opened(aws, THUMBNAIL).convert("RGB").getpixel((10, 10))
    assert blue > 200 > 100 > red


def test_an_old_message_that_comes_late_shows_the_newest_upload(handler, aws):
    first = upload(aws)
    second = upload(aws, body=picture(colour=(0, 0, 255)))
    run(handler, second, first)
    assert opened(aws, THUMBNAIL).convert("RGB").getpixel((10, 10))[2] > 200


def test_an_upload_that_changes_while_it_is_worked_on_comes_again(handler, aws, monkeypatch):
    told = upload(aws)
    encode = handler.encode

    def slow(*arguments):
        aws.put_object(Bucket=UPLOADS, Key="uploads/cat.jpg", Body=picture(colour=(0, 0, 255)))
        return encode(*arguments)

    monkeypatch.setattr(handler, "encode", slow)
    assert run(handler, told) == ["1"]
    monkeypatch.setattr(handler, "encode", encode)
    assert run(handler, told) == []
    assert opened(aws, THUMBNAIL).convert("RGB").getpixel((10, 10))[2] > 200


def test_other_sizes_make_other_copies_of_the_same_upload(handler, load, aws, monkeypatch):
    told = upload(aws)
    run(handler, told)
    monkeypatch.setenv("SIZES", "thumbnail=32,medium=200")
    run(load("image_processor"), told)
    assert opened(aws, THUMBNAIL).size == (32, 24)


def test_nothing_is_made_larger(handler, aws):
    run(handler, upload(aws, body=picture((50, 20))))
    assert opened(aws, MEDIUM).size == (50, 20)


def test_an_image_is_turned_as_its_camera_says(handler, aws):
    exif = Image.Exif()
    exif[0x0112] = 6
    run(handler, upload(aws, body=picture((400, 300), exif=exif)))
    assert opened(aws, MEDIUM).size == (150, 200)


def test_nothing_but_pixels_stays(handler, aws):
    exif = Image.Exif()
    exif[0x010F] = "Camera"
    exif.get_ifd(0x8825)[2] = (27.7, 85.3, 0.0)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    body = picture(exif=exif, icc_profile=profile, comment=b"secret place")
    assert b"Camera" in body
    run(handler, upload(aws, body=body))
    copy = opened(aws, MEDIUM)
    assert dict(copy.getexif()) == {}
    assert {"exif", "icc_profile", "xmp", "comment"} & set(copy.info) == set()


def test_transparency_stays(handler, aws):
    run(handler, upload(aws, "uploads/logo.png", picture(kind="PNG", mode="RGBA", colour=(0, 255, 0, 0))))
    assert opened(aws, "processed/thumbnail/logo.png.webp").convert("RGBA").getpixel((5, 5))[3] == 0


@pytest.mark.parametrize(("kind", "mode", "colour"), [("GIF", "P", 3), ("PNG", "L", 7), ("PNG", "I;16", 9), ("JPEG", "CMYK", (0, 0, 0, 0)), ("WEBP", "RGB", (1, 2, 3)), ("PNG", "1", 1)])  # fmt: skip
def test_every_kind_of_image_that_is_taken_becomes_a_copy(handler, aws, kind, mode, colour):
    assert run(handler, upload(aws, body=picture(kind=kind, mode=mode, colour=colour))) == []
    assert opened(aws, MEDIUM).size == (200, 150)


def test_the_content_decides_and_not_the_name(handler, aws):
    run(handler, upload(aws, "uploads/cat.jpg", picture(kind="PNG")))
    assert keys(aws) == [MEDIUM, THUMBNAIL]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<script>alert(1)</script>",
        b"%PDF-1.7 hello",
        b"\xff\xd8\xff\xe0" + b"\x00" * 50,
        picture()[:200],
        picture(kind="TIFF"),
        picture(kind="BMP"),
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n",
        b"GIF89a\x01\x00",
    ],
    ids=["empty", "html", "pdf", "jpeg header alone", "truncated", "tiff", "bmp", "eps", "gif header alone"],
)
def test_what_is_no_image_is_refused_and_says_why(handler, aws, body):
    """S0-09"""
    told = upload(aws, body=body)
    assert run(handler, told) == []
    assert keys(aws) == ["refused/cat.jpg.json"]
    assert note(aws)["key"] == "uploads/cat.jpg"
    assert "not a readable JPEG, PNG, WEBP, GIF" in note(aws)["reason"]
    before = versions(aws)
    assert run(handler, told) == []
    assert versions(aws) == before


def png_header(width, height):
    """A PNG that claims a size and holds next to nothing."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("size", [(7_000, 7_000), (30_000, 30_000), (100_000, 100_000)])
def test_a_decompression_bomb_is_refused_before_it_goes_off(handler, aws, size):
    """S0-09"""
    assert run(handler, upload(aws, body=png_header(*size))) == []
    assert keys(aws) == ["refused/cat.jpg.json"]
    assert "pixels" in note(aws)["reason"]


def test_a_bomb_of_text_is_refused(handler, aws):
    text = PngImagePlugin.PngInfo()
    text.add_text("a", "x" * 80_000_000, zip=True)
    body = picture(kind="PNG", pnginfo=text)
    assert len(body) < 100_000
    run(handler, upload(aws, body=body))
    assert keys(aws) == ["refused/cat.jpg.json"]


def test_a_file_that_is_too_large_is_not_even_read(handler, load, aws, monkeypatch):
    monkeypatch.setenv("MAX_MB", "1")
    fresh = load("image_processor")
    monkeypatch.setattr(fresh, "_read", lambda *_: pytest.fail("it was read"))
    assert run(fresh, upload(aws, body=b"x" * 1_048_577)) == []
    assert "more than 1048576" in note(aws)["reason"]


def test_one_bad_message_brings_back_itself_alone(handler, aws):
    good = upload(aws)
    bad = {"messageId": "bad", "body": "{"}
    lost = message("uploads/never.jpg", name="lost")
    assert run(handler, bad, good, lost) == ["bad"]
    assert keys(aws) == [MEDIUM, THUMBNAIL]


def test_an_upload_that_is_gone_is_done(handler, aws):
    assert run(handler, message("uploads/never.jpg")) == []
    assert keys(aws) == []


def test_s3s_test_message_and_removals_are_passed_over(handler, aws):
    probe = {"messageId": "1", "body": json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent"})}
    told = upload(aws)
    removal = {**told, "body": told["body"].replace("ObjectCreated:Put", "ObjectRemoved:Delete")}
    assert run(handler, probe, removal) == []
    assert keys(aws) == []


def test_keys_with_spaces_and_letters_of_other_scripts(handler, aws):
    run(handler, upload(aws, "uploads/मेरो बिरालो+1.jpg"))
    assert keys(aws) == ["processed/medium/मेरो बिरालो+1.jpg.webp", "processed/thumbnail/मेरो बिरालो+1.jpg.webp"]


def test_its_own_copies_never_start_it_again(handler, load, aws, monkeypatch):
    """One bucket for both is not what the settings allow; if it happens all the same, nothing runs in circles."""
    monkeypatch.delenv("OUTPUT")
    fresh = load("image_processor")
    assert run(fresh, upload(aws), upload(aws, "uploads/x.txt", b"no image")) == []
    made = [key for key in keys(aws, UPLOADS) if not key.startswith("uploads/")]
    assert len(made) == 3
    before = versions(aws, UPLOADS)
    assert run(fresh, *(message(key) for key in made)) == []
    assert versions(aws, UPLOADS) == before


def test_what_lies_where_copies_go_is_left_alone_whoever_put_it_there(handler, load, aws, monkeypatch):
    monkeypatch.delenv("OUTPUT")
    before = (upload(aws, "processed/mine.jpg"), upload(aws, "refused/mine.jpg"), upload(aws, "uploads/folder/"))
    assert run(load("image_processor"), *before) == []
    assert keys(aws, UPLOADS) == ["processed/mine.jpg", "refused/mine.jpg", "uploads/folder/"]


def test_a_copy_that_was_put_among_the_uploads_is_known_by_its_mark(handler, aws):
    run(handler, upload(aws))
    aws.copy_object(Bucket=UPLOADS, Key="uploads/again.webp", CopySource={"Bucket": MEDIA, "Key": MEDIUM})
    before = versions(aws)
    assert run(handler, message("uploads/again.webp")) == []
    assert versions(aws) == before


@pytest.mark.parametrize("sizes", ["", "thumbnail", "thumbnail=0", "=5", "thumbnail=big"])
def test_settings_that_make_no_sense_fail_loudly(handler, load, aws, monkeypatch, sizes):
    monkeypatch.setenv("SIZES", sizes)
    assert run(load("image_processor"), upload(aws)) == ["1"]


def test_copies_cannot_be_written_among_the_uploads(handler):
    with pytest.raises(ValueError, match="OUTPUT_PREFIX"):
        handler.Config.read({"SIZES": "a=1", "OUTPUT_PREFIX": ""})


def test_a_bucket_that_may_not_be_listed_says_forbidden_for_what_is_missing(handler, aws, monkeypatch):
    from botocore.exceptions import ClientError

    head = handler._head

    def strict(bucket, key):
        found = head(bucket, key)
        if found is None and bucket == MEDIA:
            raise ClientError({"Error": {"Code": "403", "Message": "Forbidden"}}, "HeadObject")
        return found

    monkeypatch.setattr(handler, "_head", strict)
    assert run(handler, upload(aws)) == []
    assert keys(aws) == [MEDIUM, THUMBNAIL]


def test_whatever_is_uploaded_is_copied_or_refused(load):
    module = load("image_processor")

    @given(
        st.one_of(
            st.binary(max_size=400), st.tuples(st.integers(0, 700), st.binary(min_size=1, max_size=20)).map(_damaged)
        )
    )
    def check(content):
        try:
            image = module.decode(content, 1_000_000, 64)
        except module.Refused:
            return
        assert image.mode in ("RGB", "RGBA")

    check()


def _damaged(where):
    place, noise = where
    whole = picture((40, 30), kind="PNG" if place % 2 else "JPEG")
    return whole[:place] + noise + whole[place + len(noise) :]

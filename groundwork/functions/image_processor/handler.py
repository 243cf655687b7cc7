"""Smaller copies of uploaded images.

A bucket tells a queue of new objects, the queue starts this function. Each image is turned upright, freed of its metadata and
written as WebP in the sizes that are asked for: ``uploads/cat.jpg`` becomes ``processed/thumbnail/cat.jpg.webp``. What is no
image, or one that would not fit into memory, is left where it is; a note at ``refused/cat.jpg.json`` says why.

What it takes stands in ``function.yaml`` beside it.

The same message twice does no harm: a copy says which upload (ETag) and which settings it was made with, and is not made again
from the same. Messages in the wrong order do none either: what counts is the object as it is now, and if it changes while it
is worked on, the message is tried again.
"""

from __future__ import annotations

import functools
import hashlib
import io
import json
import logging
import os
import struct
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

import boto3
from botocore.config import Config as Client
from botocore.exceptions import ClientError
from PIL import Image, ImageCms, ImageOps
from queue_backoff import put_off

logger = logging.getLogger()

FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
"""Found by content, whatever the name says. Every other decoder stays closed to strangers' files."""

SOURCE = "source-etag"
RECIPE = "recipe"


class Refused(Exception):  # noqa: N818 - it is an outcome, not a fault
    """A file that can never become a copy; trying again would not change that."""


class Changed(Exception):  # noqa: N818 - it is an outcome, not a fault
    """The upload is another one by now."""


@dataclass(frozen=True)
class Config:
    """What the environment says."""

    sizes: tuple[tuple[str, int], ...]
    output: str | None
    output_prefix: str
    refused_prefix: str
    source_prefix: str
    max_bytes: int
    max_pixels: int
    quality: int

    @staticmethod
    def read(environment: Mapping[str, str]) -> Config:
        """Read the configuration. Raises where it makes no sense, so that a mistake shows at the first message and not
        in an image."""
        sizes = tuple(
            (name.strip(), int(side))
            for name, _, side in (part.partition("=") for part in environment["SIZES"].split(","))
        )
        if not all(name and side > 0 for name, side in sizes):
            raise ValueError('SIZES is written "thumbnail=320,medium=1024"')
        output = environment.get("OUTPUT")
        config = Config(
            sizes=sizes,
            output=environment[f"{output.upper().replace('-', '_')}_BUCKET"] if output else None,
            output_prefix=environment.get("OUTPUT_PREFIX", "processed/"),
            refused_prefix=environment.get("REFUSED_PREFIX", "refused/"),
            source_prefix=environment.get("SOURCE_PREFIX", "uploads/"),
            max_bytes=int(environment.get("MAX_MB", "25")) * 1024 * 1024,
            max_pixels=int(environment.get("MAX_MEGAPIXELS", "40")) * 1_000_000,
            quality=int(environment.get("QUALITY", "82")),
        )
        if not (config.output_prefix and config.refused_prefix):
            raise ValueError("OUTPUT_PREFIX and REFUSED_PREFIX cannot be empty: copies would be taken for uploads")
        return config

    @property
    def recipe(self) -> str:
        """Return a hash that changes when copies would look different, or something else would be refused."""
        settings = f"1 {self.sizes} {self.quality} {self.max_bytes} {self.max_pixels}"
        return hashlib.sha256(settings.encode()).hexdigest()[:12]

    def writes_to(self, bucket: str, key: str) -> bool:
        """Tell whether an object is one of ours: what this function writes never starts it again."""
        return bucket == (self.output or bucket) and key.startswith((self.output_prefix, self.refused_prefix))

    def key(self, size: str, source: str) -> str:
        return f"{self.output_prefix}{size}/{source.removeprefix(self.source_prefix)}.webp"

    def note(self, source: str) -> str:
        return f"{self.refused_prefix}{source.removeprefix(self.source_prefix)}.json"


@functools.cache
def _s3() -> Any:
    return boto3.client(
        "s3", config=Client(connect_timeout=2, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 2})
    )


@functools.cache
def _config() -> Config:
    return Config.read(os.environ)


def handle(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    """Handle a batch of the queue. Messages that failed are named, and only they come again."""
    failed = []
    for record in event["Records"]:
        try:
            for bucket, key in uploads(record["body"]):
                process(bucket, key, _config())
        except Exception:  # one bad message must not bring back the others
            logger.exception("message failed", extra={"message_id": record["messageId"]})
            failed.append({"itemIdentifier": record["messageId"]})
    put_off(event["Records"], {item["itemIdentifier"] for item in failed}, context)
    return {"batchItemFailures": failed}


def uploads(body: str) -> Iterator[tuple[str, str]]:
    """Yield bucket and key of each object in a message; S3's own test message has none."""
    for record in json.loads(body).get("Records", ()):
        if record["eventName"].startswith("ObjectCreated"):
            yield record["s3"]["bucket"]["name"], unquote_plus(record["s3"]["object"]["key"])


def process(bucket: str, key: str, config: Config) -> None:
    """Write the copies of one upload, or the note why there are none."""
    if config.writes_to(bucket, key) or key.endswith("/"):
        logger.info("left alone", extra={"key": key})
        return
    head = _head(bucket, key)
    if head is None or head["Metadata"].get(RECIPE):
        logger.info("gone, or a copy itself", extra={"key": key})
        return
    etag: str = head["ETag"].strip('"')
    target = config.output or bucket
    marks = {SOURCE: etag, RECIPE: config.recipe}
    missing = [size for size in config.sizes if not _is_made(target, config.key(size[0], key), marks)]
    if not missing or _is_made(target, config.note(key), marks):
        logger.info("made before", extra={"key": key})
        return
    try:
        image = _open(bucket, key, head, config)
    except Refused as reason:
        logger.warning("refused", extra={"key": key, "reason": str(reason)})
        note = json.dumps({"key": key, "etag": etag, "reason": str(reason)}).encode()
        _write(target, config.note(key), note, "application/json", marks)
    else:
        for name, side in missing:
            _write(target, config.key(name, key), encode(image, side, config.quality), "image/webp", marks)
        logger.info("processed", extra={"key": key, "copies": len(missing)})
    after = _head(bucket, key)
    if after is not None and after["ETag"] != head["ETag"]:
        raise Changed(f"{key} was replaced meanwhile")


def _open(bucket: str, key: str, head: Mapping[str, Any], config: Config) -> Image.Image:
    if head["ContentLength"] > config.max_bytes:
        raise Refused(f"{head['ContentLength']} bytes are more than {config.max_bytes}")
    content = _read(bucket, key, head["ETag"])
    return decode(content, config.max_pixels, max(side for _, side in config.sizes))


def decode(content: bytes, max_pixels: int, longest_side: int) -> Image.Image:
    """Return an upright image in sRGB without metadata; Refused for what is none or is too large to be opened
    safely."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            Image.MAX_IMAGE_PIXELS = max_pixels
            # The header alone is read here; a bomb shows its size before it goes off.
            with Image.open(io.BytesIO(content), formats=FORMATS) as image:
                if image.width * image.height > max_pixels:
                    raise Refused(f"{image.width} × {image.height} pixels are more than {max_pixels}")
                # A JPEG is decoded at half, a quarter or an eighth of its size where that is enough.
                image.draft("RGB", (longest_side, longest_side))
                image.load()
                upright = ImageOps.exif_transpose(image)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise Refused(f"more than {max_pixels} pixels") from error
    # What the decoders raise for content that is broken, by accident or on purpose.
    except (OSError, SyntaxError, ValueError, TypeError, IndexError, EOFError, OverflowError, struct.error) as error:
        raise Refused(f"not a readable {', '.join(FORMATS)}: {error}") from error
    return _bare(upright)


def _bare(image: Image.Image) -> Image.Image:
    """Copy pixels and nothing else: place, camera, thumbnail and comments stay behind."""
    converted = image.convert("RGBA" if image.has_transparency_data else "RGB")
    if image.mode == "RGB" and "icc_profile" in image.info:
        converted = _to_srgb(converted, image.info["icc_profile"])
    bare = Image.new(converted.mode, converted.size)
    bare.paste(converted)
    return bare


def _to_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """Convert to sRGB. Phones save wider colours than screens assume; without its profile such an image looks dull."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        return ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode=image.mode) or image
    except (ImageCms.PyCMSError, OSError):
        return image


def encode(image: Image.Image, side: int, quality: int) -> bytes:
    """Return a WebP whose longest side is at most ``side`` pixels."""
    copy = image.copy()
    copy.thumbnail((side, side), Image.Resampling.LANCZOS)
    written = io.BytesIO()
    copy.save(written, "WEBP", quality=quality, method=4)
    return written.getvalue()


def _head(bucket: str, key: str) -> dict[str, Any] | None:
    try:
        answer: dict[str, Any] = _s3().head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if error.response["Error"]["Code"] in {"404", "NoSuchKey", "NotFound"}:
            return None
        raise
    return answer


def _is_made(bucket: str, key: str, marks: Mapping[str, str]) -> bool:
    """Tell whether a copy is there already. Who may not list the bucket is told "forbidden" for what is not there; if
    it is more than that, writing will say so."""
    try:
        head = _head(bucket, key)
    except ClientError as error:
        if error.response["Error"]["Code"] in {"403", "AccessDenied", "Forbidden"}:
            return False
        raise
    return head is not None and all(head["Metadata"].get(name) == value for name, value in marks.items())


def _read(bucket: str, key: str, etag: str) -> bytes:
    try:
        content: bytes = _s3().get_object(Bucket=bucket, Key=key, IfMatch=etag)["Body"].read()
    except ClientError as error:
        if error.response["Error"]["Code"] in {"412", "PreconditionFailed", "NoSuchKey"}:
            raise Changed(f"{key} was replaced meanwhile") from error
        raise
    return content


def _write(bucket: str, key: str, content: bytes, kind: str, marks: Mapping[str, str]) -> None:
    _s3().put_object(
        Bucket=bucket,
        Key=key,
        Body=content,
        ContentType=kind,
        CacheControl="public, max-age=86400",
        Metadata=dict(marks),
    )

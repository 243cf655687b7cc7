"""Who can mount files, and where."""

from __future__ import annotations

from collections.abc import Iterator

from groundwork.components.settings import Settings
from groundwork.settings.mistakes import Mistake
from groundwork.settings.variables import mount_path

CANNOT_MOUNT = {
    "ec2": "goes with the engines fargate, ecs-ec2 and eks; an instance keeps files on a volume of its own "
    "(compute.instances.data_volume), or in a bucket (storage)",
    "app-runner": "App Runner mounts nothing; keep files in a bucket (storage), or use fargate",
}


def engines_mount_files(settings: Settings) -> Iterator[Mistake]:
    engine = settings.compute.engine if settings.compute else ""
    for layer, name, container in settings.containers():
        for used in container.uses:
            if used in settings.files and engine in CANNOT_MOUNT:
                yield Mistake((layer, name, "uses", used), CANNOT_MOUNT[engine])
    for name, function in settings.functions.items():
        for used in function.uses:
            if used in settings.files:
                yield Mistake(
                    ("functions", name, "uses", used),
                    "only services and jobs mount files; let one of them do it, or keep what functions read in a bucket (storage)",
                )


def folders_are_distinct(settings: Settings) -> Iterator[Mistake]:
    """Check that no two things are mounted at one path of a container."""
    for layer, name, container in settings.containers():
        taken = {
            **dict.fromkeys(container.writable_paths, "writable_paths"),
            **dict.fromkeys(container.disk_paths, "disk_paths"),
        }
        for used, use in container.uses.items():
            if used not in settings.files:
                continue
            path = use.path or mount_path(used)
            if path.rstrip("/") in taken:
                yield Mistake(
                    (layer, name, "uses", used, *(["path"] if use.path else [])),
                    f'"{path}" is also of {taken[path.rstrip("/")]}; each folder of a container is one thing',
                )
            taken.setdefault(path.rstrip("/"), f"uses.{used}")


CHECKS = (engines_mount_files, folders_are_distinct)

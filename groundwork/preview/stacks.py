"""From a stack whose settings are loaded to its snapshot."""

from __future__ import annotations

from collections.abc import Collection

from groundwork.components.settings import Settings
from groundwork.preview.computed_values import EXAMPLE_ACCOUNT
from groundwork.preview.engine import run_program
from groundwork.preview.snapshot import Snapshot
from groundwork.settings.effective import as_json
from groundwork.settings.facts import partition_of
from groundwork.settings.images import images_path
from groundwork.settings.loading import Loaded, StackFiles


def run_stack(
    stack: StackFiles,
    loaded: Loaded,
    *,
    unknowns: bool = False,
    delivered: bool = True,
    without: Collection[str] = (),
) -> Snapshot:
    """Run a stack's program offline; ``delivered``: its services have images, as they have not in the first update, but for those that
    ``without`` names.

    Raises what :func:`groundwork.preview.engine.run_program` raises.
    """
    return run_program(
        stack.program_folder,
        project=stack.project,
        stack=stack.name,
        config=loaded.config,
        settings=as_json(loaded),
        unknowns=unknowns,
        parameters=_running_images(loaded.settings, without) if delivered else {},
        project_folder=stack.project_folder,
    )


def _running_images(settings: Settings, without: Collection[str]) -> dict[str, str]:
    """Return what pipelines would have written: an image of each service's own, or the one that the stack file names to begin
    with. Of an image that is the stack file's alone it only matters that one was there."""
    path = images_path(settings.platform)
    registry = f"{EXAMPLE_ACCOUNT}.dkr.ecr.{settings.region}.{partition_of(settings.region).suffix}"
    own = f"{registry}{settings.platform.prefix}"
    return {
        f"{path}/{name}": (container.owner_of_image == "pipeline" and container.named_image) or f"{own}/{name}:1"
        for _, name, container in settings.containers()
        if container.image_from is None and name not in without
    }

"""What the extensions of a stack must be: there, readable, under a name of their own, created with what they take."""

from __future__ import annotations

from collections.abc import Iterator

from groundwork.components.extensions.declared import WrongExtensionError, WrongFileError, declared_in
from groundwork.components.services.checks import looks_secret
from groundwork.components.settings import Settings
from groundwork.settings.access import SINGLE, extensions, usable
from groundwork.settings.mistakes import Mistake, closest, nearest, one_of


def extensions_can_be_read(settings: Settings) -> Iterator[Mistake]:
    for name in settings.extensions:
        if name in SINGLE:
            continue
        try:
            declared_in(settings.project, name)
        except WrongFileError as error:
            yield Mistake(("extensions",), str(error))
            return
        except WrongExtensionError as error:
            yield Mistake(("extensions", name), str(error))


def names_are_not_ours(settings: Settings) -> Iterator[Mistake]:
    there = {thing.kind for thing in usable(settings)}
    for name in settings.extensions:
        # One that is there is a mistake of its own: two things of one name.
        if name in SINGLE and name not in there:
            yield Mistake(("extensions", name), f'"{name}" is a name of Groundwork\'s own under uses; choose another')


def arguments_are_taken(settings: Settings) -> Iterator[Mistake]:
    declared = extensions(settings)
    for name, extension in settings.extensions.items():
        path = ("extensions", name, "arguments")
        for key, value in extension.arguments.items():
            reason = looks_secret(key.upper(), value) if isinstance(value, str) else None
            if reason:
                yield Mistake((*path, key), f"{reason}; put it into a secret: secrets.NAME.keys")
        one = declared.get(name)
        if one is None or one.arguments is None:
            continue
        taken = f"it takes {', '.join(one.arguments)}" if one.arguments else "it takes none"
        for key, value in extension.arguments.items():
            if key not in one.arguments:
                yield Mistake((*path, key), f"{one.place} has no such argument; {taken}{nearest(key, one.arguments)}")
            elif not one.arguments[key].takes(value):
                yield Mistake((*path, key), f"is not what {one.place} takes: {one_of(one.arguments[key].types)}")
        meant = {closest(key, one.arguments) for key in extension.arguments}
        missing = [key for key, argument in one.arguments.items() if argument.required and key not in meant]
        if missing:
            yield Mistake(path, f"{one.place} also needs {', '.join(missing)}")


CHECKS = (extensions_can_be_read, names_are_not_ours, arguments_are_taken)

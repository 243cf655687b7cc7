"""Commands made of functions: what a function takes is what its command takes.

A parameter is a positional argument where its annotation carries an :class:`Argument`, an option where it carries an
:class:`Option`; its type and its default say the rest. Types are ``str``, ``Path``, enumerations of words, ``bool`` for a flag,
``list[str]`` for an option that may be repeated or an argument of which there is one or more, each also ``| None``. The parser is argparse's, and only that of the command
that is asked for is made: it is there before a library for command lines would be loaded.
"""

from __future__ import annotations

import argparse
import inspect
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from types import UnionType
from typing import Annotated, Any, NoReturn, Union, get_args, get_origin, get_type_hints

from groundwork.settings.mistakes import all_of, nearest, one_of

MISTAKE = 2
"""How a call ends that cannot be understood."""


@dataclass(frozen=True)
class Argument:
    """A value that is told by its place."""

    metavar: str
    help: str
    words: Callable[[], Iterable[str]] | None = None
    """What a shell may complete it to; None for whatever its type says, else files."""


@dataclass(frozen=True)
class Option:
    """A value that is told by its name, such as ``--out``."""

    name: str
    help: str
    metavar: str = ""
    words: Callable[[], Iterable[str]] | None = None
    """As :attr:`Argument.words`."""


@dataclass(frozen=True)
class _Parameter:
    name: str
    mark: Argument | Option
    type: Any
    """Without ``| None`` and without ``list``."""
    repeated: bool
    default: Any
    """``inspect.Parameter.empty`` where a value is required."""


@dataclass(frozen=True)
class Command:
    """A function that a word of the command line calls. Its docstring is the help, ``about`` the line that a list shows."""

    function: Callable[..., None]
    about: str


class Commands:
    """Commands that share the words before them, and maybe options that come before the command."""

    def __init__(self, name: str, about: str, *, epilog: str = "", options: Callable[..., None] | None = None) -> None:
        """Create a group of commands. ``options`` is called with the options that stand before the command, before the
        command is."""
        self.name = name
        self.about = about
        self.members: dict[str, Command | Commands] = {}
        self._epilog = epilog
        self._options = options

    def command(self, about: str, name: str = "") -> Callable[[Callable[..., None]], Callable[..., None]]:
        """Make a command of a function, called ``name`` or as the function is."""

        def made(function: Callable[..., None]) -> Callable[..., None]:
            self.members[name or function.__name__] = Command(function, about)
            return function

        return made

    def add(self, group: Commands) -> None:
        self.members[group.name] = group

    def run(self, arguments: Sequence[str], prefix: str = "") -> None:
        """Call the command that the arguments name. A call that cannot be understood ends with 2, and says how it is used."""
        program = f"{prefix}{self.name}"
        first = next((at for at, word in enumerate(arguments) if not word.startswith("-")), len(arguments))
        parser = self._parser(program)
        before = vars(parser.parse_args(arguments[:first]))
        if self._options:
            self._options(**_converted(before, self._options))
        if first == len(arguments):
            parser.print_help(sys.stderr)
            raise SystemExit(MISTAKE)
        word, rest = arguments[first], arguments[first + 1 :]
        member = self.members.get(word)
        if member is None:
            parser.error(
                f"there is no command {word!r}{nearest(word, self.members)}; there are {', '.join(self.members)}"
            )
        if isinstance(member, Commands):
            member.run(rest, f"{program} ")
        else:
            made = _parser(f"{program} {word}", member.function)
            member.function(**_converted(vars(made.parse_intermixed_args(rest)), member.function))

    def whole_parser(self, program: str) -> argparse.ArgumentParser:
        """Return one parser with those of all commands in it, as completion reads it."""
        parser = self._parser(program)
        self._fill(parser)
        return parser

    def _fill(self, parser: argparse.ArgumentParser) -> None:
        commands = parser.add_subparsers(parser_class=_Parser)
        for name, member in self.members.items():
            made = commands.add_parser(name, help=member.about)
            if isinstance(member, Commands):
                member._fill(made)
                continue
            for parameter in _parameters(member.function):
                _add(made, parameter)

    def _parser(self, program: str) -> argparse.ArgumentParser:
        longest = max(map(len, self.members))
        listed = "\n".join(f"  {name:<{longest}}  {member.about}" for name, member in self.members.items())
        parser = _Parser(
            prog=program,
            usage="%(prog)s [OPTIONS] COMMAND [ARGUMENTS]",
            description=self.about,
            epilog=f"Commands:\n{listed}" + (f"\n\n{self._epilog}" if self._epilog else ""),
        )
        for parameter in _parameters(self._options) if self._options else ():
            _add(parser, parameter)
        return parser


def option_names(member: Command | Commands) -> set[str]:
    """Return the options that a command takes, or that stand before those of a group."""
    function = member.function if isinstance(member, Command) else member._options
    marks = [parameter.mark for parameter in (_parameters(function) if function else ())]
    return {"--help"} | {mark.name for mark in marks if isinstance(mark, Option)}


class _Help(argparse.RawDescriptionHelpFormatter):
    """Paragraphs stay paragraphs; "Usage" begins a line as other sentences do."""

    def add_usage(self, usage: Any, actions: Any, groups: Any, prefix: str | None = None) -> None:
        super().add_usage(usage, actions, groups, "Usage: " if prefix is None else prefix)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        # A list is set line by line already.
        return "\n\n".join(
            part if "\n  " in part else argparse.HelpFormatter._fill_text(self, part, width, indent)
            for part in text.split("\n\n")
        )


class _Parser(argparse.ArgumentParser):
    def __init__(self, **facts: Any) -> None:
        super().__init__(**facts, formatter_class=_Help, add_help=False, allow_abbrev=False)
        self.arguments = self.add_argument_group("Arguments")
        self.options = self.add_argument_group("Options")
        self.options.add_argument("-h", "--help", action="help", help="Show this message and exit.")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            allowed = list(action.choices)
            raise argparse.ArgumentError(action, f'"{value}" is none; use {one_of(allowed)}{nearest(value, allowed)}')

    def error(self, message: str) -> NoReturn:
        message += self._hint(message)
        self.exit(MISTAKE, f"{self.format_usage()}Try '{self.prog} --help' for help.\n\nError: {message}\n")

    def _hint(self, message: str) -> str:
        """Return what to write in place of an option that there is not, or the words that a missing argument may be."""
        said, _, words = message.partition(": ")
        if said == "unrecognized arguments":
            unknown = next((word.partition("=")[0] for word in words.split() if word.startswith("-")), "")
            places = all_of(str(one.metavar) for one in self._actions if not one.option_strings and one.metavar)
            return (
                nearest(unknown, self._option_string_actions)
                if unknown or not places
                else f"; there is room for {places}"
            )
        if said == "the following arguments are required":
            first = words.partition(", ")[0].rstrip("…")
            of = next((one for one in self._actions if one.metavar == first and "completer" in vars(one)), None)
            there = list(vars(of)["completer"]()) if of else []
            return f"; there {'is' if len(there) == 1 else 'are'} {all_of(there)}" if there else ""
        return ""


def _parser(program: str, function: Callable[..., None]) -> argparse.ArgumentParser:
    parameters = list(_parameters(function))
    taken = [_place(parameter) for parameter in parameters if isinstance(parameter.mark, Argument)]
    parser = _Parser(prog=program, usage=" ".join(["%(prog)s [OPTIONS]", *taken]), description=inspect.getdoc(function))
    for parameter in parameters:
        _add(parser, parameter)
    return parser


def _parameters(function: Callable[..., None]) -> Iterator[_Parameter]:
    hints = get_type_hints(function, include_extras=True)
    for name, parameter in inspect.signature(function).parameters.items():
        type_, mark = _marked(hints[name])
        repeated = get_origin(type_) is list
        yield _Parameter(name, mark, get_args(type_)[0] if repeated else type_, repeated, parameter.default)


def _marked(hint: Any) -> tuple[Any, Argument | Option]:
    """Return the type that an annotation means, and what it carries."""
    if get_origin(hint) is not Annotated:
        raise TypeError(f"{hint} carries neither an Argument nor an Option")
    type_, mark, *_ = get_args(hint)
    if get_origin(type_) in (Union, UnionType):
        (type_,) = (one for one in get_args(type_) if one is not type(None))
    return type_, mark


def _place(parameter: _Parameter) -> str:
    required = parameter.default is inspect.Parameter.empty
    named = f"{parameter.mark.metavar}…" if parameter.repeated else parameter.mark.metavar
    return named if required else f"[{named}]"


def _add(parser: _Parser, parameter: _Parameter) -> None:
    mark, default = parameter.mark, parameter.default
    shown = default.value if isinstance(default, Enum) else None
    facts: dict[str, Any] = {"help": mark.help.replace("%", "%%") + (f" [default: {shown}]" if shown else "")}
    if parameter.type is bool:
        facts["action"] = "store_true"
    elif isinstance(parameter.type, type) and issubclass(parameter.type, Enum):
        facts |= {
            "choices": [one.value for one in parameter.type],
            "metavar": "|".join(one.value for one in parameter.type),
        }
    elif mark.metavar:
        facts["metavar"] = mark.metavar
    if isinstance(mark, Option):
        if parameter.repeated:
            facts["action"] = "append"
        made = parser.options.add_argument(mark.name, dest=parameter.name, default=None, **facts)
    else:
        required = default is inspect.Parameter.empty
        if parameter.repeated:
            facts["nargs"] = "+" if required else "*"
        elif not required:
            facts["nargs"] = "?"
        made = parser.arguments.add_argument(parameter.name, **facts)
    if mark.words is not None:
        vars(made)["completer"] = _completer(mark.words)


def _completer(words: Callable[[], Iterable[str]]) -> Callable[..., Iterable[str]]:
    """Return what argcomplete asks for the words that may stand somewhere."""
    return lambda **_: words()


def _converted(given: dict[str, Any], function: Callable[..., None]) -> dict[str, Any]:
    """Convert what was given to the types of the function; what was not given is left to its defaults."""
    types = {parameter.name: parameter.type for parameter in _parameters(function)}
    return {name: _as(types[name], value) for name, value in given.items() if value is not None}


def _as(type_: Any, value: Any) -> Any:
    if isinstance(value, list):
        return [_as(type_, one) for one in value]
    return value if type_ in (str, bool) else type_(value)

"""Commands made of functions: what is given arrives in the function's types, and what is wrong is said with how it is used."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import pytest

from groundwork.cli.arguments import Argument, Commands, Option, option_names


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


CALLS: list[dict[str, Any]] = []


def paint(
    what: Annotated[str, Argument("WHAT", "What to paint.")],
    where: Annotated[Path | None, Argument("WHERE", "Where it stands.")] = None,
    *,
    colour: Annotated[Colour, Option("--colour", "In 100 % of which colour.")] = Colour.RED,
    twice: Annotated[bool, Option("--twice", "Two coats.")] = False,
    tool: Annotated[list[str] | None, Option("--tool", "With which.", metavar="NAME")] = None,
) -> None:
    """Paint a thing.

    It dries by itself.
    """
    CALLS.append({"what": what, "where": where, "colour": colour, "twice": twice, "tool": tool})


def before(*, quiet: Annotated[bool, Option("--quiet", "Say nothing.")] = False) -> None:
    CALLS.append({"quiet": quiet})


@pytest.fixture
def app() -> Commands:
    CALLS.clear()
    group = Commands("house", "What is done to a house.")
    group.command("Paint a thing.")(paint)
    made = Commands("build", "Everything that is built.", epilog="It ends well.", options=before)
    made.add(group)
    return made


def test_what_is_given_arrives_in_the_types_of_the_function_and_the_rest_by_its_defaults(app: Commands) -> None:
    app.run(["house", "paint", "door"])
    app.run(
        ["--quiet", "house", "paint", "--tool", "brush", "door", "--colour=blue", "hall", "--twice", "--tool", "rag"]
    )
    plain = {"what": "door", "where": None, "colour": Colour.RED, "twice": False, "tool": None}
    full = {"what": "door", "where": Path("hall"), "colour": Colour.BLUE, "twice": True, "tool": ["brush", "rag"]}
    assert [{"quiet": False}, plain, {"quiet": True}, full] == CALLS


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["paint"], "there is no command 'paint'; there are house"),
        (["huose", "paint"], "there is no command 'huose'; did you mean \"house\"?; there are house"),
        (["house", "burn"], "there is no command 'burn'; there are paint"),
        (["house", "paint"], "the following arguments are required"),
        (["house", "paint", "door", "hall", "roof"], "unrecognized arguments: roof; there is room for WHAT and WHERE"),
        (["house", "paint", "door", "--color", "red"], 'unrecognized arguments: --color red; did you mean "--colour"?'),
        (["house", "paint", "door", "--colour", "green"], '"green" is none; use red or blue'),
        (["house", "paint", "door", "--col", "blue"], "unrecognized arguments: --col"),
        (["--loud", "house"], "unrecognized arguments: --loud"),
    ],
)
def test_a_call_that_cannot_be_understood_ends_with_2_and_says_what_it_takes(
    app: Commands, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        app.run(arguments)
    told = capsys.readouterr()
    assert (end.value.code, told.out) == (2, "")
    assert told.err.startswith("Usage: build ")
    assert said in told.err
    assert "--help' for help" in told.err


def test_help_has_the_commands_of_a_group_and_the_docstring_of_a_function(
    app: Commands, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments in (["--help"], ["house", "--help"], ["house", "paint", "--help"]):
        with pytest.raises(SystemExit) as end:
            app.run(arguments)
        assert end.value.code == 0
    told = capsys.readouterr().out
    for part in (
        "  house  What is done to a house.\n\nIt ends well.",
        "Usage: build house paint [OPTIONS] WHAT [WHERE]",
        "Paint a thing.\n\nIt dries by itself.",
        "In 100 % of which colour. [default: red]",
    ):
        assert part in told


def test_a_group_without_a_command_shows_its_commands_and_ends_with_2(
    app: Commands, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments in ([], ["house"]):
        with pytest.raises(SystemExit) as end:
            app.run(arguments)
        assert end.value.code == 2
    assert "  paint  Paint a thing." in capsys.readouterr().err


def test_the_options_of_commands_and_groups_are_known_by_name(app: Commands) -> None:
    house = app.members["house"]
    assert isinstance(house, Commands)
    assert option_names(app) == {"--help", "--quiet"}
    assert option_names(house) == {"--help"}
    assert option_names(house.members["paint"]) == {"--help", "--colour", "--twice", "--tool"}

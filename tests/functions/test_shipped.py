"""What ``function.yaml`` says of a function is what its handler reads and takes."""

import ast
import inspect
import re
import sys
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from groundwork.components.functions import rotations
from groundwork.components.functions.artefacts import DESCRIPTION, SHIPPED, sources
from groundwork.components.functions.checks import shipped
from tests.functions.conftest import CREDENTIALS
from tests.stacks import ROOT

FOLDERS = sorted(file.parent.name for file in (SHIPPED / "functions").glob(f"*/{DESCRIPTION}"))
SHARED = {file.stem for file in (SHIPPED / "functions" / "shared").glob("*.py")}
PAGE = ROOT / "docs" / "components" / "functions.md"


def takes(folder):
    found = shipped(f"functions/{folder}", ROOT)
    assert found is not None
    return found


def reads(folder):
    """Variable → its default, of everything that the code takes from its environment; ``*`` for what is put together."""
    found = {}
    for file in (file for file in sources(f"functions/{folder}", ROOT).values() if file.suffix == ".py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Subscript) and _is_environment(node.value):
                found.setdefault(_name(node.slice), None)
            elif isinstance(node, ast.Call) and _is_getter(node.func) and _is_environment(node.func.value):
                found[_name(node.args[0])] = ast.literal_eval(node.args[1]) if node.args[1:] else None
            elif isinstance(node, ast.Compare) and _is_environment(node.comparators[0]):
                found.setdefault(_name(node.left), None)
    return found


def _is_environment(node):
    """``os.environ``, or what a handler calls it when it is handed on."""
    return (isinstance(node, ast.Attribute) and node.attr == "environ") or (
        isinstance(node, ast.Name) and node.id == "environment"
    )


def _is_getter(node):
    return isinstance(node, ast.Attribute) and node.attr in ("get", "pop", "setdefault")


def _name(node):
    if isinstance(node, ast.JoinedStr):
        return "".join(part.value if isinstance(part, ast.Constant) else "*" for part in node.values)
    assert isinstance(node, ast.Constant), f"line {node.lineno}: a name that nobody can read here"
    return node.value


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_handler_reads_exactly_the_variables_that_its_file_lists(folder):
    described = {*takes(folder).variables, *takes(folder).given}
    read = set(reads(folder))
    assert [name for name in read if not any(fnmatchcase(known, name) for known in described)] == []
    assert [known for known in described if not any(fnmatchcase(known, name) for name in read)] == []


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_call_that_nobody_answers_fails_before_the_function_does(folder, load, monkeypatch):
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    handler = load(folder, own_client=True)
    shared = [
        sys.modules[Path(name).stem] for name in sources(f"functions/{folder}", ROOT) if Path(name).stem in SHARED
    ]
    for make in (one for module in (handler, *shared) for one in vars(module).values()):
        code = inspect.getsource(make) if hasattr(make, "cache_info") else ""
        if "boto3.client(" in code:
            config = make(*([handler.TIMEOUT] if inspect.signature(make).parameters else [])).meta.config
            tries = config.retries["total_max_attempts"]
            assert (config.connect_timeout + config.read_timeout) * tries <= takes(folder).least_timeout, make.__name__


def test_groundworks_own_functions_have_the_time_that_they_need():
    for settings in (rotations._KEYS, rotations._DATABASE):
        assert settings.timeout >= shipped(settings.code, ROOT).least_timeout


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_environment_is_read_in_no_other_way(folder):
    """What the test above does not see: the environment as a whole goes nowhere but under the name that it looks for."""
    for file in (file for file in sources(f"functions/{folder}", ROOT).values() if file.suffix == ".py"):
        _reads_no_other_way(ast.parse(file.read_text(encoding="utf-8")))


def _reads_no_other_way(tree):
    parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    for node, parent in parents.items():
        assert not (isinstance(node, ast.Attribute) and node.attr in ("getenv", "environb"))
        if isinstance(node, ast.Attribute) and node.attr == "environ":
            assert (
                (isinstance(parent, ast.Subscript) and parent.value is node)
                or _is_getter(parent)
                or isinstance(parent, ast.Compare)
                or (isinstance(parent, ast.Assign) and ast.unparse(parent.targets) == "environment")
                or (isinstance(parent, ast.Call) and _parameter(tree, parent, node) == "environment")
            ), f"line {node.lineno}"


def _parameter(tree, call, argument):
    """What the function that is called here, one of the same file, calls this argument."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else call.func.id
    (called,) = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name == name)
    return called.args.args[call.args.index(argument)].arg


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_default_is_the_handlers(folder):
    read = reads(folder)
    for name, variable in takes(folder).variables.items():
        if read.get(name):
            assert variable.unset == read[name]


@pytest.mark.parametrize("folder", FOLDERS)
def test_what_its_file_names_is_in_it(folder):
    described = takes(folder)
    assert set(described.one_of) <= set(described.variables)
    for use in described.uses:
        assert {*use.keys, *([use.variable] if use.variable else [])} <= set(described.variables)
    for variable in described.variables.values():
        assert not (variable.required and variable.unset)
        assert variable.such_as
        assert variable.pattern is None or re.fullmatch(variable.pattern, variable.such_as)
        assert variable.pattern is None or not variable.unset or not re.fullmatch(r"\d+", variable.unset) or re.fullmatch(variable.pattern, variable.unset)  # fmt: skip


@pytest.mark.parametrize("folder", FOLDERS)
def test_what_it_takes_is_no_part_of_its_package(folder):
    names = list(sources(f"functions/{folder}", ROOT))
    assert "handler.py" in names
    assert DESCRIPTION not in names


def rows():
    """As the page shows them."""
    for folder in FOLDERS:
        described = takes(folder)
        if described.runs_for:
            continue
        for name, variable in described.variables.items():
            unset = "required" if variable.required else variable.unset
            if name in described.one_of:
                unset = f"{' or '.join(described.one_of)} is required"
            yield f"| {folder} | `{name}` | {variable.says} | {unset} | `{variable.such_as}` |"


WHEN = {"always": "", "if there": " where there is `messaging.push`", "no": " if wanted"}


def needs():
    """What starts each and what it uses, as the page shows it."""
    for folder in FOLDERS:
        described = takes(folder)
        if not described.runs_for:
            uses = ", ".join(_use(use) for use in described.uses)
            yield f"| {folder} | {', '.join(described.started_by)} | {described.least_timeout} s | {uses} |"


def _use(use):
    named = f"the {use.kind} of `{use.variable}`" if use.variable else "a bucket" if use.kind == "bucket" else use.kind
    unset = f" (not set: any at {' or '.join(use.unset)})" if use.unset else ""
    return f"{named}: {' or '.join(use.levels)}{unset}{WHEN[use.needed]}"


def test_the_page_lists_what_each_takes():
    page = PAGE.read_text(encoding="utf-8")
    assert re.findall(r"^\| [a-z]+_[a-z]+ \| `.*$|^\| cleanup \| `.*$", page, re.MULTILINE) == list(rows())
    assert re.findall(r"^\| [a-z]+_[a-z]+ \| [a-z].*$|^\| cleanup \| [a-z].*$", page, re.MULTILINE) == list(needs())


def _pattern(folder, name):
    return re.compile(takes(folder).variables[name].pattern)


def _accepts(call, *arguments):
    try:
        return bool(call(*arguments))
    except (ValueError, OverflowError):
        return False


LETTERS = "aZ0159 ,=/hd*?[{}.:-_\t\n٣"


def texts(*seeds):
    """Anything, and what is written almost right."""
    part = st.sampled_from(seeds)
    joined = st.lists(part, min_size=1, max_size=3).map(",".join)
    changed = st.tuples(joined, st.integers(0, 30), st.sampled_from(LETTERS)).map(
        lambda made: made[0][: made[1]] + made[2] + made[0][made[1] :]
    )
    return st.one_of(st.text(LETTERS, max_size=12), joined, changed)


CASES = {
    ("cleanup", "RULES"): (lambda module, text: module.rules(text), ("uploads/temp/=24h", " d/=30d ", "/=1h", "a=1h")),
    ("image_processor", "SIZES"): (
        lambda module, text: module.Config.read({"SIZES": text}),
        ("thumbnail=320", " m = 9999", "=3", "a=0"),
    ),
    ("image_processor", "MAX_MB"): (
        lambda module, text: module.Config.read({"SIZES": "a=1", "MAX_MB": text}).max_bytes > 0,
        ("25", "0", "-1"),
    ),
    ("image_processor", "QUALITY"): (
        lambda module, text: 0 <= module.Config.read({"SIZES": "a=1", "QUALITY": text}).quality <= 100,
        ("82", "0", "100", "101"),
    ),
    ("cache_invalidator", "KEYS"): (lambda module, text: module._templates(text), ("user:{id}", " ", "p")),
    ("cache_invalidator", "PATTERNS"): (
        lambda module, text: module._patterns(text),
        ("feed:{id}:*", " a*", "*", "{id}*", ""),
    ),
    ("search_indexer", "INDEXES"): (
        lambda module, text: all(module._INDEX.fullmatch(part.strip()) for part in text.split(",")),
        ("posts", " users-2", "Posts", "-a"),
    ),
    ("notification_processor", "REMEMBER_HOURS"): (
        lambda module, text: int(float(text) * 3600) > 0,
        ("24", "0.5", "0.001", "0", "0.0001", "nan", "inf", "1e3"),
    ),
}


@pytest.mark.parametrize(("folder", "name"), CASES)
def test_what_a_preview_lets_through_the_handler_takes(folder, name, load):
    call, seeds = CASES[folder, name]
    module = load(folder)
    pattern = _pattern(folder, name)

    @given(texts(*seeds))
    @example(takes(folder).variables[name].such_as)
    def holds(text):
        if pattern.fullmatch(text):
            assert _accepts(call, module, text)

    holds()


@pytest.mark.parametrize(
    ("folder", "name"), [("cleanup", "RULES"), ("cache_invalidator", "PATTERNS"), ("cache_invalidator", "KEYS")]
)
def test_what_the_handler_takes_a_preview_lets_through(folder, name, load):
    call, seeds = CASES[folder, name]
    module = load(folder)
    pattern = _pattern(folder, name)

    @given(texts(*seeds))
    def holds(text):
        if _accepts(call, module, text):
            assert pattern.fullmatch(text)

    holds()

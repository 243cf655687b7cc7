"""Packages for Lambda: the same sources, the same bytes, and nothing of this machine."""

import base64
import hashlib
import subprocess
import zipfile

import pytest

from groundwork.components.functions import artefacts
from groundwork.components.functions.artefacts import artefact, digest, sources
from groundwork.operations.package import PackagingError, main, package, pip
from tests.stacks import ROOT


@pytest.fixture
def root(tmp_path):
    """A program with one function, and what its author left lying about."""
    folder = tmp_path / "functions" / "greet"
    (folder / "words" / "__pycache__").mkdir(parents=True)
    (folder / "tests").mkdir()
    (folder / ".idea").mkdir()
    for name in (
        "handler.py",
        "words/__init__.py",
        "words/nepali.json",
        "tests/test_it.py",
        ".idea/x.json",
        "README.md",
    ):
        (folder / name).write_text(f"# {name}\n", encoding="utf-8")
    (folder / "words" / "__pycache__" / "nepali.py").write_text("cache", encoding="utf-8")
    return tmp_path


CODE = "functions/greet"


def names(archive):
    with zipfile.ZipFile(archive) as opened:
        return opened.namelist()


def test_a_package_holds_code_and_data_and_nothing_else(root):
    assert names(package(CODE, root)) == ["handler.py", "words/__init__.py", "words/nepali.json"]


def test_the_same_sources_give_the_same_bytes(root, tmp_path_factory):
    first = package(CODE, root)
    content = first.read_bytes()
    first.unlink()
    for file in sources(CODE, root).values():
        file.touch()
        file.chmod(0o600)
    second = package(CODE, root)
    assert (second, second.read_bytes()) == (first, content)


def test_what_lies_about_does_not_count(root):
    before = digest(CODE, root)
    (root / CODE / "README.md").write_text("other", encoding="utf-8")
    (root / CODE / "words" / "__pycache__" / "more.py").write_text("other", encoding="utf-8")
    assert digest(CODE, root) == before


@pytest.mark.parametrize("name", ["handler.py", "words/nepali.json", "requirements.txt", "new.py"])
def test_any_change_of_code_data_or_requirements_is_another_package(root, name):
    before = artefact(CODE, root)
    (root / CODE / name).write_text("other", encoding="utf-8")
    assert artefact(CODE, root) != before


def test_a_file_that_moves_is_another_package(root):
    before = digest(CODE, root)
    (root / CODE / "words" / "__init__.py").rename(root / CODE / "words.py")
    assert digest(CODE, root) != before


def test_another_runtime_is_another_package(root, monkeypatch):
    before = digest(CODE, root)
    monkeypatch.setattr(artefacts, "PYTHON", "3.14")
    assert digest(CODE, root) != before


def test_what_is_there_is_not_made_again_and_what_is_old_goes(root):
    first = package(CODE, root)
    stranger = first.with_name("greet-me-0123456789ab.zip")
    stranger.write_text("another function's", encoding="utf-8")
    (root / CODE / "requirements.txt").write_text("tiny==1.0 --hash=sha256:00\n", encoding="utf-8")
    made = []

    def install(requirements, target):
        made.append(requirements.name)
        (target / "tiny.py").write_text("size = 1\n", encoding="utf-8")

    second = package(CODE, root, install)
    assert package(CODE, root, install) == second
    assert made == ["requirements.txt"]
    assert sorted(second.parent.iterdir()) == sorted([second, stranger])
    assert "tiny.py" in names(second)


def test_a_requirements_file_of_comments_asks_for_nothing(root):
    (root / CODE / "requirements.txt").write_text("# boto3 comes with Lambda's Python.\n\n", encoding="utf-8")
    package(CODE, root, lambda *_: pytest.fail("pip was asked"))


def test_scripts_that_name_this_machines_python_stay_behind(root):
    (root / CODE / "requirements.txt").write_text("tiny==1.0\n", encoding="utf-8")

    def install(_, target):
        (target / "bin").mkdir()
        (target / "bin" / "tiny").write_text("#!/somewhere/python", encoding="utf-8")

    assert not [name for name in names(package(CODE, root, install)) if name.startswith("bin")]


def test_half_a_package_is_never_left_behind(root):
    (root / CODE / "requirements.txt").write_text("tiny==1.0\n", encoding="utf-8")

    def install(*_):
        raise PackagingError("no such wheel")

    with pytest.raises(PackagingError, match="no such wheel"):
        package(CODE, root, install)
    assert list((root / "build" / "functions").iterdir()) == []


def test_a_folder_without_code_is_said_so(root):
    with pytest.raises(PackagingError, match="functions/nobody"):
        package("functions/nobody", root)


def test_more_than_lambda_takes_is_said_so(root, monkeypatch):
    monkeypatch.setattr("groundwork.operations.package.MAX_UNPACKED", 10)
    with pytest.raises(PackagingError, match="more than the 10"):
        package(CODE, root)


def test_the_command_says_what_went_wrong(capsys):
    assert main(["functions/nobody"]) == 1
    assert "functions/nobody" in capsys.readouterr().err


def wheel(folder, tag):
    """The smallest wheel there is."""
    content = {
        "tiny.py": b"size = 1\n",
        "tiny-1.0.dist-info/METADATA": b"Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n",
        "tiny-1.0.dist-info/WHEEL": f"Wheel-Version: 1.0\nGenerator: hand\nRoot-Is-Purelib: false\nTag: {tag}\n".encode(),
    }
    listed = "".join(
        f"{name},sha256={base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b'=').decode()},{len(data)}\n"
        for name, data in content.items()
    )
    content["tiny-1.0.dist-info/RECORD"] = (listed + "tiny-1.0.dist-info/RECORD,,\n").encode()
    path = folder / f"tiny-1.0-{tag}.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return path


@pytest.mark.parametrize(
    "tag", ["cp313-cp313-manylinux_2_28_aarch64", "cp313-cp313-manylinux2014_aarch64", "py3-none-any"]
)
def test_pip_takes_wheels_that_were_built_for_lambda(tmp_path, monkeypatch, tag):
    made = wheel(tmp_path, tag)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    requirements = tmp_path / "requirements.txt"
    requirements.write_text(
        f"tiny==1.0 --hash=sha256:{hashlib.sha256(made.read_bytes()).hexdigest()}\n", encoding="utf-8"
    )
    target = tmp_path / "target"
    target.mkdir()
    pip(requirements, target)
    assert (target / "tiny.py").is_file()


@pytest.mark.parametrize(
    ("tag", "pin"),
    [("cp313-cp313-manylinux_2_28_x86_64", True), ("cp313-cp313-manylinux_2_28_aarch64", False)],
    ids=["another processor", "no hash"],
)
def test_pip_refuses_another_processor_and_what_is_not_pinned(tmp_path, monkeypatch, tag, pin):
    made = wheel(tmp_path, tag)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    requirements = tmp_path / "requirements.txt"
    hashed = f" --hash=sha256:{hashlib.sha256(made.read_bytes()).hexdigest()}" if pin else ""
    requirements.write_text(f"tiny==1.0{hashed}\n", encoding="utf-8")
    with pytest.raises(PackagingError, match="pip could not install"):
        pip(requirements, tmp_path / "target")


def test_every_function_of_ours_pins_what_it_needs_by_hash():
    for requirements in artefacts.SHIPPED.glob("functions/*/requirements.txt"):
        for line in requirements.read_text(encoding="utf-8").splitlines():
            assert line.startswith("#") or ("==" in line and "--hash=sha256:" in line), line


def test_a_checkout_on_any_system_names_the_same_packages(tmp_path):
    """Git for Windows ends lines in CRLF unless a repository says how they end."""
    files = [file.relative_to(ROOT).as_posix() for file in sources("functions/cleanup", ROOT).values()]
    windows = ["git", "-c", "core.autocrlf=true", "checkout-index", f"--prefix={tmp_path}/", "--", *files]
    if not (ROOT / ".git").exists():
        pytest.skip("needs the repository, not only its files")
    subprocess.run(windows, cwd=ROOT, check=True)
    for file in files:
        assert (tmp_path / file).read_bytes() == (ROOT / file).read_bytes()

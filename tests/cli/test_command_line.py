"""The command line: what it prints, where, and how it ends. 0 fine, 1 findings, 2 a mistake in the input, 3 a fault."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from groundwork.cli import console
from groundwork.cli.main import run
from groundwork.cli.settings_text import settings_text
from groundwork.preview.terraform import verify as module
from groundwork.settings import schema
from tests.shared import call
from tests.stacks import ROOT, STACK_NAMES, STACKS, loaded
from tests.writing import write_project, write_stack_file

PLAIN = "import pulumi, pulumi_aws as aws\ntopic = aws.sns.Topic('topic', kms_master_key_id='alias/a', tags={'a': 'b'})\npulumi.export('arn', topic.arn)\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a project whose program makes nothing that a rule judges, and the command line run in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GROUNDWORK_DEBUG", raising=False)
    return write_project(
        tmp_path,
        program="import pulumi\npulumi.export('word', 'said')\npulumi.export('hidden', pulumi.Output.secret('hunter2'))\n",
    )


BAD = """
import pulumi_aws as aws
aws.ec2.SecurityGroup("open", ingress=[aws.ec2.SecurityGroupIngressArgs(protocol="tcp", from_port=22, to_port=22, cidr_blocks=["0.0.0.0/0"])])
aws.ec2.SecurityGroupRule("ssh", type="ingress", protocol="tcp", from_port=22, to_port=22, cidr_blocks=["0.0.0.0/0"], security_group_id="sg-1")
aws.rds.Instance("db", instance_class="db.t3.micro", publicly_accessible=True, storage_encrypted=False, engine="postgres")
"""


class TestPreview:
    def test_text_has_the_tree_the_outputs_the_verdict_and_the_next_step(
        self, project: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        code, out, err = call(capsys, "preview", "dev")
        assert code == 0
        assert out.startswith("Previewing update (dev):\n     Type")
        for part in (
            "pulumi:pulumi:Stack",
            'word: "said"',
            "hidden: [secret]",
            "+ 1 to create",
            "Guardrails:",
            "Next: pulumi up --stack dev",
        ):
            assert part in out
        assert "hunter2" not in out + err
        assert err == ""

    def test_piped_text_has_neither_colour_nor_progress(
        self, project: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        _, out, err = call(capsys, "preview", "dev")
        assert "\x1b" not in out + err
        assert "\r" not in out + err

    def test_json_is_the_snapshot_and_nothing_else(self, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
        code, out, _ = call(capsys, "preview", "dev", "--format", "json")
        assert code == 0
        assert json.loads(out)["version"] == 1
        assert json.loads(out)["outputs"]["word"] == "said"

    def test_what_the_program_prints_is_not_mixed_into_json(
        self, project: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        write_project(project, program="print('hello from the program')\n")
        _, out, err = call(capsys, "preview", "dev", "--format", "json")
        json.loads(out)
        assert "hello from the program" in err

    def test_out_writes_the_format_to_the_file_and_still_shows_the_text(
        self, project: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        _, direct, _ = call(capsys, "preview", "dev", "--format", "json")
        code, out, _ = call(capsys, "preview", "dev", "--format", "json", "--out", "s.json")
        assert code == 0
        assert (project / "s.json").read_text(encoding="utf-8") == direct
        assert "Previewing update (dev):" in out
        call(capsys, "preview", "dev", "--out", "s.txt")
        assert "Previewing update (dev):" in (project / "s.txt").read_text(encoding="utf-8")

    def test_a_file_that_cannot_be_written_is_a_mistake(
        self, project: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        code, _, err = call(capsys, "preview", "dev", "--out", "nowhere/s.txt")
        assert code == 2
        assert "nowhere/s.txt cannot be written: No such file or directory" in err

    def test_unknowns_leave_computed_values_unknown(self, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
        write_project(project, program=PLAIN)
        assert "arn: [unknown]" in call(capsys, "preview", "dev", "--unknowns")[1]
        assert 'arn: "arn:aws:sns:' in call(capsys, "preview", "dev")[1]

    @pytest.mark.parametrize("form", ["text", "json"])
    def test_a_mandatory_finding_ends_with_1(
        self, form: str, project: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        write_project(project, "groundwork:platform: {name: shop, stage: prod}", program=BAD)
        code, out, _ = call(capsys, "preview", "dev", "--format", form)
        assert code == 1
        if form == "text":
            assert "mandatory" in out
            assert "__main__.py:" in out
            assert "Fix: " in out
            assert "Next: fix the" in out


class TestMistakes:
    def test_an_unknown_stack_ends_with_2_and_lists_the_stacks(
        self, project: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        for command in ("preview", "settings", "export", "verify"):
            code, out, err = call(capsys, command, "deev")
            assert (code, out) == (2, "")
            assert err == 'there is no stack "deev"; did you mean "dev"?; there is dev\n'

    def test_broken_yaml_ends_with_2_and_names_the_line(
        self, project: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        write_stack_file(project, "config:\n  a: [\n")
        code, out, err = call(capsys, "preview", "dev")
        assert (code, out) == (2, "")
        assert err.startswith("Pulumi.dev.yaml:3: not valid YAML: ")
        assert "Traceback" not in err

    def test_every_mistake_shows_and_the_program_does_not_run(
        self, project: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        write_project(project, "groundwork:nonsense: {}\ngroundwork:data: {class: huge}", program="print('ran')")
        code, out, err = call(capsys, "preview", "dev")
        assert (code, out) == (2, "")
        assert [line.split(": ")[0] for line in err.splitlines()] == [
            "Pulumi.dev.yaml:4 nonsense",
            "Pulumi.dev.yaml:5 data.class",
        ]

    @pytest.mark.parametrize(
        "arguments",
        [["preview"], ["preview", "dev", "--format", "pdf"], ["nonsense"], ["preview", "dev", "--nonsense"]],
    )
    def test_a_mistaken_call_ends_with_2_and_shows_how_it_is_used(
        self, arguments: list[str], project: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        code, out, err = call(capsys, *arguments)
        assert (code, out) == (2, "")
        assert "Usage: groundwork" in err


class TestFaults:
    PROGRAM = "import helper\nhelper.work()\n"

    def test_an_error_of_the_program_names_its_line_and_ends_with_3(
        self, project: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        write_project(project, program=self.PROGRAM)
        (project / "helper.py").write_text("def work():\n    return {}['missing']\n", encoding="utf-8")
        sys.modules.pop("helper", None)
        code, out, err = call(capsys, "preview", "dev")
        assert (code, out) == (3, "")
        assert "helper.py:2: KeyError: 'missing'" in err
        assert "--debug" in err
        assert "Traceback" not in err

    def test_a_syntax_error_names_its_line(self, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
        write_project(project, program="x = 1\nif x\n")
        code, _, err = call(capsys, "preview", "dev")
        assert code == 3
        assert "__main__.py:2: SyntaxError" in err

    def test_what_the_program_reports_itself_is_a_mistake_of_the_input(
        self, project: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        write_project(project, program="import pulumi\nraise pulumi.RunError('this stack needs more')")
        code, _, err = call(capsys, "preview", "dev")
        assert code == 2
        assert err == "The program ended with an error:\nthis stack needs more\n"

    def test_a_name_declared_twice_is_told_with_both_places(
        self, project: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        write_project(project, program="import pulumi_aws as aws\naws.sns.Topic('t')\naws.sns.Topic('t')\n")
        code, _, err = call(capsys, "preview", "dev")
        assert code == 2
        assert "two resources are called 't'" in err

    @pytest.mark.parametrize("how", ["option", "environment"])
    def test_debugging_shows_the_traceback(self, how: str, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        write_project(project, program="raise ValueError('deep inside')")
        monkeypatch.setenv("GROUNDWORK_DEBUG", "1" if how == "environment" else "0")
        arguments = ["--debug"] if how == "option" else []
        with pytest.raises(Exception, match="deep inside") as raised:
            run([*arguments, "preview", "dev"])
        assert isinstance(raised.value.__cause__, ValueError)


class TestOtherCommands:
    def test_settings_show_every_value_with_its_source(self, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
        code, out, _ = call(capsys, "settings", "dev")
        assert code == 0
        lines = [line.split() for line in out.splitlines()]
        assert ["name", "shop", "Pulumi.dev.yaml:3"] in lines
        assert ["zones", "2", "phase", "launch"] in lines
        assert ["waf.mode", "count", "stage", "dev"] in lines
        assert ["timezone", "UTC", "default"] in lines
        assert lines[-1][:4] == ["Not", "in", "this", "stack:"]

    def test_settings_as_json_and_yaml_can_be_read_back(
        self, project: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        document = json.loads(call(capsys, "settings", "dev", "--format", "json")[1])
        assert document["settings"]["platform"]["name"] == "shop"
        assert document["sources"]["platform.name"] == "Pulumi.dev.yaml:3"
        config = yaml.safe_load(call(capsys, "settings", "dev", "--format", "yaml")[1])["config"]
        assert config["groundwork:platform"]["name"] == "shop"

    def test_names_of_stacks_come_one_a_line_for_scripts(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(ROOT)
        assert call(capsys, "stacks", "--names") == (0, "".join(f"{name}\n" for name in STACK_NAMES), "")

    def test_every_stack_in_each_phase_comes_as_arguments_of_preview_for_scripts(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(ROOT)
        lines = call(capsys, "stacks", "--each-phase")[1].splitlines()
        assert [line.replace(" --phase ", "@") for line in lines] == STACKS
        assert "examples/thulobazaar/prod --phase scale" in lines

    def test_a_phase_can_be_looked_at_ahead_of_the_file(
        self, project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        program = """
            import pulumi
            from groundwork.settings.loading import load_from_pulumi
            settings = load_from_pulumi()
            pulumi.export("phase", settings.platform.phase)
            pulumi.export("budget", settings.budget.monthly)
        """
        write_project(project, "groundwork:phases: {growth: {budget: {monthly: 321}}}", program=program)
        before = (project / "Pulumi.dev.yaml").read_text(encoding="utf-8")
        code, out, _ = call(capsys, "preview", "dev", "--phase", "growth")
        assert code == 0
        assert out.startswith("Previewing update (dev, looking ahead to growth):")
        assert "budget: 321" in out
        assert "phase: growth" in out
        assert out.endswith("Next: say phase: growth in Pulumi.dev.yaml; then pulumi up --stack dev\n")
        settings = json.loads(call(capsys, "settings", "dev", "--phase", "growth", "--format", "json")[1])
        assert settings["settings"]["budget"]["monthly"] == 321
        assert settings["sources"]["platform.phase"] == "--phase"
        assert (project / "Pulumi.dev.yaml").read_text(encoding="utf-8") == before
        named = "import pulumi_aws as aws\nfrom groundwork.components import load\n"
        named += 'aws.sns.Topic("told", display_name=load().platform.phase)\n'
        (project / "__main__.py").write_text(named, encoding="utf-8")
        [topic] = json.loads(call(capsys, "export", "dev", "--phase", "growth")[1])["resource"][
            "aws_sns_topic"
        ].values()
        assert topic["display_name"] == "growth"
        for command in ("preview", "settings", "export", "verify"):
            code, out, err = call(capsys, command, "dev", "--phase", "lunch")
            assert (code, out) == (2, "")
            assert 'did you mean "launch"?' in err

    def test_stacks_are_listed_and_those_with_mistakes_named(
        self, project: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        write_project(project, "groundwork:phases: {launch: {}, scale: {}}")
        write_project(project, "groundwork:nonsense: {}", stack="prod")
        code, out, _ = call(capsys, "stacks")
        assert code == 0
        assert out.splitlines() == [
            "STACK  STAGE  PHASE   REGION      FURTHER PHASES",
            "dev    dev    launch  ap-south-1  scale",
            "prod   1 mistake; groundwork settings prod shows it",
        ]

    def test_the_schema_is_printed_or_written(self, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert call(capsys, "schema")[1] == schema.dumps()
        assert call(capsys, "schema", "--out", "x.json")[:2] == (0, "")
        assert (project / "x.json").read_text(encoding="utf-8") == schema.dumps()

    def test_export_gives_terraform(self, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
        write_project(project, program=PLAIN)
        code, out, _ = call(capsys, "export", "dev", "--format", "terraform")
        assert code == 0
        assert "aws_sns_topic" in json.loads(out)["resource"]

    def test_verify_without_terraform_says_so_and_ends_well(
        self, project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(
            module, "verify", lambda snapshot: module.Verification(skipped="Terraform is not installed.")
        )
        code, out, _ = call(capsys, "verify", "dev")
        assert code == 0
        assert out.startswith("Not verified by the AWS provider:")

    def test_help_and_version_end_with_0(self, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
        code, out, _ = call(capsys, "--help")
        assert code == 0
        for command in ("preview", "settings", "stacks", "schema", "export", "verify"):
            assert f"\n  {command} " in out
            assert call(capsys, command, "--help")[0] == 0
        assert call(capsys, "--version")[1].startswith("groundwork ")

    @pytest.mark.parametrize("stack", STACKS)
    def test_settings_of_every_stack_read_well_at_80_columns(self, stack: str) -> None:
        lines = settings_text(loaded(stack), 80).splitlines()
        assert max(len(line) for line in lines if not line.startswith("Not in")) <= 80


class TestProcess:
    """What only a process of its own can show."""

    def start(self, *arguments: str, cwd: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
        env = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", **environment}
        return subprocess.run(
            [sys.executable, "-m", "groundwork.cli.main", *arguments],
            cwd=cwd,
            env={**env, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )

    def test_quick_commands_do_not_load_pulumi(self) -> None:
        commands = [["--help"], ["settings", "dev"], ["schema"], ["stacks"], ["settings", "nowhere"]]
        code = (
            "import sys; from groundwork.cli.main import run\n"
            f"for one in {commands!r}:\n    run(one)\n    if 'pulumi' in sys.modules: sys.exit(f'{{one}} loads it')"
        )
        done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-500:]

    def test_a_whole_process_previews_without_any_account_or_home(self, tmp_path: Path) -> None:
        write_project(tmp_path, program=PLAIN)
        done = self.start("preview", "dev", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        assert "aws:sns:Topic" in done.stdout

    @pytest.mark.parametrize(
        ("command", "code", "start"),
        [("settings dev", 0, "aws:region"), ("preview dev", 0, "Previewing"), ("preview bad", 1, "Previewing")],
    )
    def test_a_command_ends_as_it_would_whether_or_not_its_output_is_read_to_the_end(
        self, tmp_path: Path, command: str, code: int, start: str
    ) -> None:
        many = "groundwork:secrets: {" + ", ".join(f"s{n}: {{keys: [A]}}" for n in range(200)) + "}"
        # More than the 64 KB that a pipe holds: https://man7.org/linux/man-pages/man7/pipe.7.html
        topic = f"aws.sns.Topic(f'topic-{'long-' * 40}{{n}}', kms_master_key_id='alias/a')"
        program = f"import pulumi, pulumi_aws as aws\nfor n in range(300): {topic}\n"
        write_project(tmp_path, many, program=program)
        write_project(
            tmp_path,
            many,
            stack="bad",
            program=f"{program}if pulumi.get_stack() == 'bad':\n    {BAD.strip().splitlines()[-1]}",
        )
        done = subprocess.run(
            ["bash", "-c", f'{sys.executable} -m groundwork.cli.main {command} | head -1; echo "${{PIPESTATUS[0]}}"'],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
        first, status = done.stdout.splitlines()
        assert first.startswith(start)
        assert (int(status), done.stderr) == (code, "")


def test_an_entry_whose_name_is_taken_by_something_else_is_told_with_its_line(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program = "import pulumi_aws as aws\naws.sns.Topic('shop-alerts')\naws.sns.Topic('shop-alerts')\n"
    write_project(project, "groundwork:storage:\n  images: {}\n  alerts: {}", program=program)
    code, out, err = call(capsys, "preview", "dev")
    assert (code, out) == (2, "")
    assert err.startswith(
        "Pulumi.dev.yaml:6 storage.alerts: choose another name: two resources are called 'shop-alerts' of type "
        "aws:sns/topic:Topic (first declared at __main__.py:2)"
    )


def test_an_exception_to_a_rule_that_does_not_exist_is_a_mistake_with_its_line(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    entry = '{rule: cloudfront-tlss, resource: "shop-*", reason: because it is so, owner: me, expires: 2026-12-31}'
    write_project(project, f"groundwork:exceptions:\n  - {entry}", program=PLAIN)
    code, out, err = call(capsys, "preview", "dev")
    assert (code, out) == (2, "")
    assert err == (
        'Pulumi.dev.yaml:5 exceptions[0].rule: "cloudfront-tlss" is no rule; did you mean "cloudfront-tls"?; '
        "all: groundwork policies list\n"
    )


def test_a_mistake_is_wrapped_between_words_on_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "terminal_width", lambda _stream: 40)
    console.print_error(
        "Pulumi.dev.yaml:4 platform.phase: not allowed; use mvp or launch\nPulumi.dev.yaml:5 budget: short"
    )
    assert capsys.readouterr().err.splitlines() == [
        "Pulumi.dev.yaml:4 platform.phase: not",
        "    allowed; use mvp or launch",
        "Pulumi.dev.yaml:5 budget: short",
    ]

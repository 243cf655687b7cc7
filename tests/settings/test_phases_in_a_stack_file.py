"""A stack file says the sizes of each of its phases; ``platform.phase`` or ``--phase`` picks one of them."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema_rs
import pulumi
import pytest
import yaml

from groundwork.preview.engine import run_program
from groundwork.settings import schema
from groundwork.settings.effective import effective
from groundwork.settings.loading import Loaded, _as_engine_config, find_stack, load_stack, phases
from groundwork.settings.mistakes import Mistakes
from tests.requirements import proves
from tests.writing import load, mistakes_in, write_project

GROWING = """
groundwork:services:
  web: {port: 3000, path: "/*", cpu: 512}
groundwork:storage: {images: {purpose: media}}
groundwork:phases:
  launch:
    data: {class: db.t3.small}
  growth:
    services:
      "*": {memory: 4096, cpu: 1024}
      worker: {scaling: {max: 6}}
    data: {class: db.t3.medium, replicas: {reader-1: {class: db.t3.small}}, proxy: null}
    cache: null
"""


def in_phase(folder: Path, phase: str | None, config: str = GROWING) -> Loaded:
    write_project(folder, config)
    return load_stack(find_stack("dev", folder, phase))


@proves("C-03", "C-08")
def test_the_phase_that_the_platform_is_in_brings_the_sizes_that_the_file_says_of_it(tmp_path: Path) -> None:
    launch = in_phase(tmp_path, None).settings
    assert launch.data is not None
    assert launch.data.instance_class == "db.t3.small"
    growth = in_phase(tmp_path, "growth").settings
    assert growth.platform.phase == "growth"
    assert growth.data is not None
    assert (growth.data.instance_class, growth.data.proxy, growth.cache) == ("db.t3.medium", None, None)
    assert growth.data.replicas["reader-1"].instance_class == "db.t3.small"


@proves("C-03", "C-08")
def test_the_file_is_stronger_than_its_phase_and_its_phase_than_groundworks(tmp_path: Path) -> None:
    """Default < phase < stage < the file's phase < the file, for what all entries start from too."""
    growth = in_phase(tmp_path, "growth").settings
    web, worker = growth.services["web"], growth.services["worker"]
    assert (web.cpu, web.memory) == (512, 4096)
    assert (worker.cpu, worker.memory, worker.scaling.max) == (1024, 4096, 6)
    said = in_phase(tmp_path, "growth", f"{GROWING}groundwork:data: {{class: db.t3.large}}\n").settings.data
    assert said is not None
    assert (said.instance_class, list(said.replicas)) == ("db.t3.large", ["reader-1"])


@proves("C-08")
def test_a_phase_of_which_the_file_says_nothing_has_groundworks_sizes(tmp_path: Path) -> None:
    scale = in_phase(tmp_path, "scale").settings
    assert scale.data is not None
    assert scale.data.instance_class == "db.t4g.large"
    assert "worker" not in scale.services


def test_each_value_says_the_line_of_the_phase_from_which_it_came(tmp_path: Path) -> None:
    sources = {row.path: row.source for row in effective(in_phase(tmp_path, "growth"))}
    assert sources[("data", "class")] == "Pulumi.dev.yaml:14"
    assert sources[("services", "web", "memory")] == "Pulumi.dev.yaml:12"
    assert sources[("services", "web", "cpu")] == "Pulumi.dev.yaml:5"
    assert sources[("platform", "phase")] == "--phase"
    assert sources[("data", "storage", "size")] == "phase growth"


@proves("C-08")
def test_the_running_program_has_the_sizes_of_its_phase_from_the_engine(tmp_path: Path) -> None:
    program = """
        import pulumi
        from groundwork.settings.loading import load_from_pulumi
        pulumi.export("settings", load_from_pulumi().model_dump_json(by_alias=True))
    """
    write_project(tmp_path, GROWING, program=program)
    for phase in (None, "growth"):
        loaded = load_stack(find_stack("dev", tmp_path, phase))
        snapshot = run_program(tmp_path, project="test", stack="dev", config=loaded.config, settings={})
        assert json.loads(snapshot.outputs["settings"]) == json.loads(loaded.settings.model_dump_json(by_alias=True))


def test_the_running_program_names_the_line_of_a_mistake_in_a_phase(tmp_path: Path) -> None:
    program = """
        import pulumi
        from groundwork.settings.loading import load_from_pulumi
        from groundwork.settings.mistakes import Mistakes
        try:
            load_from_pulumi()
        except Mistakes as mistakes:
            raise pulumi.RunError(str(mistakes)) from None
    """
    write_project(tmp_path, "groundwork:phases:\n  launch: {data: {class: huge}}", program=program)
    config = _as_engine_config(yaml.safe_load((tmp_path / "Pulumi.dev.yaml").read_text(encoding="utf-8"))["config"])
    with pytest.raises(pulumi.RunError, match=r"Pulumi\.dev\.yaml:5 phases\.launch\.data\.class: "):
        run_program(tmp_path, project="test", stack="dev", config=config, settings={})


def test_a_secret_sealed_in_a_phase_stays_sealed(tmp_path: Path) -> None:
    config = "groundwork:phases: {launch: {secrets: {app: {keys: [A], values: {A: {secure: v1:abc}}}}}}"
    settings = in_phase(tmp_path, None, config).settings
    assert settings.secrets["app"].values["A"].value is None
    [mistake] = mistakes_in(tmp_path, config.replace("{secure: v1:abc}", "in-clear"))
    assert mistake.startswith("Pulumi.dev.yaml:4 phases.launch.secrets.app.values.A: is a secret in clear text")
    assert "in-clear" not in mistake


PHASES = "use mvp, launch, growth, scale or millions"
SIZES = (
    "network, edge, compute, services, jobs, data, cache, search, messaging, functions, storage, files, secrets, parameters, extensions, migration, delivery, recovery, "
    "observability, budget, usage, exceptions"
)
ONCE = "a phase holds sizes; what holds in all of them stands once, under groundwork:platform"


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("{grwoth: {}}", f'phases.grwoth: unknown phase; {PHASES}; did you mean "growth"?'),
        ("[growth]", "phases: is not a mapping; its keys are mvp, launch, growth, scale, millions"),
        ("{growth: large}", f"phases.growth: is not a mapping of layers; there are {SIZES}"),
        ("{growth: {platform: {stage: prod}}}", f"phases.growth.platform: {ONCE}"),
        ("{growth: {phase: growth}}", f"phases.growth.phase: {ONCE}"),
        ("{growth: {stage: prod}}", f"phases.growth.stage: {ONCE}"),
        ("{growth: {domain: example.com}}", f"phases.growth.domain: {ONCE}"),
        ("{growth: {phases: {}}}", f"phases.growth.phases: unknown layer; there are {SIZES}"),
        ("{growth: {dta: {}}}", f'phases.growth.dta: unknown layer; did you mean "data"?; there are {SIZES}'),
        (
            '{growth: {services: {"*": 3}}}',
            "phases.growth.services.*: is not a mapping",
        ),
    ],
)
def test_what_is_no_size_of_a_phase_is_one_mistake_with_its_line(said: str, message: str, tmp_path: Path) -> None:
    assert mistakes_in(tmp_path, f"groundwork:phases: {said}") == [f"Pulumi.dev.yaml:4 {message}"]


def test_a_slip_in_a_later_phase_shows_before_the_stack_moves(tmp_path: Path) -> None:
    config = """
    groundwork:phases:
      growth:
        data: {clas: db.t3.small}
      scale:
        services: {web: {port: 3000, cpu: lots}}
    """
    first, second = mistakes_in(tmp_path, config)
    assert first.startswith('Pulumi.dev.yaml:6 phases.growth.data.clas: unknown key; did you mean "class"?')
    assert second.startswith('Pulumi.dev.yaml:8 phases.scale.services.web.cpu: "lots" is not a whole number')


def test_a_slip_outside_the_phases_is_one_mistake_however_many_phases_there_are(tmp_path: Path) -> None:
    config = "groundwork:data: {clas: x}\ngroundwork:phases: {launch: {budget: {monthly: 5}}, growth: {}, scale: {}}"
    assert len(mistakes_in(tmp_path, config)) == 1


def test_what_does_not_fit_groundworks_own_size_is_told_where_the_phase_says_the_rest(tmp_path: Path) -> None:
    config = """
    groundwork:services: {worker: {}}
    groundwork:phases:
      launch:
        services: {worker: {scaling: {max: 1}}}
    """
    [mistake] = mistakes_in(tmp_path, config)
    assert mistake == (
        "Pulumi.dev.yaml:7 services.worker.scaling.min: min (2) is more than max (1) (from phase launch)"
    )


def test_whether_layers_agree_is_asked_of_the_phase_at_hand(tmp_path: Path) -> None:
    config = """
    groundwork:services: {web: {port: 3000, path: "/*", uses: {jobs: send}}}
    groundwork:phases:
      growth:
        messaging: {queues: {jobs: {}}}
    """
    write_project(tmp_path, config)
    with pytest.raises(Mistakes, match=r"services\.web\.uses\.jobs"):
        load(tmp_path)
    load_stack(find_stack("dev", tmp_path, "growth"))


def test_a_phase_that_does_not_exist_is_refused_when_it_is_asked_for(tmp_path: Path) -> None:
    write_project(tmp_path)
    with pytest.raises(Mistakes) as caught:
        find_stack("dev", tmp_path, "lunch")
    assert str(caught.value) == f'--phase: "lunch" is no phase; {PHASES}; did you mean "launch"?'


def test_a_stack_goes_through_the_phases_that_its_file_names_and_the_one_it_is_in(tmp_path: Path) -> None:
    def named(config: str) -> list[str]:
        write_project(tmp_path, config)
        return phases(find_stack("dev", tmp_path))

    assert named("") == ["launch"]
    assert named("groundwork:phases: {scale: {}, growth: null}") == ["launch", "growth", "scale"]
    assert named("groundwork:phases: {mvp: {}, launch: {}}") == ["mvp", "launch"]


@pytest.mark.parametrize(
    "said",
    [
        "{grwoth: {}}",
        "[growth]",
        "{growth: large}",
        "{growth: {platform: {stage: prod}}}",
        "{growth: {data: {clas: db.t3.small}}}",
    ],
)
def test_an_editor_refuses_what_loading_refuses(said: str, tmp_path: Path) -> None:
    config = f"groundwork:phases: {said}"
    document = yaml.safe_load((write_project(tmp_path, config) / "Pulumi.dev.yaml").read_text(encoding="utf-8"))
    assert list(jsonschema_rs.Draft7Validator(schema.stack_file_schema()).iter_errors(document))
    assert mistakes_in(tmp_path, config)


def test_a_phase_and_the_file_may_each_say_a_part_of_one_group(tmp_path: Path) -> None:
    config = """
    groundwork:messaging: {queues: {jobs: {}}}
    groundwork:services: {worker: {scaling: {target: null, queue: {messages_per_task: 5}}}}
    groundwork:phases: {launch: {services: {worker: {scaling: {queue: {queue: jobs}}, uses: {jobs: consume}}}}}
    """
    document = yaml.safe_load((write_project(tmp_path, config) / "Pulumi.dev.yaml").read_text(encoding="utf-8"))
    assert list(jsonschema_rs.Draft7Validator(schema.stack_file_schema()).iter_errors(document)) == []
    scaling = load(tmp_path).settings.services["worker"].scaling
    assert scaling.queue is not None
    assert (scaling.queue.queue, scaling.queue.messages_per_task) == ("jobs", 5)

"""Each bad input gives one message: file:line path: what was found; what is allowed; what is near."""

from __future__ import annotations

from pathlib import Path

import pytest

from groundwork.settings.loading import find_stack, load_stack
from groundwork.settings.mistakes import Mistakes
from tests.writing import load, mistakes_in, write_project, write_stack_file

SERVICES = 'groundwork:services: {{web: {{port: 3000, path: "/*"{}}}}}'

WITHIN_CONFIG = {
    "an unknown key": (
        SERVICES.format(", prot: 1"),
        ['Pulumi.dev.yaml:4 services.web.prot: unknown key; did you mean "port"?; allowed: '],
    ),
    "a wrong type": (
        SERVICES.format(", cpu: lots"),
        ['Pulumi.dev.yaml:4 services.web.cpu: "lots" is not a whole number'],
    ),
    "a number where text belongs": (
        "groundwork:data: {version: 15}",
        ["Pulumi.dev.yaml:4 data.version: 15 is not text; put it in quotes"],
    ),
    "a list where a map belongs": (
        "groundwork:services: [web, api]",
        ['Pulumi.dev.yaml:4 services: ["web", "api"] is not a mapping'],
    ),
    "a map where a list belongs": (
        "groundwork:observability: {alerts: {notice: {emails: {a: b}}}}",
        ['Pulumi.dev.yaml:4 observability.alerts.notice.emails: {"a": "b"} is not a list'],
    ),
    "something used that is not there": (
        SERVICES.format(", uses: {databse: connect}"),
        ['Pulumi.dev.yaml:4 services.web.uses.databse: unknown; there are database, web; did you mean "database"?'],
    ),
    "a level that the thing does not have": (
        SERVICES.format(", uses: {database: write}"),
        ['Pulumi.dev.yaml:4 services.web.uses.database: "write" is not a level of a database; use connect or read'],
    ),
    "a Fargate CPU that does not exist": (
        SERVICES.format(", cpu: 300"),
        [
            "Pulumi.dev.yaml:4 services.web.cpu: 300 is not a Fargate CPU size; use 256, 512, 1024, 2048, 4096, 8192, 16384 or 32768"
        ],
    ),
    "a Fargate pair that does not exist": (
        SERVICES.format(", cpu: 256, memory: 4096"),
        [
            "Pulumi.dev.yaml:4 services.web.memory: 4096 MiB does not go with 256 CPU units on Fargate; use 512, 1024 or 2048"
        ],
    ),
    "a Fargate pair whose other half the phase brings": (
        SERVICES.format(", cpu: 4096"),
        [
            "Pulumi.dev.yaml:4 services.web.memory: 1024 MiB does not go with 4096 CPU units on Fargate; use 8192 to 30720 in steps of 1024 (from phase launch)"
        ],
    ),
    "subnets that overlap": (
        "groundwork:network:\n  subnets:\n    public: {a: 10.0.200.0/24, b: 10.0.200.128/25}",
        ["Pulumi.dev.yaml:6 network.subnets.public.b: 10.0.200.128/25 overlaps 10.0.200.0/24 of public.a"],
    ),
    "a network too small for the plan": (
        "groundwork:network: {cidr: 10.0.0.0/24}",
        ["Pulumi.dev.yaml:4 network.cidr: 10.0.0.0/24 is too small for the address plan, which needs a /22 or larger"],
    ),
    "more zones than the region has": (
        "aws:region: us-west-1\ngroundwork:network: {zones: 3}",
        ["Pulumi.dev.yaml:4 network.zones: 3 zones, but us-west-1 has 2: a or c"],
    ),
    "a region that does not exist": (
        "aws:region: eu-cental-1",
        ['Pulumi.dev.yaml:3 aws:region: "eu-cental-1" is not a region Groundwork knows; did you mean "eu-central-1"?'],
    ),
    "two services on one path": (
        'groundwork:services:\n  web: {port: 3000, path: "/*"}\n  api: {port: 5000, path: "/*"}',
        ['Pulumi.dev.yaml:6 services.api.path: "/*" is also the path of services.web; each path leads to one'],
    ),
    "a phase misspelt": (
        "groundwork:platform: {name: shop, phase: lanch}",
        [
            'Pulumi.dev.yaml:3 platform.phase: "lanch" is not allowed; use mvp, launch, growth, scale or millions; did you mean "launch"?'
        ],
    ),
    "a stage misspelt": (
        "groundwork:platform: {name: shop, stage: production}",
        [
            'Pulumi.dev.yaml:3 platform.stage: "production" is not allowed; use dev, staging or prod; did you mean "prod"?'
        ],
    ),
    "a domain without its zone": (
        "groundwork:platform: {name: shop, domain: example.com, phase: launch}\ngroundwork:edge: {zone: null}",
        ["Pulumi.dev.yaml:3 platform.domain: a domain needs its hosted zone; set edge.zone: {} to make one"],
    ),
    "replicas too small for what services may open": (
        SERVICES.format(", connections: 10, uses: {database: read}, scaling: {max: 10}")
        + "\ngroundwork:data: {proxy: {}, replicas: {one: {class: db.t3.micro}}}",
        [
            "Pulumi.dev.yaml:5 data.replicas.one.class: services may open 200 connections while a deployment runs old and new copies (web 20 × 10), and db.t3.micro has about 55 for them; lower connections or scaling.max, or use a larger class"
        ],
    ),
    "cluster mode with a class that lacks it": (
        "groundwork:cache: {class: cache.t1.micro, shards: 2}",
        [
            'Pulumi.dev.yaml:4 cache.class: "cache.t1.micro" is of a previous generation and has no cluster mode (shards); use cache.t4g.micro or larger'
        ],
    ),
    "a cache over several zones with one node": (
        "groundwork:cache: {multi_az: true}",
        ["Pulumi.dev.yaml:4 cache.multi_az: multi_az needs at least 1 replica to fail over to; replicas is 0"],
    ),
    "a replica of nothing": (
        "groundwork:data: {replicas: {second: {of: frist}, first: {}}}",
        [
            'Pulumi.dev.yaml:4 data.replicas.second.of: there is no replica "frist"; leave it out to copy the primary; did you mean "first"?'
        ],
    ),
    "an unknown layer": (
        "groundwork:storge: {images: {}}",
        ['Pulumi.dev.yaml:4 storge: unknown layer; did you mean "storage"?; there are platform, network, '],
    ),
    "the namespace misspelt": (
        "grondwork:storage: {images: {}}",
        ['Pulumi.dev.yaml:4 grondwork:storage: unknown namespace; did you mean "groundwork:storage"?'],
    ),
    "a key without its namespace": (
        "services: {}",
        ['Pulumi.dev.yaml:4 services: a configuration key needs its namespace; write "groundwork:services"'],
    ),
    "a huge value": (
        f"groundwork:data: {{class: {'x' * 5000}}}",
        [
            'Pulumi.dev.yaml:4 data.class: "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx… is not a class of databases such as "db.t4g.medium"'
        ],
    ),
    "an encrypted value where plain text belongs": (
        SERVICES.format(", health: {secure: v1:abc}"),
        [
            'Pulumi.dev.yaml:4 services.web.health: {"secure": "v1:abc"} is not text; an encrypted value can only stand under secrets.NAME.values and messaging.push'
        ],
    ),
    "a whole layer encrypted": (
        "groundwork:secrets: {secure: v1:abc}",
        [
            "Pulumi.dev.yaml:4 secrets: is encrypted as a whole, so nobody can review it; encrypt single values: pulumi config set --secret --path 'groundwork:secrets.KEY'"
        ],
    ),
    "an entry * that is no map": (
        'groundwork:services: {"*": 3}',
        ["Pulumi.dev.yaml:4 services.*: is not a mapping"],
    ),
    "a mistake in * that every entry takes over": (
        'groundwork:services:\n  "*": {cpu: lots}\n  web: {}\n  api: {}',
        ['Pulumi.dev.yaml:5 services.*.cpu: "lots" is not a whole number'],
    ),
    "a name that AWS would not take": (
        "groundwork:storage: {My_Bucket: {}}",
        ['Pulumi.dev.yaml:4 storage.My_Bucket: "My_Bucket" must be lower-case letters, digits and single dashes'],
    ),
    "a number out of its bounds": (
        SERVICES.format(", scaling: {min: -1}"),
        ["Pulumi.dev.yaml:4 services.web.scaling.min: -1 is too small; the least is 0"],
    ),
    "bounds in the wrong order": (
        SERVICES.format(", scaling: {min: 5, max: 2}"),
        ["Pulumi.dev.yaml:4 services.web.scaling.min: min (5) is more than max (2)"],
    ),
    "a group without what it must have": (
        "groundwork:secrets: {app: {description: words}}",
        ["Pulumi.dev.yaml:4 secrets.app.keys: is missing; it has no default"],
    ),
    "no platform at all": (
        "groundwork:platform: {stage: dev}",
        ["Pulumi.dev.yaml:3 platform.name: is missing; it has no default"],
    ),
    "connections beyond what goes without a pooler": (
        'groundwork:services:\n  api: {port: 5000, path: "/*", connections: 30, uses: {database: connect}}',
        [
            "Pulumi.dev.yaml:1 data.proxy: services may open 120 direct connections (api 4 × 30), more than 100 without a pooler; "
        ],
    ),
}


@pytest.mark.parametrize("case", WITHIN_CONFIG)
def test_a_mistake_names_its_place_what_was_found_and_what_is_allowed(case: str, tmp_path: Path) -> None:
    config, expected = WITHIN_CONFIG[case]
    found = mistakes_in(tmp_path, config)
    assert len(found) == len(expected), found
    for message, beginning in zip(found, expected, strict=True):
        assert message.startswith(beginning)


FILES: dict[str, tuple[str | bytes, str]] = {
    "an empty file": (
        "",
        "Pulumi.dev.yaml aws:region: is missing; add it under config, such as aws:region: ap-south-1",
    ),
    "a file of comments": (
        "# nothing\n",
        "Pulumi.dev.yaml aws:region: is missing; add it under config, such as aws:region: ap-south-1",
    ),
    "a list as the whole file": ("- a\n- b\n", "Pulumi.dev.yaml:1: expected a mapping of keys to values"),
    "a word as the whole file": ("hello\n", "Pulumi.dev.yaml:1: expected a mapping of keys to values"),
    "a list under config": ("config:\n  - a\n", "Pulumi.dev.yaml:1 config: expected a mapping of keys to values"),
    "broken YAML": (
        "config:\n  aws:region: [a\n  b: c\n",
        "Pulumi.dev.yaml:3: not valid YAML: did not find expected ',' or ']'",
    ),
    "a tab for indentation": (
        "config:\n\taws:region: eu-west-1\n",
        "Pulumi.dev.yaml:2: not valid YAML: found character that cannot start any token; indent with spaces, not tabs",
    ),
    "a key said twice": (
        "config:\n  aws:region: eu-west-1\n  aws:region: eu-west-2\n",
        "Pulumi.dev.yaml:3 config.aws:region: said twice (first on line 2); keep one",
    ),
    "text that is not UTF-8": (
        b"config:\n  aws:region: \xff\xfe\n",
        "Pulumi.dev.yaml: not UTF-8 text (byte 22); save the file as UTF-8",
    ),
    "an unknown anchor": ("config: *base\n", "Pulumi.dev.yaml:1: not valid YAML: found undefined alias"),
    "a foreign tag": (
        "config: !!python/object:os.system {}\n",
        "Pulumi.dev.yaml:1: not valid YAML: could not determine a constructor for the tag 'tag:yaml.org,2002:python/object:os.system'",
    ),
    "a value that contains itself": (
        "config: &all\n  a: *all\n",
        "Pulumi.dev.yaml:1 config.a: contains itself; an alias may not stand inside its own anchor",
    ),
    "a key that is a number": (
        "config:\n  groundwork:platform: {1: x}\n",
        "Pulumi.dev.yaml:2 config.groundwork:platform.1: a key must be text; put it in quotes",
    ),
    "a number that is none": (
        "config:\n  groundwork:budget: {monthly: .nan}\n",
        "Pulumi.dev.yaml:2 config.groundwork:budget.monthly: is no number that a setting takes",
    ),
    "a set": (
        "config:\n  groundwork:budget: !!set {a, b}\n",
        "Pulumi.dev.yaml:2 config.groundwork:budget: set is not a kind of value that configuration takes",
    ),
    "a layer beside config": (
        "config:\n  aws:region: eu-west-1\n  groundwork:platform: {name: shop}\ngroundwork:storage: {}\n",
        "Pulumi.dev.yaml:4 groundwork:storage: unknown key; a stack file has config, encryptionsalt, encryptedkey, secretsprovider or environment; put it under config",
    ),
    "two documents": ("config: {}\n---\nconfig: {}\n", "Pulumi.dev.yaml:2: not valid YAML: but found another document"),
    "the country Norway": (
        "config:\n  aws:region: NO\n  groundwork:platform: {name: shop}\n",
        "Pulumi.dev.yaml:2 aws:region: is not text (YAML takes the word NO for false; write regions in full)",
    ),
}


@pytest.mark.parametrize("case", FILES)
def test_a_file_that_cannot_be_read_as_a_stack_file_says_why_and_where(case: str, tmp_path: Path) -> None:
    text, expected = FILES[case]
    write_stack_file(tmp_path, text)
    with pytest.raises(Mistakes) as raised:
        load(tmp_path)
    assert str(raised.value.mistakes[0]).startswith(expected)


def test_aliases_of_aliases_do_not_fill_the_memory(tmp_path: Path) -> None:
    levels = "\n".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]" for n in range(1, 12))
    write_stack_file(tmp_path, f"l0: &l0 [x]\n{levels}\n")
    with pytest.raises(Mistakes, match="more than 200,000 values"):
        load(tmp_path)


def test_deep_nesting_is_a_mistake_and_no_crash(tmp_path: Path) -> None:
    write_stack_file(tmp_path, f"config: {'[' * 3000}{']' * 3000}\n")
    with pytest.raises(Mistakes):
        load(tmp_path)


def test_all_mistakes_show_at_once_sorted_by_line(tmp_path: Path) -> None:
    found = mistakes_in(
        tmp_path,
        """
        aws:region: nowhere
        groundwork:platform: {name: Shop, phase: lanch, stage: prd, timezone: Kathmandu}
        groundwork:services:
          web: {port: 80, path: "/*", cpu: 300, uses: {nothing: read}}
          api: {port: 5000, path: "/*", environment: {API_KEY: abc}}
        groundwork:data: {class: db.t9.huge, replicas: {one: {of: two}}}
        groundwork:exceptions: [{rule: a}, 7]
        groundwork:nonsense: {}
        """,
    )
    lines = [int(message.split(":")[1].split(" ")[0]) for message in found]
    assert lines == sorted(lines)
    together = "\n".join(found)
    for part in (
        "aws:region: ",
        "platform.name:",
        "platform.phase:",
        "platform.stage:",
        "platform.timezone:",
        "services.web.port:",
        "services.api.environment.API_KEY:",
        "data.class:",
        "data.replicas.one.of:",
        "exceptions[0].reason:",
        "exceptions[1]:",
        "nonsense:",
    ):
        assert part in together, part


SECRET = "hunter2-correct-horse"

PASTED = {
    "as a secret's first value": f"groundwork:secrets: {{app: {{keys: [TOKEN], values: {{TOKEN: {SECRET}}}}}}}",
    "as the secret itself": f"groundwork:secrets: {{app: {SECRET}}}",
    "as the whole layer": f"groundwork:secrets: {SECRET}",
    "under an unknown key": f"groundwork:secrets: {{app: {{keys: [TOKEN], value: {SECRET}}}}}",
    "in a list of values": f"groundwork:secrets: {{app: {{keys: [TOKEN], values: [{SECRET}]}}}}",
    "as a signing key": f"groundwork:messaging: {{push: {{android: {{service_account: {SECRET}}}}}}}",
    "under a key named like one": f'groundwork:services: {{web: {{port: 3000, path: "/*", environment: {{DB_PASSWORD: {SECRET}}}}}}}',
    "in the address of a database": f'groundwork:services: {{web: {{port: 3000, path: "/*", environment: {{URL: "postgres://app:{SECRET}@db/app"}}}}}}',
    "as an argument of a build": f'groundwork:services: {{web: {{port: 3000, path: "/*", build: {{args: {{NPM_TOKEN: {SECRET}}}}}}}}}',
    "where the environment should be": f'groundwork:services: {{web: {{port: 3000, path: "/*", environment: "DB_PASSWORD={SECRET}"}}}}',
    "as the database's password": f"groundwork:data: {{password: {SECRET}}}",
    "where a word of ours belongs": f'groundwork:data: {{class: "postgres://app:{SECRET}@db/app"}}',
}


@pytest.mark.parametrize("case", PASTED)
def test_a_secret_in_clear_is_refused_and_never_repeated(case: str, tmp_path: Path) -> None:
    found = mistakes_in(tmp_path, PASTED[case])
    assert found
    assert SECRET not in "\n".join(found)


def test_a_secret_in_clear_is_told_how_to_be_encrypted(tmp_path: Path) -> None:
    [found] = mistakes_in(tmp_path, PASTED["as a secret's first value"])
    assert found == (
        "Pulumi.dev.yaml:4 secrets.app.values.TOKEN: is a secret in clear text; seal it with: "
        "pulumi config set --secret --path 'groundwork:secrets.app.values.TOKEN', which asks for the value"
    )


def test_a_random_looking_value_in_plain_configuration_is_refused(tmp_path: Path) -> None:
    value = "q8Zr3vT1xW9kLm4Ns7Pd2Fh6"
    found = mistakes_in(
        tmp_path, f'groundwork:services: {{web: {{port: 3000, path: "/*", environment: {{CODE: {value}}}}}}}'
    )
    assert found
    assert "looks random" in found[0]
    assert value not in found[0]


@pytest.mark.parametrize(
    ("name", "value"),
    [("LOG_LEVEL", "debug"), ("API_URL", "https://api.example.com"), ("TOKEN_TTL", "3600"), ("REGION", "ap-south-1")],
)
def test_ordinary_configuration_is_not_taken_for_a_secret(name: str, value: str, tmp_path: Path) -> None:
    assert not mistakes_in(
        tmp_path, f'groundwork:services: {{web: {{port: 3000, path: "/*", environment: {{{name}: "{value}"}}}}}}'
    )


def test_anchors_and_merge_keys_work_and_mistakes_in_them_point_at_the_anchor(tmp_path: Path) -> None:
    config = """
    groundwork:services:
      web: &small
        port: 3000
        path: "/*"
        cpu: 300
      api:
        <<: *small
        path: "/api/*"
    """
    found = mistakes_in(tmp_path, config)
    assert [message.split(": ")[0] for message in found] == [
        "Pulumi.dev.yaml:8 services.api.cpu",
        "Pulumi.dev.yaml:8 services.web.cpu",
    ]
    assert not mistakes_in(tmp_path, config.replace("300", "512"))


def test_words_that_yaml_would_read_as_dates_or_sixties_stay_text(tmp_path: Path) -> None:
    write_project(
        tmp_path,
        """
        groundwork:services: {web: {port: 3000, path: "/*", user: 1000:50, environment: {SINCE: 2027-01-31}}}
        groundwork:exceptions: [{rule: a-rule, resource: shop-x, reason: because of this, owner: me, expires: 2027-01-31}]
        """,
    )
    settings = load(tmp_path).settings
    assert settings.services["web"].user == "1000:50"
    assert settings.services["web"].environment["SINCE"] == "2027-01-31"
    assert settings.exceptions[0].expires.isoformat() == "2027-01-31"


def test_numbers_as_text_are_taken_where_numbers_belong(tmp_path: Path) -> None:
    write_project(tmp_path, 'groundwork:services: {web: {port: "3000", path: "/*"}}')
    assert load(tmp_path).settings.services["web"].port == 3000


def test_a_file_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    write_stack_file(tmp_path, b"\xef\xbb\xbfconfig:\n  aws:region: eu-west-1\n  groundwork:platform: {name: shop}\n")
    assert load(tmp_path).settings.region == "eu-west-1"


class TestFindingStacks:
    def test_an_unknown_stack_lists_those_there_are_and_the_nearest(self, tmp_path: Path) -> None:
        write_project(tmp_path)
        write_project(tmp_path, stack="prod")
        write_project(tmp_path / "examples" / "shop", stack="launch", main="../..")
        with pytest.raises(Mistakes) as raised:
            find_stack("prd", tmp_path)
        assert (
            str(raised.value)
            == 'there is no stack "prd"; did you mean "prod"?; there are dev, prod and examples/shop/launch'
        )
        with pytest.raises(Mistakes, match='did you mean "examples/shop/launch"'):
            find_stack("launch", tmp_path)

    def test_a_folder_without_a_project_says_so(self, tmp_path: Path) -> None:
        with pytest.raises(Mistakes) as raised:
            find_stack("dev", tmp_path)
        assert str(raised.value) == 'there is no Pulumi project in "."; run this where Pulumi.yaml is'

    @pytest.mark.parametrize("name", ["examples/shop/launch", "examples/shop/Pulumi.launch.yaml"])
    def test_a_stack_of_an_example_runs_the_program_at_the_root(self, name: str, tmp_path: Path) -> None:
        write_project(tmp_path)
        write_project(tmp_path / "examples" / "shop", stack="launch", main="../..")
        stack = find_stack(name, tmp_path)
        assert (stack.name, stack.program_folder, stack.label) == (
            "launch",
            tmp_path.resolve(),
            "examples/shop/Pulumi.launch.yaml",
        )

    @pytest.mark.parametrize("name", ["", "/", "examples/", "..", "dev/", "Pulumi.yaml", "a/b/c", "de\nv"])
    def test_an_odd_name_is_a_mistake_and_no_crash(self, name: str, tmp_path: Path) -> None:
        write_project(tmp_path)
        with pytest.raises(Mistakes):
            find_stack(name, tmp_path)

    def test_a_project_without_a_program_says_where_it_was_looked_for(self, tmp_path: Path) -> None:
        write_project(tmp_path, main="elsewhere")
        with pytest.raises(Mistakes, match=r"Pulumi.yaml main: there is no __main__.py in .*elsewhere"):
            find_stack("dev", tmp_path)

    def test_a_label_names_the_file_from_where_the_command_was_run(self, tmp_path: Path) -> None:
        write_project(tmp_path)
        write_project(tmp_path / "examples" / "shop", "groundwork:nonsense: {}", stack="prod", main="../..")
        with pytest.raises(Mistakes, match=r"^examples/shop/Pulumi.prod.yaml:4 nonsense: unknown layer"):
            load_stack(find_stack("examples/shop/prod", tmp_path))

"""What AWS would refuse is a mistake before anything is built, at the line that says it."""

from __future__ import annotations

from pathlib import Path

import pytest

from groundwork.components.cache.settings import CacheSettings
from groundwork.components.data.settings import DataSettings
from groundwork.settings.facts import Parametrised, countries, is_parameter, parameters_of
from tests.stacks import STACKS, snapshot_of
from tests.writing import mistakes_in

SERVICE = 'groundwork:services: {{web: {{port: 3000, path: "/*", {}}}}}'
PLATFORM = "groundwork:platform: {{name: shop, {}}}"
FOUR, THREE = "Pulumi.dev.yaml:4 ", "Pulumi.dev.yaml:3 "

REFUSED = {
    "a tag that is ours but for its capitals": (
        PLATFORM.format("tags: {Owner: me}"),
        f"{THREE}platform.tags.Owner: cannot be added: everything has the tag owner, and AWS takes great and small letters for equal; say platform.owner",
    ),
    "a tag that is ours": (PLATFORM.format("tags: {stage: x}"), f"{THREE}platform.tags.stage: cannot be added: everything has the tag stage"),
    "the name as a tag": (PLATFORM.format("tags: {name: x}"), f"{THREE}platform.tags.name: cannot be added: everything has the tag Name"),
    "two tags that differ in capitals": (
        PLATFORM.format("tags: {team: a, Team: b}"),
        f"{THREE}platform.tags.Team: cannot be added: everything has the tag team",
    ),
    "a tag of AWS's own": (PLATFORM.format('tags: {"AWS:x": y}'), f"{THREE}platform.tags.AWS:x: cannot be added: AWS keeps what starts with aws:"),
    "a sign that IAM and ECS refuse in a tag": (PLATFORM.format('tags: {team: "a & b"}'), f'{THREE}platform.tags.team: has "&", which not every AWS service takes'),
    "a sign that they refuse in a key": (PLATFORM.format('tags: {"#team": a}'), f'{THREE}platform.tags.#team: has "#"'),
    "an owner with such a sign": (PLATFORM.format('owner: "Me <me@x.org>"'), f'{THREE}platform.owner: has "<"'),
    "more tags than AWS takes": (
        PLATFORM.format(f"tags: {dict.fromkeys(map(str, range(41)), 'x')}"),
        f'{THREE}platform.tags: {{"0"',
    ),
    "an administrator that PostgreSQL reserves": ("groundwork:data: {username: admin}", f'{FOUR}data.username: "admin" is reserved by RDS or PostgreSQL'),
    "an administrator of RDS's own": ("groundwork:data: {username: rdsadmin}", f'{FOUR}data.username: "rdsadmin" is reserved'),
    "a beginning that PostgreSQL reserves": ("groundwork:data: {username: pg_app}", f'{FOUR}data.username: "pg_app" is reserved'),
    "a database called like a keyword": ("groundwork:data: {name: user}", f'{FOUR}data.name: "user" is reserved'),
    "a replica called as what it copies": ("groundwork:data: {replicas: {primary: {}}}", f"{FOUR}data.replicas.primary: is the name of the database that replicas copy"),
    "an unknown parameter of the database": (
        "groundwork:data: {parameters: {wrok_mem: '1'}}",
        f'{FOUR}data.parameters.wrok_mem: is not a parameter that a database has; did you mean "work_mem"?',
    ),
    "an unknown parameter of the cache": (
        "groundwork:cache: {parameters: {maxmemory-polic: noeviction}}",
        f'{FOUR}cache.parameters.maxmemory-polic: is not a parameter that a cache has; did you mean "maxmemory-policy"?',
    ),
    "another word for a country": (
        "groundwork:edge: {waf: {blocked_countries: [UK]}}",
        f'{FOUR}edge.waf.blocked_countries[0]: "UK" is not a country\'s code in two capitals (ISO 3166-1) that AWS WAF takes, such as "DE"; did you mean "GB"?',
    ),
    "a country in small letters": ("groundwork:edge: {waf: {blocked_countries: [de]}}", f'{FOUR}edge.waf.blocked_countries[0]: "de" is not a country'),
    "an image that no registry takes": (SERVICE.format('image: "My Image:latest"'), f'{FOUR}services.web.image: "My Image:latest" is not a reference to an image'),
    "an image without its digest": (SERVICE.format('image: "nginx@sha256:abc"'), f'{FOUR}services.web.image: "nginx@sha256:abc" is not a reference'),
    "a path of a bucket that is not served": (
        'groundwork:storage: {images: {path: "/x/*"}}',
        f'{FOUR}storage.images.path: goes with cdn: true, and this bucket is not served',
    ),
    "an application of pictures": (
        "groundwork:storage: {app: {spa: true}}",
        f'{FOUR}storage.app.spa: goes with purpose: static; set it, or take spa out',
    ),
    "an application that is not served": (
        "groundwork:storage: {app: {purpose: static, spa: true, cdn: false}}",
        f'{FOUR}storage.app.spa: goes with cdn: true; set it, or take spa out',
    ),
    "an alias that stands twice": ("groundwork:edge: {aliases: [www, api, www]}", f'{FOUR}edge.aliases[2]: "www" is listed twice; take one out'),
    "a key that stands twice": ("groundwork:secrets: {app: {keys: [TOKEN, TOKEN]}}", f'{FOUR}secrets.app.keys[1]: "TOKEN" is listed twice'),
    "an address range that stands twice": (
        "groundwork:edge: {waf: {allowed_addresses: [203.0.113.0/24, 203.0.113.0/24]}}",
        f'{FOUR}edge.waf.allowed_addresses[1]: "203.0.113.0/24" is listed twice',
    ),
    "a port that its environment contradicts": (
        SERVICE.format('environment: {PORT: "8080"}'),
        f"{FOUR}services.web.environment.PORT: differs from port, which is 3000",
    ),
    "a number that no setting takes": ("groundwork:budget: {monthly: 1e308}", f"{FOUR}config.groundwork:budget.monthly: is no number that a setting takes"),
    "an amount beyond all bounds": ("groundwork:budget: {monthly: 1e12}", f"{FOUR}budget.monthly: 1000000000000.0 is too large; the most is"),
    "signs that a path does not take": (
        'groundwork:services: {web: {port: 3000, path: "/users/{id}"}}',
        f'{FOUR}services.web.path: "/users/{{id}}" is not a path such as "/api/*": it starts with /; {{ and }} cannot stand in it',
    ),
    "spaces in a path": (
        'groundwork:services: {web: {port: 3000, path: "/my shop"}}',
        f'{FOUR}services.web.path: "/my shop" is not a path such as "/api/*": it starts with /; spaces cannot stand in it',
    ),
    "an abbreviation of a time zone": (
        PLATFORM.format("timezone: CEST"),
        f'{THREE}platform.timezone: "CEST" is not an IANA time zone; use a name such as Asia/Kathmandu, Europe/Berlin or UTC; an abbreviation such as CEST leaves summer time open',
    ),
    "an IPv6 network": (
        'groundwork:network: {cidr: "fd00::/16"}',
        f'{FOUR}network.cidr: "fd00::/16" is not an IPv4 network; it looks like IPv6, whose range Amazon gives: set network.ipv6: true',
    ),
    "a layer that has to be added": (
        "groundwork:platform: {name: shop, stage: dev, phase: mvp}\ngroundwork:cache: null\n" + SERVICE.format("uses: {cache: connect}"),
        f"{FOUR.replace('4', '5')}services.web.uses.cache: unknown; there are database, web; add groundwork:cache: {{}} under config",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_aws_refuses_is_one_mistake(case: str, tmp_path: Path) -> None:
    text, expected = REFUSED[case]
    [message] = mistakes_in(tmp_path, text)
    assert message.startswith(expected)


TAKEN = {
    "a long administrator": "groundwork:data: {username: application_database_administrator}",
    "an administrator called as the service": "groundwork:data: {username: rdsuser}",
    "the database's time zone": "groundwork:data: {parameters: {timezone: Europe/Berlin, application_name: shop, jit_expressions: '0'}}",
    "the newest Valkey": "groundwork:cache: {version: '9.1', parameters: {cluster-databases: '16'}}",
    "tags in other scripts": PLATFORM.format('tags: {"équipe": "एक 1", url: "https://x.org/a+b=c@d"}'),
    "a country that is no state": "groundwork:edge: {waf: {blocked_countries: [XK, GB]}}",
    "a parameter of an extension": "groundwork:data: {parameters: {pg_stat_statements.max: '1', work_mem: '1'}}",
    "a parameter of a later version": "groundwork:cache: {parameters: {commandlog-request-larger-than: '1'}}",
    "images as registries have them": "groundwork:services:\n"
    + "\n".join(
        f'  s{number}: {{image: "{image}"}}'
        for number, image in enumerate(
            (
                "nginx",
                "public.ecr.aws/nginx/nginx:1.29",
                "localhost:5000/a_b/c__d:v1.2_x",
                f"123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/prod/web@sha256:{'a1' * 32}",
            )
        )
    ),
    "a word twice in a command": SERVICE.format("command: [run, a, a]"),
    "the port said again": SERVICE.format('environment: {PORT: "3000"}'),
}


@pytest.mark.parametrize("case", TAKEN)
def test_what_aws_takes_is_none(case: str, tmp_path: Path) -> None:
    assert mistakes_in(tmp_path, TAKEN[case]) == []


def test_every_parameter_that_a_stack_sets_is_one_that_the_tables_know() -> None:
    """What the components add by themselves counts too."""
    unknown = {
        parameter["name"]
        for stack in STACKS
        for type_, what in (
            ("aws:rds/parameterGroup:ParameterGroup", "database"),
            ("aws:elasticache/parameterGroup:ParameterGroup", "cache"),
        )
        for group in snapshot_of(stack).of_type(type_)
        for parameter in group.inputs.get("parameters", ())
        if not is_parameter(parameter["name"], what)
    }
    assert unknown == set()


def test_the_tables_of_names_are_whole() -> None:
    assert len(countries()) == 250
    assert {"autovacuum_naptime", "work_mem", "max_connections", "io_method", "transaction_timeout"} <= set(
        parameters_of("database")
    )
    assert {"maxmemory-policy", "notify-keyspace-events", "timeout"} <= set(parameters_of("cache"))


@pytest.mark.parametrize(("tier", "what"), [(DataSettings, "database"), (CacheSettings, "cache")])
def test_every_parameter_of_the_table_can_be_written(
    tier: type[DataSettings | CacheSettings], what: Parametrised
) -> None:
    """A name that the setting's form refuses could not be set at all."""
    tier.model_validate({"parameters": dict.fromkeys(parameters_of(what), "1")})

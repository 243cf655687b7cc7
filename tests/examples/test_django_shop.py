"""A shop with Django and Celery: one image for four commands, one scheduler, the migration first, less than $100 a month."""

from __future__ import annotations

from groundwork.cli.cost import estimated
from groundwork.projects.sources.source import read_application
from groundwork.projects.sources.translation import translated
from tests.examples.query import SERVICE, TASK, named
from tests.stacks import ROOT, loaded, snapshot_of

DEV, PROD = "examples/django-shop/dev", "examples/django-shop/prod"


def test_a_month_of_dev_costs_less_than_a_hundred_dollars_with_all_copies() -> None:
    found = estimated(snapshot_of(DEV), None, None, None)
    assert 0 < found.fixed <= found.most < 100


def test_one_repository_holds_what_all_four_commands_run() -> None:
    for stack in (DEV, PROD):
        snapshot = snapshot_of(stack)
        assert [one.name for one in snapshot.of_type("aws:ecr/repository:Repository")] == ["django-shop-compute-web"]
        assert {one.name.rpartition("-")[2] for one in snapshot.of_type(TASK)} == {"web", "worker", "beat", "migrate"}
        assert {one.name.rpartition("-")[2] for one in snapshot.of_type(SERVICE)} == {"web", "worker", "beat"}


def test_a_deployment_never_runs_two_schedulers() -> None:
    for stack in (DEV, PROD):
        beat = named(snapshot_of(stack), SERVICE, "beat").inputs
        assert (beat["desiredCount"], beat["deploymentMaximumPercent"], beat["deploymentMinimumHealthyPercent"]) == (
            1,
            100,
            0,
        )


def test_the_stack_says_of_the_product_what_its_compose_file_says() -> None:
    layers = translated(read_application(ROOT / "examples" / "django-shop" / "compose.yaml")).layers
    settings = loaded(DEV).settings
    assert set(layers["services"]) == set(settings.services)
    for name, said in {**layers["services"], **layers["jobs"]}.items():
        ours = settings.services.get(name) or settings.job(name)
        assert list(ours.command) == said["command"]
        assert ours.image_from == said.get("image", {}).get("from")
    web = layers["services"]["web"]
    assert {used: use["variables"] for used, use in web["uses"].items() if used != "app"} == {
        "database": ["DATABASE_URL"],
        "cache": {"REDIS_URL": "CACHE_URL"},
    }
    assert (web["port"], web["health"]) == (settings.services["web"].port, settings.services["web"].health)
    assert layers["secrets"]["app"]["keys"] == list(settings.secrets["app"].keys)
    assert (layers["data"]["name"], layers["cache"]["purpose"]) == ("shop", "jobs")
    assert (settings.data and settings.data.name, settings.cache and settings.cache.purpose) == ("shop", "jobs")

"""A stack held against its load: each line on both sides of its limit, against published formulas and against the simulated day."""

from __future__ import annotations

import gzip
import json
import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from groundwork.capacity import text
from groundwork.capacity.capacity import TOPICS, StackCapacity, hold, request_capacity
from groundwork.capacity.line import CapacityLine, kinds
from groundwork.capacity.load import DeclaredLoad, load_of
from groundwork.cli.main import run
from groundwork.components.messaging.queue_settings import QueueSettings
from groundwork.components.settings import Settings
from groundwork.components.usage.settings import UsageSettings
from groundwork.settings.facts import classes, instance_classes, performance
from groundwork.settings.loading import load_stack
from groundwork.settings.mistakes import Mistakes
from groundwork.simulation.scenario import Scenario
from groundwork.simulation.theory import Stationary
from tests import growing
from tests.examples.query import Config, changed
from tests.requirements import EXAMPLES, proves
from tests.stacks import STACKS as STACKS_IN_EACH_PHASE
from tests.stacks import loaded
from tests.writing import write_project

STACKS = (
    "examples/chat-app/prod@growth",
    "examples/ecs-web/prod",
    "examples/mini-facebook/prod",
    "examples/storefront/prod@millions",
    "examples/thulobazaar/prod@launch",
)
"""With each kind of line between them."""

USAGE: dict[str, Any] = {
    "visitors": 50_000,
    "requests": 20,
    "files": 40,
    "download_mb": 3,
    "uploads": 5_000,
    "upload_mb": 4,
    "messages": 400_000,
    "calls": 20_000,
    "call_seconds": 2,
    "sockets": 300,
    "outbound_gb": 500,
    "database_growth_gb": 1,
    "cache_gb": 0.1,
}
GROWS = (
    "visitors",
    "uploads",
    "messages",
    "calls",
    "sockets",
    "outbound_gb",
    "database_growth_gb",
    "cache_gb",
)
"""What is more of a load that is larger; the rest is of each visitor or of each thing."""


@cache
def settings_of(stack: str) -> Settings:
    return loaded(stack).settings


def with_usage(settings: Settings, **usage: Any) -> Settings:
    return settings.model_copy(update={"usage": UsageSettings.model_validate(usage)})


def load(stack: str | Settings, times: float = 1.0, **usage: Any) -> DeclaredLoad:
    """A stack with a load, so many times over."""
    settings = settings_of(stack) if isinstance(stack, str) else stack
    work = {name: {"wait_ms": 100, "database_ms": 3} for name, one in settings.services.items() if one.is_public}
    said = UsageSettings.model_validate({**USAGE, "services": work, **usage})
    made = said.model_copy(update={key: getattr(said, key) * times for key in GROWS})
    return load_of(settings.model_copy(update={"usage": made}), Scenario(), "x")


def lines(stack: str | Settings, times: float = 1.0, **usage: Any) -> dict[tuple[str, str], CapacityLine]:
    return {(one.kind, one.of): one for one in hold(load(stack, times, **usage)).all_lines}


def line(stack: str | Settings, kind: str, of: str = "", **usage: Any) -> CapacityLine:
    return lines(stack, **usage)[kind, of]


def again(stack: str, topic: str, key: tuple[str, str], times: float) -> CapacityLine:
    """The same line with so many times the load; only its topic is drawn."""
    return next(
        one for one in TOPICS[topic](load(stack, times)) if isinstance(one, CapacityLine) and (one.kind, one.of) == key
    )


@proves("S4-17", "C-03")
def test_each_line_holds_just_below_its_limit_and_is_told_just_beyond_it() -> None:
    seen, wrong = set(), []
    for stack in STACKS:
        for topic, ones in hold(load(stack)).lines.items():
            for one in ones:
                if one.times is None:
                    continue
                seen.add(one.kind)
                key = one.kind, one.of
                below, beyond = (again(stack, topic, key, one.times * part) for part in (0.995, 1.005))
                if below.is_passed or not beyond.is_passed or beyond.breaks is beyond.costs:
                    wrong.append((stack, key, one.times, below.load, beyond.load, one.limit))
    assert wrong == []
    static = {"database-connections", "replica-connections", "targets"}
    assert set(kinds()) - seen == static, "these do not grow with the load"


def test_what_does_not_grow_with_the_load_is_told_on_both_sides_too() -> None:
    shop = settings_of("examples/thulobazaar/prod@growth")
    assert shop.data is not None
    assert not line(shop, "database-connections").is_passed
    small = shop.model_copy(update={"data": shop.data.model_copy(update={"instance_class": "db.t4g.micro"})})
    assert line(small, "database-connections").breaks
    assert line(small, "database-connections").setting == "data.proxy: {}"
    assert not line(shop, "replica-connections").is_passed
    few = {name: one.model_copy(update={"instance_class": "db.t4g.micro"}) for name, one in shop.data.replicas.items()}
    readers = {
        name: one.model_copy(update={"connections": one.connections.model_copy(update={"readers": 9})})
        for name, one in shop.services.items()
    }
    crowded = shop.model_copy(update={"data": shop.data.model_copy(update={"replicas": few}), "services": readers})
    assert line(crowded, "replica-connections").breaks
    store = settings_of("examples/storefront/prod@millions")
    assert not line(store, "targets").is_passed
    web = store.services["web"]
    many = web.model_copy(update={"scaling": web.scaling.model_copy(update={"max": 1_001})})
    assert line(store.model_copy(update={"services": {**store.services, "web": many}}), "targets").breaks


def test_lines_are_what_the_published_formulas_say() -> None:
    shop = load("examples/thulobazaar/prod@launch")
    peak = max(Scenario().weights())
    found = {(one.kind, one.of): one for one in hold(shop).all_lines}
    rate = 50_000 * 20 * peak / 60
    assert shop.requests_at_peak == pytest.approx(rate)
    # Ten copies of half a vCPU, 20 ms a request; each of the two services has half of them.
    assert found["service-cpu", "api"].load == pytest.approx(rate / 2)
    assert found["service-cpu", "api"].limit == pytest.approx(10 * 0.5 / 0.02 * 0.95)
    # db.t3.small: two vCPUs, a fifth of each earned; 1,000 IOPS and 174 Mbit/s to its volume, less than gp3's 3,000 and 125 MiB/s.
    assert found["database-cpu", ""].load == pytest.approx(rate * 0.003)
    assert found["database-cpu", ""].limit == 2 * 0.95
    assert found["database-credits", ""].load == pytest.approx(50_000 * 20 / 86_400 * 0.003)
    assert found["database-credits", ""].limit == pytest.approx(0.4)
    assert found["database-iops", ""].load == pytest.approx(rate)
    assert found["database-iops", ""].limit == 1_000
    assert found["database-throughput", ""].limit == pytest.approx(174e6 / 8 / 1024**2)
    # LEAST(DBInstanceClassMemory / 9531392, 5000) of 2 GiB, of which RDS keeps some.
    assert 150 < found["database-connections", ""].limit < 2 * 1024**3 / 9_531_392
    assert found["database-connections", ""].load == 2 * 10 * 4 + 2 * 10 * 4
    # Little's law: requests a second that wait for 100 ms each.
    assert found["nat-connections", ""].load == pytest.approx(rate * 0.1)
    assert (found["nat-connections", ""].limit, found["nat-rate", ""].limit) == (55_000, 900)
    assert found["nat-bandwidth", ""].load == pytest.approx(500 / (730 / 24) * peak / 60 * 8)
    # A unit has 1 GB an hour or 25 new connections a second, whichever is used up first; a third of what visitors load is services'.
    gb = 50_000 * 3 / 3 * peak / 60 * 3_600 / 1_024
    assert found["balancer-units", ""].load == pytest.approx(gb)
    assert found["balancer-units", ""].note == "by GB an hour"
    less = line("examples/thulobazaar/prod@launch", "balancer-units", download_mb=0.3)
    assert less.load == pytest.approx(rate / 25)
    assert less.note == "by new connections"
    open_ones = line("examples/thulobazaar/prod@launch", "balancer-units", download_mb=0.3, peak_sockets=30_000)
    assert (open_ones.load, open_ones.note) == (10, "by open connections")
    assert found["database-storage", ""].load == 1 + 12
    assert found["database-storage", ""].note == "full in 99 months"
    assert found["cdn-requests", ""].load == pytest.approx(50_000 * 60 * peak / 60)
    assert found["bucket-writes", ""].load == pytest.approx(5_000 * peak / 60)
    # Half of 8,192 addresses in each of two zones, without the five that AWS keeps.
    assert found["addresses", ""].limit == 2 * (4_096 - 5)


def test_more_lines_are_what_the_published_formulas_say() -> None:
    peak = max(Scenario().weights())
    store = lines("examples/storefront/prod@millions")
    rate = 50_000 * 20 * peak / 60
    busy = rate * 0.003 + 400_000 * peak / 60 * 0.002
    assert store["proxy-connections", ""].load == pytest.approx(busy)
    assert store["cache-memory", ""].limit == pytest.approx(13.07 * 0.75 * 3)
    functions = [one for (kind, _), one in store.items() if kind == "function-copies"]
    assert all(one.load == pytest.approx(20_000 * peak / 60 * 2) for one in functions)
    chat = lines("examples/chat-app/prod@growth")
    # t4g.small: two vCPUs, a fifth of each; 0.128 Gbit/s.
    assert chat["instance-credits", ""].limit == pytest.approx(0.4)
    assert chat["instance-network", ""].limit == pytest.approx(2 * 0.128)
    assert chat["fifo", "notifications.fifo"].load == pytest.approx(400_000 * peak / 60 / 4)
    assert chat["fifo", "notifications.fifo"].limit == 3_000


def test_fifo_queues_in_groups_are_held_against_what_their_region_has() -> None:
    chat = settings_of("examples/chat-app/prod@growth")
    assert chat.messaging is not None
    grouped = QueueSettings.model_validate({"fifo": {"scope": "group", "throughput": "group"}})
    queues = {**chat.messaging.queues, "notifications.fifo": grouped}
    chat = chat.model_copy(update={"messaging": chat.messaging.model_copy(update={"queues": queues})})
    for region, calls in (("ap-southeast-1", 9_000), ("eu-north-1", 2_400)):
        found = lines(chat.model_copy(update={"region": region}))
        assert found["fifo", "notifications.fifo"].limit == 10 * calls
        assert found["fifo", "media-processing.fifo"].limit == 3_000


@proves("S4-17")
def test_each_reference_system_says_its_load_in_each_phase_and_holds_it() -> None:
    of_systems = [
        one for one in STACKS_IN_EACH_PHASE if one.partition("examples/")[2].split("/")[0] in EXAMPLES.values()
    ]
    assert len(of_systems) > 2 * len(EXAMPLES)
    for stack in of_systems:
        found = request_capacity(settings_of(stack), stack)
        assert found.load.scenario == Scenario(), f"{stack} is held against one request a second"
        assert [one.kind for one in found.broken] == [], stack
        assert found.first is not None
        assert found.first.times is not None
        assert found.first.times > 1, (stack, found.first.kind)
    usage = settings_of("examples/chat-app/prod@growth").usage
    assert usage is not None
    assert usage.peak_sockets == 3_000


@proves("S4-17")
def test_three_thousand_sockets_five_hundred_messages_a_second_and_150_connections_are_held_against_the_sizes() -> None:
    stack = "examples/chat-app/prod@growth"
    usage = {"sockets": 1_000, "peak_sockets": 3_000, "messages": 100 * 86_400, "peak_messages": 500}
    found = lines(stack, **usage)
    sockets = found["service-sockets", "app"]
    assert (sockets.load, sockets.is_passed) == (3_000, False)
    assert lines(stack, **{**usage, "peak_sockets": sockets.limit + 1})["service-sockets", "app"].breaks
    # Four queues share them.
    assert sum(found["fifo", name].load for name in ("media-processing.fifo", "notifications.fifo")) == pytest.approx(
        250, rel=0.01
    )
    worker = found["queue-throughput", "worker"]
    assert worker.load == pytest.approx(100)
    assert worker.note == "499 a second in the busiest minute"
    # Two copies of half a vCPU do a hundred a second, which is all of them, but late.
    assert worker.limit == 100
    assert found["queue-age", "worker"].breaks
    assert found["queue-age", "worker"].note.endswith("drained 18.0 hours later")
    connections = found["database-connections", ""]
    assert (connections.limit, connections.is_passed) == (145, False), "max_connections is 150, of which five are kept"
    chat = settings_of(stack)
    app = chat.services["app"]
    pools = app.model_copy(update={"connections": app.connections.model_copy(update={"max": 60})})
    assert line(chat.model_copy(update={"services": {**chat.services, "app": pools}}), "database-connections").breaks


def test_a_fifo_queue_beyond_300_a_second_is_told_to_want_batches() -> None:
    shop = "examples/mini-facebook/prod"
    count = len(settings_of(shop).messaging.queues)
    for a_second, words in ((290, "one by one 300"), (310, "only in batches: one by one 300 a second")):
        peak = max(Scenario().weights())
        assert line(shop, "fifo", "analytics.fifo", messages=a_second * count * 60 / peak).note == words


def test_sockets_count_on_the_copies_that_are_sure_and_on_all_where_memory_starts_them() -> None:
    chat = settings_of("examples/storefront/prod@millions")
    web = chat.services["web"]
    by_memory = line(chat, "service-sockets", "web")
    assert web.scaling.target is not None
    assert web.scaling.target.memory
    assert by_memory.limit == web.scaling.max * web.memory / 2 * 1024 / 50
    target = web.scaling.target.model_copy(update={"memory": None})
    without = web.model_copy(update={"scaling": web.scaling.model_copy(update={"target": target})})
    fewer = line(chat.model_copy(update={"services": {**chat.services, "web": without}}), "service-sockets", "web")
    assert fewer.limit == web.scaling.min * web.memory / 2 * 1024 / 50
    small = line(chat, "service-sockets", "web", socket_kb=1)
    assert small.limit == web.scaling.max * 65_535, "no more than its open files"
    proxied = line("examples/chat-app/prod@growth", "service-sockets", "app", socket_kb=1)
    assert proxied.limit == 2 * 16_384 * 2 / 2, "two instances of two vCPUs, and two connections of the proxy for each"


def test_a_queue_that_fills_by_day_is_told_when_it_is_empty_again() -> None:
    stack = "examples/chat-app/prod@mvp"
    age = line(stack, "queue-age", "worker", messages=800_000)
    assert "drained" in age.note
    assert age.load > 0
    assert line(stack, "queue-age", "worker", messages=8_000).note == "empty all day"


def test_the_peak_is_as_the_file_says_it_or_as_the_day_has_it() -> None:
    shop = settings_of("examples/thulobazaar/prod@launch")
    usual = Scenario().weights()
    assert sum(usual) == pytest.approx(1)
    assert 60 * max(usual) == pytest.approx(100 / 1156, rel=0.01), "an evening's busiest hour"
    for percent in (5, 20, 50):
        found = load(shop, peak_percent=percent)
        assert 60 * found.peak == pytest.approx(percent / 100, rel=0.01)
    said = Scenario.model_validate({"day": "even"})
    assert max(said.weights(0.3)) == min(said.weights(0.3)), "a scenario that says the day says its peak"


def test_the_wait_that_is_told_is_theory_s() -> None:
    # M/M/1 at half its load: of those that wait, half, all wait as long as an exponential time with the mean of what is left of the rate.
    queue = Stationary(1, 0.1)
    assert queue.waited(0.5, 0.95) == pytest.approx(0.2 * 2.302585, rel=1e-6)
    assert queue.waited(0.5, 0.4) == 0
    assert queue.waited(0.0, 0.95) == 0


def test_what_is_not_said_is_named_and_what_money_alone_answers_is_no_failure() -> None:
    shop = settings_of("examples/thulobazaar/prod@growth")
    said = {"visitors": 1_000, "requests": 10}
    found = hold(load_of(with_usage(shop, **said), Scenario(), "x"))
    assert {one.setting for one in found.undeclared} == {
        "usage.database_growth_gb",
        "usage.cache_gb",
        "usage.download_mb",
        "usage.services.NAME.wait_ms",
        "usage.outbound_gb",
    }
    assert all(one.label for one in found.undeclared)
    busy = hold(load("examples/thulobazaar/prod@launch", 15.0))
    credit = next(one for one in busy.all_lines if one.kind == "database-credits")
    assert (credit.is_passed, credit.costs, credit.breaks) == (True, True, False)
    assert credit not in busy.broken
    shown = "\n".join(one.plain for one in text.lines(busy, "x"))
    assert "beyond it costs more" in shown


def shown(stack: str, times: float) -> tuple[StackCapacity, list[str]]:
    found = hold(load(stack, times))
    return found, [one.plain for one in text.lines(found, stack)]


def test_every_stack_is_shown_within_80_columns_with_what_gives_first_on_top() -> None:
    for stack in STACKS:
        for times in (0.001, 1.0, 1e5):
            found, told = shown(stack, times)
            assert max(len(one) for one in told) <= 80, stack
            head = " ".join(one.strip() for one in told[:9])
            if found.broken:
                assert f"beyond {found.broken[0].label}" in " ".join(head.split())
            else:
                assert found.first is not None
                assert f"times this load, first of all, {found.first.gives}: " in head
            document = json.loads(text.dumps(found))
            assert (
                document["holds"]["times"]
                == found.order[0].times
                == min(one.times for one in found.all_lines if one.times is not None and not one.costs)
            )
            assert all(one["source"] for one in document["lines"])


def test_the_page_has_every_kind_of_line_with_its_source() -> None:
    page = growing.CAPACITY.read_text(encoding="utf-8")
    assert growing.with_lines(page) == page, "make docs writes it anew"
    # A page of AWS, or whoever found the formula.
    assert [
        name for name, row in kinds().items() if not re.match(r"https://|.*[A-Z]\. .*\d{4}|.* 1917", row.source)
    ] == []


def test_what_classes_sustain_is_what_ec2_says_of_them() -> None:
    moto = find_spec("moto")
    assert moto
    assert moto.origin
    # Its table alone: moto itself takes seconds to import.
    file = Path(moto.origin).parent / "ec2" / "resources" / "instance_types.json.gz"
    table = json.loads(gzip.decompress(file.read_bytes()))
    wrong = []
    known = [*instance_classes(), *classes("databases")]
    for name in known:
        found, said = performance(name), table.get(re.sub(r"^x2g\.", "x2gd.", name.removeprefix("db.")))
        if found is None or said is None:
            wrong.append(name)
            continue
        ebs = said.get("EbsInfo", {}).get("EbsOptimizedInfo") or {}
        expected = (ebs.get("BaselineBandwidthInMbps", 0), ebs.get("BaselineIops", 0))
        network = said["NetworkInfo"]["NetworkCards"][0]["BaselineBandwidthInGbps"]
        if (found.volume_mbps, found.volume_iops, found.network_gbps) != (*expected, network):
            wrong.append(name)
        if (found.baseline < 1) != said["BurstablePerformanceSupported"]:
            wrong.append(name)
    assert wrong == []
    assert performance("t3.gigantic") is None


def told(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    code = run(list(words))
    caught = capsys.readouterr()
    return code, caught.out + caught.err


def test_the_command_tells_a_phase_and_ends_with_1_beyond_a_limit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    day = tmp_path / "day.yaml"
    day.write_text("{visitors: 20000, requests: 20}\n", encoding="utf-8")
    words = ["capacity", "examples/thulobazaar/prod", "--scenario", str(day)]
    code, said = told(capsys, *words)
    assert code == 0
    assert "examples/thulobazaar/prod in launch: 20,000 visitors a day" in said
    assert "first of all, the copies of web are all busy" in " ".join(said.split())
    assert "Assumed of web, api: 20 ms of CPU" in " ".join(said.split())
    code, said = told(capsys, *words, "--phase", "growth", "--format", "json")
    assert json.loads(said)["holds"]["requests_a_second"] > 400
    day.write_text("{visitors: 2000000, requests: 20}\n", encoding="utf-8")
    code, said = told(capsys, *words)
    assert code == 1
    assert "beyond  web requests a second: 481, and 238 is the most. Moved by" in said


def test_where_nobody_says_how_much_a_stack_is_used_it_is_told_how_many_requests_it_holds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    code, said = told(capsys, "capacity", "dev")
    said = " ".join(said.split())
    assert code == 0
    assert "dev in mvp: held against one request a second on average, " in said
    assert "visitors and requests under groundwork:usage." in said
    assert re.search(r"At [\d.,]+ times this load, first of all", said)
    services = 'groundwork:services: {web: {port: 3000, path: "/*"}}'
    monkeypatch.chdir(write_project(tmp_path, f"{services}\ngroundwork:usage: {{visitors: 5000}}"))
    code, said = told(capsys, "capacity", "dev")
    assert code == 2
    assert "usage.requests: nobody says how many requests there are" in said


def mistakes(tmp_path: Path, usage: dict[str, Any]) -> str:
    def change(config: Config) -> None:
        config["groundwork:usage"] = usage

    with pytest.raises(Mistakes) as caught:
        load_stack(changed("dev", tmp_path / "changed.yaml", change))
    return str(caught.value)


def test_a_load_that_cannot_be_is_told_with_its_line(tmp_path: Path) -> None:
    said = mistakes(tmp_path, {"visitors": -5, "sockets": 10, "peak_sockets": 5, "peak_percent": 3})
    assert "usage.visitors: -5 is too small; the least is 0" in said
    assert "usage.peak_percent: 3 is too small; the least is 4.2" in said
    said = mistakes(tmp_path, {"sockets": 10, "peak_sockets": 5})
    assert "usage.peak_sockets: 5 are fewer than the 10 of the day's mean (sockets)" in said
    said = mistakes(tmp_path, {"messages": 86_400, "peak_messages": 0.5})
    assert (
        "usage.peak_messages: 0.5 a second do not go with 86400 messages a day, which are 1 a second on average" in said
    )
    said = mistakes(tmp_path, {"services": {"wep": {"cpu_ms": 5}}})
    assert 'usage.services.wep: is no service; did you mean "web"?' in said
    said = mistakes(tmp_path, {"services": {"web": {"cpu": 5}}})
    assert "usage.services.web.cpu" in said
    assert all(one.startswith("changed.yaml:") or ".yaml:" in one for one in said.splitlines())


def test_the_work_that_a_file_says_is_the_simulation_s_too_and_a_scenario_stands_over_it() -> None:
    shop = with_usage(
        settings_of("examples/thulobazaar/prod@launch"),
        visitors=1_000,
        requests=10,
        services={"api": {"cpu_ms": 5, "share": 3}},
    )
    [api] = [one for one in load_of(shop, Scenario(), "x").platform.tiers if one.name == "api"]
    assert (api.work.cpu_ms, api.work.share) == (5, 3)
    over = Scenario.model_validate({"services": {"api": {"cpu_ms": 9}}})
    [api] = [one for one in load_of(shop, over, "x").platform.tiers if one.name == "api"]
    assert (api.work.cpu_ms, api.work.share) == (9, 3)


def test_every_stack_of_the_repository_is_held_in_each_of_its_phases() -> None:
    wide = []
    for stack in STACKS_IN_EACH_PHASE:
        settings = settings_of(stack)
        if any(one.is_public for one in settings.services.values()):
            found = request_capacity(settings, "x")
            assert found.first is not None, stack
            assert (found.requests_a_second or 0) > 0, stack
            wide += [line.plain for line in text.lines(found, stack) if len(line.plain) > 80]
    assert wide == []

"""Load tests: what is asked of a stack and of nobody else, and what was measured beside what was said."""

from __future__ import annotations

import datetime
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from groundwork.cli import loadtesting, running
from groundwork.cli.console import FINDINGS, FINE, MISTAKE
from groundwork.cli.main import run as groundwork
from groundwork.components.usage.settings import UsageSettings
from groundwork.operations.account import open_account
from groundwork.operations.checklist.model import AnswerKind, Facts
from groundwork.operations.checklist.questions import QUESTIONS
from groundwork.operations.errors import OperationError
from groundwork.operations.loadtest import report as reporting
from groundwork.operations.loadtest import running as k6
from groundwork.operations.loadtest.files import newest_report, write_files
from groundwork.operations.loadtest.plan import LoadOptions, LoadPlan, ServiceLoad, plan_of, reached_by
from groundwork.operations.loadtest.report import read_summary, report_of, write_report
from groundwork.operations.loadtest.shapes import LoadShape
from tests.operations.loaded import LoadedServer, loaded_server
from tests.operations.shop import ACCOUNT, account
from tests.operations.test_engines import Script, standing_in
from tests.requirements import proves
from tests.stacks import loaded, snapshot_of

NOW = datetime.datetime(2026, 11, 28, 12, tzinfo=datetime.UTC)
SETTINGS = loaded("prod").settings
SHOP = ("shop.example.com", "api.shop.example.com")


def planned(stack: str = "prod", **more: Any) -> LoadPlan:
    settings, snapshot = loaded(stack).settings, snapshot_of(stack)
    given = {"shape": LoadShape.RAMP, "minutes": 10, "rate": 30.0} | more
    hosts = given.pop("hosts", None) or reached_by(snapshot, None)
    settings = given.pop("settings", settings)
    return plan_of(settings, snapshot, hosts, LoadOptions(**given), stack=stack, label="Pulumi.prod.yaml")


@pytest.fixture
def server() -> Iterator[LoadedServer]:
    with loaded_server() as found:
        yield found


def against(server: LoadedServer, shape: LoadShape = LoadShape.RAMP) -> LoadPlan:
    """Return a plan of six seconds for a server on this machine."""
    web = ServiceLoad("web", server.host, 10, "/", ("avg<2000",), ("rate<0.05",), ())
    return LoadPlan("dev", shape, 0.1, (server.host,), (web,), 10, {"web": 3}, None, scheme="http")


def test_services_get_their_share_at_the_stacks_own_names_with_their_alarms_as_thresholds() -> None:
    plan = planned()
    assert plan.hosts == ("shop.example.com", "www.shop.example.com", "api.shop.example.com")
    assert {one.name: (one.rate, one.host, one.first_path) for one in plan.services} == {
        "web": (15, "shop.example.com", "/"),
        "api": (15, "shop.example.com", "/api/health"),
    }
    assert {(one.waiting, one.failed) for one in plan.services} == {(("avg<2000",), ("rate<0.05",))}
    told = plan.to_json()["services"]["web"]
    assert (told["start"], [one["target"] for one in told["stages"]]) == (90, [900, 900, 1])
    assert plan.held == (300, 540)
    spike = replace(plan, shape=LoadShape.SPIKE)
    assert max(one["target"] for one in spike.to_json()["services"]["web"]["stages"]) == 4500
    assert spike.rate == 150


def test_how_much_is_asked_follows_from_use_and_sockets_stay_where_clients_stick() -> None:
    chat = "examples/chat-app/prod@growth"
    settings = loaded(chat).settings
    usage = UsageSettings(visitors=86_400, requests=10, sockets=40, peak_sockets=300, peak_percent=4.2)
    used = settings.model_copy(update={"usage": usage})
    plan = planned(chat, rate=None, settings=used)
    # An even day, but for the hour that has a little more.
    assert plan.rate == pytest.approx(10, rel=0.02)
    assert dict(plan.sockets) == {"app": 300}
    assert plan.to_json()["sockets"]["app"]["address"] == "wss://chat.example.com"
    with pytest.raises(OperationError, match=r"add visitors and requests to groundwork:usage .* or say --rate"):
        planned(rate=None)


def test_without_a_domain_only_the_account_knows_the_name_and_it_must_be_the_stacks_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dev, prod = snapshot_of("dev"), snapshot_of("prod")
    with pytest.raises(OperationError, match="only the account knows"):
        reached_by(dev, None)
    with account(tmp_path, monkeypatch):
        asked = open_account("dev")
        arn = f"arn:aws:cloudfront::{ACCOUNT}:distribution/E1"
        tags = [{"Key": "Name", "Value": "shop-cdn-distribution"}]
        listed: dict[str, Any] = {"ResourceTagMappingList": [{"ResourceARN": arn, "Tags": tags}]}
        aliases: dict[str, Any] = {"Items": ["shop.example.com", "www.shop.example.com", "api.shop.example.com"]}
        answer = {"Distribution": {"DomainName": "D1.cloudfront.net", "DistributionConfig": {"Aliases": aliases}}}
        standing_in(
            monkeypatch,
            resourcegroupstaggingapi=Script(get_resources=listed),
            cloudfront=Script(get_distribution=answer),
        )
        assert reached_by(dev, asked) == ("d1.cloudfront.net",)
        assert reached_by(prod, asked) == (*aliases["Items"], "d1.cloudfront.net")
        aliases["Items"].pop()
        with pytest.raises(
            OperationError, match=r"api\.shop\.example\.com should lead to the stack, and its distribution"
        ):
            reached_by(prod, asked)
        listed["ResourceTagMappingList"] = []
        with pytest.raises(OperationError, match="is not in account"):
            reached_by(prod, asked)


def test_nothing_is_sent_where_dns_leads_to_somebody_else(server: LoadedServer) -> None:
    k6.look_first(against(server))
    server.is_cloudfront = False
    with pytest.raises(OperationError, match="answered by somebody else than CloudFront"):
        k6.look_first(against(server))
    assert server.asked == {"/": 2}
    server.shutdown()
    server.server_close()
    with pytest.raises(OperationError, match="does not answer"):
        k6.look_first(against(server))


STUBS = {
    "k6/execution": "export default {scenario: {startTime: 0, iterationInTest: 0}, test: {abort(why) { throw new Error('ABORT ' + why) }}};",
    "k6/http": "export default globalThis.http;",
    "k6/metrics": "export class Counter { add() {} } export class Rate { add() {} }",
    "k6/ws": "export default {};",
}
CASES = """
const answers = (location, more) => ({
  status: location ? 302 : 200, url: "", headers: {...(location ? {Location: location} : {}), "X-Amz-Cf-Id": "x"}, ...more,
});
const said = [];
for (const [path, location, more] of CASES) {
  const asked = [];
  globalThis.http.request = (method, url) => { asked.push(url); return answers(location, {url, ...more}); };
  globalThis.http.get = (url) => { asked.push(url); return answers("", {url}); };
  globalThis.PATH.requests.web = [{path}];
  try { script.request(); said.push([asked, ""]); } catch (error) { said.push([asked, error.message]); }
}
console.log(JSON.stringify({said, options: script.options}));
"""


def test_the_script_follows_redirects_within_the_stack_and_ends_where_somebody_else_would_be_asked(
    tmp_path: Path,
) -> None:
    """The script itself, with k6's modules replaced by ones that tell what it asks."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("k6's scripts are JavaScript, and there is no Node.js here to run one")
    write_files(planned(sockets=7), tmp_path)
    script = (tmp_path / "loadtest.js").read_text(encoding="utf-8")
    for name, code in STUBS.items():
        file = tmp_path / f"{name.replace('/', '-')}.mjs"
        file.write_text(code, encoding="utf-8")
        script = script.replace(f'"{name}"', f'"./{file.name}"')
    script = script.replace('"./requests.js"', '"./requests.mjs"')
    (tmp_path / "requests.mjs").write_text(
        "export const requests = {web: [], api: []}; export const sockets = {}; globalThis.PATH = {requests};",
        encoding="utf-8",
    )
    (tmp_path / "script.mjs").write_text(script, encoding="utf-8")
    own = "https://shop.example.com"
    outside = [
        "https://example.com/",
        "//example.com/",
        "https://shop.example.com.evil.example/",
        "https://shop.example.com@evil.example/",
        "https://evil.example#shop.example.com",
        "https://evil.example\\\\@shop.example.com/",
        "https://shop.example.com:8443/",
        "ftp://shop.example.com/",
    ]
    inside = ["/login", "https://WWW.shop.example.com/", "//api.shop.example.com/x", f"{own}?a=https://evil.example/"]
    cases: list[list[Any]] = [["/", location, {}] for location in (*outside, *inside)]
    cases += [
        ["/", "", {"headers": {"Server": "nginx"}}],
        ["/", "", {"status": 0, "headers": {}}],
        ["//evil.example/", "", {}],
        ["@evil.example/", "", {}],
    ]
    main = (
        "import fs from 'node:fs';\n"
        "globalThis.http = {}; globalThis.__ENV = {SERVICE: 'web'}; globalThis.open = (file) => fs.readFileSync(file, 'utf8');\n"
        f"const CASES = {json.dumps(cases)};\nconst script = await import('./script.mjs');\n{CASES}"
    )
    (tmp_path / "main.mjs").write_text(main, encoding="utf-8")
    ended = subprocess.run([node, "main.mjs"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout)
    said = dict(zip([str(case) for case in cases], found["said"], strict=True))
    for location in outside:
        asked, why = said[str(["/", location, {}])]
        assert (asked, why.startswith("ABORT ")) == ([f"{own}/"], True), location
    for location in inside:
        asked, why = said[str(["/", location, {}])]
        assert (len(asked), why) == (2, ""), location
    others, unreached, slashes, at = (said[str(case)] for case in cases[-4:])
    assert others[1].startswith("ABORT ")
    assert unreached == [[f"{own}/"], ""]
    assert slashes == [[f"{own}//evil.example/"], ""]
    assert (at[0], "does not begin with /" in at[1]) == ([], True)
    options = found["options"]
    assert options["maxRedirects"] == 0
    assert options["thresholds"]["elsewhere"] == [{"threshold": "count<1", "abortOnFail": True}]
    assert options["thresholds"]["http_req_waiting{service:api,part:held}"] == ["avg<2000"]
    assert set(options["scenarios"]) == {"web", "api", "web-sockets"}


def test_k6_runs_it(tmp_path: Path, server: LoadedServer) -> None:
    if shutil.which("k6") is None:
        pytest.skip(k6.GET_K6)
    plan = against(server)
    write_files(plan, tmp_path)
    assert k6.run_k6(tmp_path)
    metrics = read_summary(tmp_path / "summary.json")["metrics"]
    assert metrics["http_reqs{service:web,part:held}"]["values"]["count"] > 10
    assert metrics["sockets_refused"]["values"]["rate"] == 0
    server.redirects["/"] = "https://example.com/"
    assert not k6.run_k6(tmp_path)
    assert read_summary(tmp_path / "summary.json")["metrics"]["elsewhere"]["values"]["count"] == 1


def summary(**more: Any) -> dict[str, Any]:
    """Return a summary as k6 1.3 writes it, of ten seconds' load that counts."""
    metrics: dict[str, Any] = {"elsewhere": {"values": {"count": 0}, "thresholds": {"count<1": {"ok": True}}}}
    for name in ("web", "api"):
        part = f"{{service:{name},part:held}}"
        metrics |= {
            f"http_reqs{part}": {"values": {"count": 3600, "rate": 6}},
            f"http_req_waiting{part}": {
                "values": {"count": 3600, "avg": 130.5, "med": 100, "p(95)": 310.25, "p(99)": 900},
                "thresholds": {"avg<2000": {"ok": True}},
            },
            f"http_req_failed{part}": {"values": {"rate": 0.0125}, "thresholds": {"rate<0.05": {"ok": True}}},
        }
    return {"metrics": metrics | more}


SAID = {name: {"p50": 90.0, "p95": 250.0, "p99": 1000.0, "failed": 0.0} for name in ("web", "api")}


@proves("S0-15", "S0-18")
def test_what_was_measured_stands_beside_what_was_said_and_answers_the_launch_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reporting, "_said", lambda *_: SAID.items())
    [question] = [one for one in QUESTIONS if one.id == "load-test"]
    facts = Facts(SETTINGS, snapshot_of("prod"), NOW, load_tests=tmp_path)
    assert question.answer(facts).verdict is AnswerKind.UNKNOWN
    plan = planned()
    report = report_of(plan, summary(), SETTINGS, "Pulumi.prod.yaml", NOW)
    write_report(report, tmp_path)
    text = "\n".join(loadtesting.lines(report))
    assert re.search(r"web p95 +250 ms +310 ms +\+60\.2 ms", text)
    assert re.search(r"web requests +15/s +15/s +\+0/s", text)
    assert re.search(r"api failed +0 % +1\.25 % +\+1\.25 %", text)
    assert "Asked for up to 30/s; by its design it holds " in text
    assert text.endswith("All thresholds were held.")
    assert max(map(len, text.splitlines())) <= 80
    answer = question.answer(facts)
    assert (answer.verdict, answer.evidence) == (
        AnswerKind.YES,
        "ramp of 30 requests a second, 0 s ago (2026-11-28T12-00-00Z-ramp.json)",
    )
    later = replace(facts, now=NOW + datetime.timedelta(days=91))
    assert "long ago" in question.answer(later).evidence
    crossed = {"thresholds": {"avg<2000": {"ok": False}}, "values": {}}
    late = report_of(
        plan,
        summary(**{"http_req_waiting{service:web,part:held}": crossed}),
        SETTINGS,
        "Pulumi.prod.yaml",
        NOW + datetime.timedelta(hours=1),
    )
    write_report(late, tmp_path)
    assert late.crossed == ("http_req_waiting{service:web,part:held} avg<2000",)
    assert question.answer(facts).verdict is AnswerKind.NO
    (tmp_path / "reports" / "9-broken.json").write_text("{", encoding="utf-8")
    found = newest_report(tmp_path)
    assert found
    assert found[1]["well"] is False


def test_what_is_said_is_a_simulation_of_the_same_load() -> None:
    """A crowd that comes faster than copies do loses requests, where the same in a ramp finds them there."""
    asked = {shape: planned(shape=shape, rate=150) for shape in LoadShape}
    said = {shape: dict(reporting._said(plan, SETTINGS, "Pulumi.prod.yaml")) for shape, plan in asked.items()}
    assert said[LoadShape.RAMP]["web"] == said[LoadShape.SOAK]["web"]
    assert said[LoadShape.RAMP]["web"]["failed"] == 0
    assert said[LoadShape.SPIKE]["web"]["failed"] > 10
    for one in said.values():
        assert one["web"]["p50"] <= one["web"]["p95"] <= one["web"]["p99"]


def test_what_k6_did_not_ask_is_told_and_of_nothing_nothing_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reporting, "_said", lambda *_: SAID.items())
    less = {"dropped_iterations{scenario:web}": {"values": {"count": 40}}}
    nothing = {"http_reqs{service:api,part:held}": {"values": {"count": 0}}}
    report = report_of(planned(), summary(**less, **nothing), SETTINGS, "Pulumi.prod.yaml", NOW)
    text = "\n".join(loadtesting.lines(report))
    assert re.search(r"web not asked +- +40 +-", text)
    assert re.search(r"api p95 +250 ms +- +-", text)
    for broken in ("", "[]", "{}"):
        file = tmp_path / "summary.json"
        file.write_text(broken, encoding="utf-8")
        with pytest.raises(OperationError, match="summary"):
            read_summary(file)


def test_files_are_written_and_requests_are_the_users_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(running, "run_stack", lambda name, **_: SimpleNamespace(snapshot=snapshot_of(name)))
    folder = tmp_path / "load"
    command = ["loadtest", "prod", "--rate", "20", "--out", str(folder)]
    assert groundwork([*command, "--dry-run"]) == FINE
    assert not folder.exists()
    assert groundwork(command) == FINE
    said = capsys.readouterr().out
    assert "refuses an address beyond 2,000 requests in 5 min" in said
    assert "By its design it holds 950/s, then the copies of web are all busy" in said
    assert max(map(len, said.partition("Written")[0].splitlines())) <= 80
    own = folder / "requests.js"
    own.write_text("export const requests = {};\n", encoding="utf-8")
    assert groundwork([*command, "--shape", "spike", "--sockets", "50", "--minutes", "2"]) == FINE
    assert own.read_text(encoding="utf-8") == "export const requests = {};\n"
    plan = json.loads((folder / "plan.json").read_text(encoding="utf-8"))
    assert (plan["shape"], plan["sockets"]["web"]["stages"][1]["target"]) == ("spike", 50)
    outcomes = [
        groundwork([*command, "--minutes", "0"]),
        groundwork(["loadtest", "prod", "--rate", "lots"]),
        groundwork(["loadtest", "prod", "--shape", "flat"]),
        groundwork(["loadtest", "dev", "--rate", "1"]),
    ]
    errors = capsys.readouterr().err
    assert outcomes == [MISTAKE, MISTAKE, MISTAKE, FINDINGS]
    assert '--minutes: "0" is none; say a number from 0.1' in errors
    assert "Traceback" not in errors


def test_a_prod_is_only_loaded_by_whoever_says_its_name_once_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], server: LoadedServer
) -> None:
    """And k6 is run in its folder, then the report is written."""
    monkeypatch.setattr(running, "run_stack", lambda name, **_: SimpleNamespace(snapshot=snapshot_of(name)))
    monkeypatch.setattr("groundwork.operations.account.open_account", lambda name: None)
    monkeypatch.setattr(reporting, "_said", lambda *_: SAID.items())
    looked: list[str] = []
    monkeypatch.setattr(k6, "look_first", lambda plan: looked.append(plan.hosts[0]))

    def run_k6(folder: Path) -> bool:
        (folder / "summary.json").write_text(json.dumps(summary()), encoding="utf-8")
        return True

    monkeypatch.setattr(k6, "run_k6", run_k6)
    command = ["loadtest", "prod", "--rate", "20", "--out", str(tmp_path), "--run", "--yes"]
    assert groundwork(command) == MISTAKE
    assert groundwork([*command, "--on", "example.com"]) == MISTAKE
    assert "say where you mean to go: --on shop.example.com" in capsys.readouterr().err
    assert groundwork([*command, "--on", "shop.example.com", "--dry-run"]) == FINE
    assert looked == []
    assert groundwork([*command, "--on", "shop.example.com"]) == FINE
    assert looked == ["shop.example.com"]
    assert "All thresholds were held." in capsys.readouterr().out
    assert newest_report(tmp_path)

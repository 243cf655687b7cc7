"""The search indexer, as a topic or a queue calls it, with a search server that keeps versions as OpenSearch does."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from groundwork.settings.loading import find_stack, load_stack
from tests.functions.conftest import CREDENTIALS
from tests.requirements import proves

PLENTY = SimpleNamespace(get_remaining_time_in_millis=lambda: 60_000)


class Search:
    """Documents with external versions; what is deleted leaves its version behind."""

    def __init__(self):
        self.kept = {}
        self.requests = []
        self.busy = []
        self.busy_items = []
        self.refused = set()

    @property
    def documents(self):
        return {key: document for key, (_, document) in self.kept.items() if document is not None}

    def bulk(self, body):
        lines = [json.loads(line) for line in body.decode().splitlines()]
        items = []
        while lines:
            ((action, target),) = lines.pop(0).items()
            document = lines.pop(0) if action == "index" else None
            assert target["version_type"] == "external"
            items.append({action: {"status": self.one(target, document)}})
        return {"errors": any(next(iter(item.values()))["status"] >= 300 for item in items), "items": items}

    def one(self, target, document):
        key = (target["_index"], target["_id"])
        if self.busy_items:
            status = self.busy_items.pop(0)
            if status:
                return status
        if key in self.refused:
            return 400
        version, before = self.kept.get(key, (0, None))
        if target["version"] <= version:
            return 409
        self.kept[key] = (target["version"], document)
        if document is None:
            return 404 if before is None else 200
        return 201 if before is None else 200


@pytest.fixture(scope="module")
def server():
    search = Search()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            search.requests.append((self.path, dict(self.headers.items()), body))
            status = search.busy.pop(0) if search.busy else 200
            answer = json.dumps(search.bulk(body) if status == 200 else {"error": "busy"}).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_):
            pass

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    search.port = listening.server_address[1]
    yield search
    listening.shutdown()
    listening.server_close()


@pytest.fixture
def search(server, monkeypatch):
    port = server.port
    server.__init__()
    server.port = port
    environment = {**CREDENTIALS, "SEARCH_ENDPOINT": f"http://127.0.0.1:{port}", "SEARCH_REGION": "us-west-2"}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return server


@pytest.fixture
def handler(search, load, monkeypatch):
    module = load("search_indexer")
    monkeypatch.setattr(module.time, "sleep", lambda seconds: None)
    return module


def post(version, text="new", **changes):
    return {"index": "posts", "id": "42", "version": version, "document": {"text": text}, **changes}


def gone(version):
    return {"index": "posts", "id": "42", "version": version, "deleted": True}


def told(handler, *messages, context=PLENTY):
    records = [{"Sns": {"MessageId": str(key), "Message": json.dumps(message)}} for key, message in enumerate(messages)]
    return handler.handle({"Records": records}, context)


def fed(handler, *bodies, context=PLENTY):
    records = [
        {"messageId": str(key), "body": body if isinstance(body, str) else json.dumps(body)}
        for key, body in enumerate(bodies)
    ]
    return [item["itemIdentifier"] for item in handler.handle({"Records": records}, context)["batchItemFailures"]]


@proves("S1-13")
def test_a_document_is_written_as_the_message_says(handler, search):
    """S1-12, S1-13"""
    assert told(handler, post(1)) is None
    assert search.documents == {("posts", "42"): {"text": "new"}}


def test_each_request_is_signed_with_the_functions_role(handler, search):
    """S1-13"""
    told(handler, post(1))
    ((path, headers, _),) = search.requests
    assert path == "/_bulk"
    assert headers["Authorization"].startswith("AWS4-HMAC-SHA256 Credential=none/")
    assert "/us-west-2/es/aws4_request" in headers["Authorization"]
    assert "X-Amz-Date".lower() in {name.lower() for name in headers}


@proves("S1-13")
def test_the_same_message_twice_does_no_harm(handler, search):
    """S1-13"""
    told(handler, post(1))
    told(handler, post(1))
    told(handler, post(2, "newer"), post(2, "newer"))
    assert search.kept == {("posts", "42"): (2, {"text": "newer"})}


@proves("S1-13")
def test_a_message_that_comes_late_loses(handler, search):
    """S1-13"""
    told(handler, post(2, "newer"))
    assert told(handler, post(1, "older")) is None
    assert search.documents == {("posts", "42"): {"text": "newer"}}


def test_what_was_deleted_does_not_come_back_with_a_late_message(handler, search):
    """S1-13"""
    told(handler, post(1))
    told(handler, gone(3))
    assert told(handler, post(2, "older")) is None
    assert search.documents == {}
    told(handler, post(4, "again"))
    assert search.documents == {("posts", "42"): {"text": "again"}}


def test_deleting_what_was_never_there_is_done_and_remembered(handler, search):
    assert told(handler, gone(3)) is None
    told(handler, post(2))
    assert search.documents == {}


@proves("S1-13")
def test_a_batch_of_a_queue_is_one_request_and_bad_messages_come_back_alone(handler, search):
    """S1-13"""
    search.refused = {("posts", "13")}
    envelope = {"Type": "Notification", "Message": json.dumps(post(1, id="3"))}
    failed = fed(handler, post(1, id="1"), "{", post(1, id="13"), envelope, {"index": "posts"})
    assert failed == ["1", "4", "2"]
    assert sorted(key for _, key in search.documents) == ["1", "3"]
    assert len(search.requests) == 1


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_busy_server_is_asked_again(handler, search, status):
    search.busy = [status, status]
    assert told(handler, post(1)) is None
    assert len(search.requests) == 3


def test_only_what_was_refused_for_being_busy_is_sent_again(handler, search):
    search.busy_items = [None, 429, None]
    told(handler, post(1, id="1"), post(1, id="2"), post(1, id="3"))
    assert sorted(key for _, key in search.documents) == ["1", "2", "3"]
    assert search.requests[1][2].count(b'"index":{') == 1


def test_a_server_that_stays_busy_fails_the_call(handler, search):
    search.busy = [429] * 50
    with pytest.raises(handler.Refused, match="429"):
        told(handler, post(1))
    assert len(search.requests) == handler.TRIES


def test_what_there_is_no_time_for_is_left_to_the_next_try(handler, search):
    search.busy = [503] * 50
    nearly_over = SimpleNamespace(get_remaining_time_in_millis=lambda: 1_200)
    assert fed(handler, post(1), context=nearly_over) == ["0"]
    assert len(search.requests) == 1


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_a_busy_server_is_asked_again_in_the_time_that_the_example_gives(handler, search, monkeypatch, stack):
    given = load_stack(find_stack(f"examples/mini-facebook/{stack}")).settings.functions["search-indexer"].timeout
    monkeypatch.setattr(handler.time, "sleep", lambda pause: None)
    search.busy = [503, 429]
    at_the_start = SimpleNamespace(get_remaining_time_in_millis=lambda: given * 1000 - 300)
    assert fed(handler, post(1), context=at_the_start) == []
    assert len(search.requests) == 3


def test_a_server_that_does_not_answer_leaves_time_for_another_try(handler):
    for left in (5.0, 10.0, 900.0):
        context = SimpleNamespace(get_remaining_time_in_millis=lambda left=left: left * 1000)
        patience = handler._answer_timeout(context)
        after = SimpleNamespace(
            get_remaining_time_in_millis=lambda left=left, patience=patience: (left - patience) * 1000
        )
        assert patience <= handler.TIMEOUT
        assert handler._left(after) >= handler.LEAST + handler.SPARE


def test_a_refusal_is_no_reason_to_ask_again(handler, search):
    search.busy = [403]
    with pytest.raises(handler.Refused, match="403"):
        told(handler, post(1))
    assert len(search.requests) == 1


def test_a_server_that_is_not_there_fails_the_call(handler, monkeypatch):
    monkeypatch.setenv("SEARCH_ENDPOINT", "http://127.0.0.1:1")
    with pytest.raises(handler.Refused, match="503"):
        told(handler, post(1))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"index": "_all"}, "no name of an index"),
        ({"index": "Posts"}, "no name of an index"),
        ({"index": "posts/../users"}, "no name of an index"),
        ({"index": None}, "no name of an index"),
        ({"id": ""}, "id is missing"),
        ({"id": "x" * 513}, "512"),
        ({"version": 0}, "version"),
        ({"version": "7"}, "version"),
        ({"version": True}, "version"),
        ({"version": 2**63}, "version"),
        ({"document": None}, "either document or deleted"),
        ({"deleted": True}, "either document or deleted"),
        ({"document": [1]}, "either document or deleted"),
    ],
)
def test_a_message_that_says_nothing_that_could_be_done_is_refused(handler, search, changes, said):
    with pytest.raises(handler.Refused, match=said):
        told(handler, {**post(1), **changes})
    assert search.requests == []


def test_only_the_indexes_that_are_named_are_written(handler, search, monkeypatch):
    monkeypatch.setenv("INDEXES", "users, posts")
    told(handler, post(1))
    with pytest.raises(handler.Refused, match="not one of INDEXES"):
        told(handler, post(1, index="audit"))


CHANGES = st.permutations([(version, None if version % 3 == 0 else f"text {version}") for version in range(1, 7)])


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=CHANGES, repeated=st.integers(0, 5))
def test_in_whatever_order_messages_come_the_newest_is_what_stays(handler, search, changes, repeated):
    """S1-13"""
    search.kept.clear()
    for version, text in [*changes, changes[repeated]]:
        told(handler, gone(version) if text is None else post(version, text))
    assert search.kept == {("posts", "42"): (6, None)}

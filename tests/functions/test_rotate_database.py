"""The rotation of the database's logins, with a real PostgreSQL over TLS."""

import ssl
import sys

import boto3
import pytest
from moto import mock_aws
from pg8000.exceptions import DatabaseError
from pg8000.native import Connection, identifier

from tests.functions import servers
from tests.functions.conftest import CREDENTIALS
from tests.functions.test_rotate_keys import STEPS, Manager
from tests.requirements import proves

FIRST = {
    "engine": "postgres",
    "port": 5432,
    "dbname": servers.DATABASE,
    "username": servers.ADMINISTRATOR,
    "password": servers.ADMINISTRATOR_PASSWORD,
}
USERS = ["groundwork_app_a", "groundwork_app_b"]


class Managers:
    """Secrets Manager with the two secrets."""

    def __init__(self, client):
        self.exceptions = client.exceptions
        self.kept = {"services": Manager(client, FIRST), "administrator": Manager(client, FIRST)}

    def __getattr__(self, name):
        return lambda **request: getattr(self.kept[request["SecretId"]], name)(**request)


class Database:
    """What tests see of it."""

    def __init__(self, server, managers, handler):
        self.server, self.managers, self.handler = server, managers, handler
        self.open = []

    def rotate(self, secret="services", token="one", steps=STEPS):
        if token not in self.managers.kept[secret].versions:
            self.managers.kept[secret].begin(token)
        for step in steps:
            self.handler.handle({"Step": step, "SecretId": secret, "ClientRequestToken": token}, None)
        return self.current(secret)

    def current(self, secret="services"):
        return self.managers.kept[secret].current()

    def connect(self, login):
        connection = Connection(
            login["username"],
            password=login["password"],
            host="localhost",
            port=self.server.port,
            database=servers.DATABASE,
            ssl_context=ssl.create_default_context(cafile=self.server.authority),
        )
        self.open.append(connection)
        return connection

    def close(self):
        while self.open:
            self.open.pop().close()


@pytest.fixture
def database(postgres_server, load, monkeypatch):
    environment = {
        **CREDENTIALS,
        "DATABASE_HOST": "localhost",
        "DATABASE_PORT": str(postgres_server.port),
        "DATABASE_NAME": servers.DATABASE,
        "DATABASE_READER_HOST": "reader.example",
        "DATABASE_READER_SSLMODE": "verify-ca",
        "DATABASE_READER_HOSTS": "localhost",
        "ADMINISTRATOR_SECRET_ARN": "administrator",
        "CA_FILE": str(postgres_server.authority),
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with mock_aws():
        managers = Managers(boto3.client("secretsmanager"))
        handler = load("rotate_database")
        sys.modules["secret_rotation"].client = lambda: managers
        made = Database(postgres_server, managers, handler)
        yield made
        made.close()
        _forget(made)


def _forget(database):
    """The server is as it was: roles outlive a test, the server serves all of them."""
    connection = database.connect(database.current("administrator"))
    name = identifier(servers.ADMINISTRATOR)
    there = [role for (role,) in connection.run("SELECT rolname FROM pg_roles WHERE rolname LIKE 'groundwork_app%'")]
    if "groundwork_app" in there:
        connection.run(f"REASSIGN OWNED BY groundwork_app TO {name}")
        connection.run(f"ALTER DATABASE {servers.DATABASE} OWNER TO {name}")
    for role in sorted(there, reverse=True):
        connection.run(f"DROP OWNED BY {role}")
        connection.run(f"DROP ROLE {role}")
    schemas = connection.run(f"SELECT nspname FROM pg_namespace WHERE nspowner = '{servers.ADMINISTRATOR}'::regrole")
    for (schema,) in schemas:
        connection.run(f"DROP SCHEMA {identifier(schema)} CASCADE")
    for (table,) in connection.run("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"):
        connection.run(f"DROP TABLE {identifier(table)}")
    connection.run(f"ALTER ROLE {name} PASSWORD '{servers.ADMINISTRATOR_PASSWORD}'")
    database.close()


def test_the_first_rotation_makes_a_login_that_is_not_the_administrators(database):
    """S1-16"""
    after = database.rotate()
    assert after["username"] == "groundwork_app_a"
    assert len(after["password"]) == 40
    assert database.connect(after).run("SELECT session_user::text, current_user::text") == [
        ["groundwork_app_a", "groundwork_app"]
    ]


@proves("S1-16")
def test_two_users_take_turns_and_the_one_before_keeps_its_password(database):
    """S1-16: a copy of a service that started before the change still logs in after it."""
    first = database.rotate(token="one")
    second = database.rotate(token="two")
    assert [first["username"], second["username"]] == USERS
    assert database.connect(first).run("SELECT 1") == [[1]]
    assert database.connect(second).run("SELECT 1") == [[1]]
    database.close()
    third = database.rotate(token="three")
    assert third["username"] == first["username"]
    with pytest.raises(DatabaseError, match="password authentication failed"):
        database.connect(first)
    assert database.connect(second).run("SELECT 1") == [[1]]


def test_what_one_user_makes_the_other_may_change(database):
    first = database.connect(database.rotate(token="one"))
    first.run("CREATE TABLE orders (id int)")
    second = database.connect(database.rotate(token="two"))
    second.run("ALTER TABLE orders ADD COLUMN total int")
    second.run("INSERT INTO orders VALUES (1, 2)")
    second.run("CREATE SCHEMA reports")
    first.run("CREATE TABLE reports.daily AS SELECT * FROM orders")
    first.run("DROP TABLE orders")
    assert _owners(second) == {("daily", "groundwork_app")}


def _owners(connection):
    asked = "SELECT tablename::text, tableowner::text FROM pg_tables WHERE schemaname IN ('public', 'reports', 'shop')"
    return {tuple(row) for row in connection.run(asked)}


def test_what_the_administrator_made_before_is_handed_over(database):
    administrator = database.connect(FIRST)
    administrator.run("CREATE TABLE orders (id serial)")
    administrator.run("CREATE SCHEMA shop")
    administrator.run("CREATE TABLE shop.items (id int)")
    administrator.run("CREATE FUNCTION shop.one() RETURNS int LANGUAGE sql AS 'SELECT 1'")
    user = database.connect(database.rotate())
    assert _owners(user) == {("orders", "groundwork_app"), ("items", "groundwork_app")}
    user.run("ALTER TABLE shop.items ADD COLUMN name text")
    user.run("DROP FUNCTION shop.one()")
    administrator.run("INSERT INTO orders DEFAULT VALUES")


def test_what_a_user_made_as_itself_is_handed_over_with_the_next_change(database):
    first = database.connect(database.rotate(token="one"))
    first.run("SET ROLE NONE")
    first.run("CREATE TABLE orders (id int)")
    assert _owners(first) == {("orders", "groundwork_app_a")}
    second = database.connect(database.rotate(token="two"))
    assert _owners(second) == {("orders", "groundwork_app")}
    first.run("INSERT INTO orders VALUES (1)")


def test_pools_that_clean_up_after_each_client_keep_the_owner(database):
    """Npgsql and PgBouncer say this."""
    user = database.connect(database.rotate())
    user.run("DISCARD ALL")
    assert user.run("SELECT current_user::text") == [["groundwork_app"]]


def test_addresses_follow_the_login_and_the_stack(database, monkeypatch):
    after = database.rotate()
    port = database.server.port
    login = f"{after['username']}:{after['password']}"
    assert after["url"] == f"postgresql://{login}@localhost:{port}/app?sslmode=verify-full"
    assert after["reader_url"] == f"postgresql://{login}@reader.example:{port}/app?sslmode=verify-ca"
    assert (after["engine"], after["dbname"]) == ("postgres", "app")
    monkeypatch.setenv("DATABASE_READER_HOST", "another.example")
    assert "@another.example:" in database.rotate(token="two")["reader_url"]


def test_each_step_twice_does_no_harm(database):
    """S1-16"""
    twice = [step for step in STEPS for _ in range(2)]
    after = database.rotate(steps=twice)
    assert database.rotate() == after
    assert database.managers.kept["services"].puts == 1
    assert database.connect(after).run("SELECT 1") == [[1]]


def test_until_the_end_everybody_reads_the_old_login(database):
    database.rotate(steps=STEPS[:3])
    assert database.current() == FIRST


def test_copies_that_never_started_anew_stop_the_rotation_and_not_the_other_way_round(database):
    """S1-16"""
    old = database.connect(database.rotate(token="one"))
    second = database.rotate(token="two")
    with pytest.raises(database.handler.StillLoggedIn, match="1 sessions on localhost still use groundwork_app_a"):
        database.rotate(token="three")
    assert old.run("SELECT 1") == [[1]]
    assert database.current() == second
    database.close()
    assert database.rotate(token="three")["username"] == "groundwork_app_a"


def test_the_administrators_password_changes_in_place_when_no_service_uses_it(database):
    """S1-16"""
    database.rotate()
    session = database.connect(FIRST)
    with pytest.raises(database.handler.StillLoggedIn, match="still use groundwork;"):
        database.rotate("administrator")
    assert session.run("SELECT 1") == [[1]]
    database.close()
    after = database.rotate("administrator", steps=[step for step in STEPS for _ in range(2)])
    assert after["username"] == FIRST["username"]
    assert database.connect(after).run("SELECT 1") == [[1]]
    with pytest.raises(DatabaseError, match="password authentication failed"):
        database.connect(FIRST)
    database.close()
    assert database.rotate(token="two")["username"] == "groundwork_app_b"


def test_no_password_stands_in_the_servers_log(database):
    after = database.rotate()
    log = database.server.log.read_text(encoding="utf-8", errors="replace")
    assert "CREATE ROLE" in log
    assert "SCRAM-SHA-256$" in log
    assert after["password"] not in log


def test_a_server_that_nobody_trusts_is_told_no_password(database, monkeypatch, tmp_path):
    monkeypatch.setenv("CA_FILE", str(servers.certificates(tmp_path).authority))
    with pytest.raises(Exception, match="certificate verify failed"):
        database.rotate()
    database.managers.kept["services"].versions.pop("one")


def test_a_table_that_somebody_holds_fails_the_rotation_and_changes_nothing(database):
    administrator = database.connect(FIRST)
    administrator.run("CREATE TABLE orders (id int)")
    administrator.run("START TRANSACTION")
    administrator.run("LOCK TABLE orders IN ACCESS SHARE MODE")
    database.handler.LOCK_TIMEOUT = "200ms"
    with pytest.raises(DatabaseError, match="lock timeout"):
        database.rotate()
    administrator.run("COMMIT")
    assert administrator.run("SELECT rolname FROM pg_roles WHERE rolname LIKE 'groundwork_app%'") == []
    database.close()
    assert database.rotate()["username"] == "groundwork_app_a"


def test_a_version_that_nobody_began_is_refused(database):
    with pytest.raises(sys.modules["secret_rotation"].NotDue, match="no version"):
        database.handler.handle({"Step": "createSecret", "SecretId": "services", "ClientRequestToken": "x"}, None)
    database.managers.kept["services"].enabled = False
    with pytest.raises(sys.modules["secret_rotation"].NotDue, match="not set to rotate"):
        database.rotate()


def test_what_is_kept_of_a_password_is_what_postgres_itself_would_keep(database):
    made = database.handler.scram("secret")
    assert made.startswith("SCRAM-SHA-256$4096:")
    assert made != database.handler.scram("secret")

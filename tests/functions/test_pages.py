"""What the pages show works."""

import json
import re
from pathlib import Path

import boto3
import pytest
import yaml
from moto import mock_aws

from groundwork.components.functions.settings import FunctionSettings
from groundwork.components.messaging.queue_settings import (
    NotifySettings,
    QueueSettings,
    ScheduleSettings,
    TopicSettings,
)

PAGES = Path(__file__).parents[2] / "docs" / "components"


def blocks(page, language):
    return re.findall(rf"```{language}\n(.*?)```", (PAGES / page).read_text(encoding="utf-8"), re.DOTALL)


def test_the_example_of_functions_is_one():
    (example, *_) = blocks("functions.md", "yaml")
    functions = yaml.safe_load(example)["groundwork:functions"]
    assert [FunctionSettings.model_validate(item).code for item in functions.values()] == [
        "functions/image_processor",
        "functions/cleanup",
    ]


def test_the_example_of_messaging_is_one():
    (example, *_) = blocks("messaging.md", "yaml")
    shown = yaml.safe_load(example)
    messaging = shown["groundwork:messaging"]
    for kind, model in (("queues", QueueSettings), ("topics", TopicSettings), ("schedules", ScheduleSettings)):
        for settings in messaging[kind].values():
            model.model_validate(settings)
    NotifySettings.model_validate(shown["groundwork:storage"]["uploads"]["notify"]["new"])


@pytest.mark.parametrize(("key", "read"), [(":password::", "hunter2"), ("", '{"password": "hunter2"}')])
def test_a_function_reads_a_secret_as_the_page_shows(monkeypatch, key, read):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ap-south-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "none")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "none")
    (code,) = blocks("functions.md", "python")
    with mock_aws():
        kept = boto3.client("secretsmanager").create_secret(
            Name="shop/prod/app", SecretString=json.dumps({"password": "hunter2"})
        )
        monkeypatch.setenv("DATABASE_PASSWORD_SECRET", kept["ARN"] + key)
        names = {}
        exec("import boto3, functools, json, os\n" + code, names)
        assert names["secret"]("DATABASE_PASSWORD") == read

"""Trees in Parameter Store."""

from groundwork.components.context import Context
from groundwork.components.parameters.parameters import Parameters
from groundwork.components.parameters.settings import ParameterTreeSettings
from tests.harness import build

KIND = "aws:ssm/parameter:Parameter"


def test_each_value_is_a_parameter_below_the_platforms_path() -> None:
    """S4-10"""
    settings = ParameterTreeSettings(values={"LOG_LEVEL": "info", "LIMIT": "3"})
    snapshot = build(lambda context: Parameters("shop-flags", settings, key="flags", context=context))
    found = {parameter.inputs["name"]: parameter.inputs["insecureValue"] for parameter in snapshot.of_type(KIND)}
    assert found == {"/shop/prod/flags/LIMIT": "3", "/shop/prod/flags/LOG_LEVEL": "info"}


def test_whoever_reads_a_tree_gets_references_and_no_permission() -> None:
    """S4-10"""
    grants = []

    def program(context: Context) -> None:
        settings = ParameterTreeSettings(path="/of/ours", values={"LIMIT": "3"})
        grants.append(Parameters("shop-flags", settings, key="flags", context=context).grant("read"))

    build(program)
    assert grants[0].statements == ()
    assert grants[0].environment == {}
    assert grants[0].parameters["LIMIT"].name == "/of/ours/LIMIT"


def test_a_value_more_touches_no_other() -> None:
    def urns(**values: str) -> set[str]:
        settings = ParameterTreeSettings(values=values)
        snapshot = build(lambda context: Parameters("shop-flags", settings, key="flags", context=context))
        return {parameter.urn for parameter in snapshot.of_type(KIND)}

    assert urns(A="1") < urns(A="1", B="2")

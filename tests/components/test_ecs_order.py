from hypothesis import given
from hypothesis import strategies as st

from groundwork.components.compute.ecs.order import start_order

_NAMES = st.text("abcdef", min_size=1, max_size=6)


@given(st.dictionaries(_NAMES, st.lists(_NAMES, max_size=4), max_size=12))
def test_those_that_are_called_start_first_wherever_there_is_no_circle(graph: dict[str, list[str]]) -> None:
    # Only upwards in the alphabet, so that there is none.
    calls = {name: [used for used in others if used in graph and used > name] for name, others in graph.items()}
    order = start_order(calls)
    assert sorted(order) == sorted(calls)
    for name, others in calls.items():
        for used in others:
            assert order.index(used) < order.index(name)


def test_a_long_chain_and_a_circle_have_an_order() -> None:
    chain = {f"s{index}": [f"s{index + 1}"] for index in range(5000)} | {"s5000": []}
    assert start_order(chain)[0] == "s5000"
    assert sorted(start_order({"a": ["b"], "b": ["a"]})) == ["a", "b"]

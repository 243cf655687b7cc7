"""The order in which services start."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence


def start_order(calls: Mapping[str, Sequence[str]]) -> list[str]:
    """Sort services so that those they call come before them. In a circle one has to be first; the one met first waits
    for the rest."""
    ordered: list[str] = []
    seen: set[str] = set()
    for start in calls:
        if start in seen:
            continue
        seen.add(start)
        # Iterative, since a chain of services may be longer than Python's stack.
        path: list[tuple[str, Iterator[str]]] = [(start, iter(calls[start]))]
        while path:
            name, rest = path[-1]
            following = next((used for used in rest if used not in seen), None)
            if following is None:
                ordered.append(name)
                path.pop()
            else:
                seen.add(following)
                path.append((following, iter(calls[following])))
    return ordered

"""JSON that nobody can change: tuples for lists, and dictionaries that refuse every change.

Rows hold their messages, candidates, scores and history in this form. Stages and makers that work at the same
time may hold the same list: a change in place would reach some of them, depending on which reply came first.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

# An object of JSON that is only read. A plain dictionary is one, too; a row turns it into a `FrozenDict`.
FrozenJson = Mapping[str, Any]


class FrozenDict(dict[str, Any]):
    """A dictionary that cannot change. It is a `dict`, so that `orjson` and templates can read it."""

    __slots__ = ()

    def _refuse(self, *args: object, **kwargs: object) -> NoReturn:
        raise TypeError("a row's dictionary cannot be changed in place: give the row a new one")

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse

    def __reduce__(self) -> tuple[Any, ...]:
        """A deep copy or an unpickled copy is a plain dictionary."""
        return dict, (dict(self),)


# Types that cannot change. Most values of a row have one of these types, so this fast path matters.
_FIXED = frozenset({str, int, float, bool, type(None), FrozenDict})


def freeze(value: Any) -> Any:
    """The same JSON in a form that cannot change. A value that is in this form is returned unchanged."""
    if type(value) in _FIXED:
        return value
    if isinstance(value, dict):
        return FrozenDict(
            {key: each if type(each) in _FIXED else freeze(each) for key, each in value.items()}
        )
    if isinstance(value, (list, tuple)):
        return tuple([each if type(each) in _FIXED else freeze(each) for each in value])
    return value


def thaw(value: Any) -> Any:
    """A copy of frozen JSON that can be changed: lists and plain dictionaries."""
    if isinstance(value, dict):
        return {key: each if type(each) is str else thaw(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [each if type(each) is str else thaw(each) for each in value]
    return value

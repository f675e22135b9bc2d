"""Finds the objects that a recipe names, in this package and in other installed packages."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module, metadata
from typing import Generic, TypeVar

T = TypeVar("T")


class Registry(Generic[T]):
    """Finds objects of one `kind` by name. An object is imported only when `find` looks it up.

    `built_in` has the place of each object as `module:object`. Other packages add objects with entry points
    of the group. They cannot replace a built-in one.
    """

    def __init__(self, group: str, built_in: Mapping[str, str], kind: type[T]) -> None:
        self._group = group
        self._built_in = built_in
        self._kind = kind

    @property
    def built_in(self) -> list[str]:
        """The names of this package's own objects."""
        return list(self._built_in)

    @property
    def names(self) -> list[str]:
        """All names, the built-in ones first."""
        added = {entry.name for entry in metadata.entry_points(group=self._group)}
        return [*self._built_in, *sorted(added - self._built_in.keys())]

    def find(self, name: str) -> T:
        """The object of this name. Raises `KeyError` if there is none.

        Raises `ValueError` if it cannot be imported or is of another kind.
        """
        place = self._built_in.get(name)
        if place is None:
            entries = metadata.entry_points(group=self._group, name=name)
            if not entries:
                raise KeyError(name)
            place = next(iter(entries)).value
        module, _, attribute = place.partition(":")
        try:
            found = getattr(import_module(module), attribute)
        except (ImportError, AttributeError) as error:
            raise ValueError(f"{name!r} is added by {place}, which cannot be imported: {error}") from None
        if not isinstance(found, self._kind):
            raise ValueError(f"{name!r} is added by {place}, which is no {self._kind.__name__}")
        return found

"""Names for classes, so that a configuration can build what a paper calls by name."""

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Collection, Iterable
from typing import Any, Generic, TypeVar

T = TypeVar("T")
E = TypeVar("E", bound=Callable[..., Any])


class Registry(Generic[T]):
    """Classes of one family by name. A module of the family registers its own on import.

    Args:
        family: what one is called in messages.
        given: options that whoever creates one gives it, which no configuration can name.
    """

    def __init__(self, family: str, given: Collection[str] = ()) -> None:
        self.family, self.given = family, given
        self._entries: dict[str, Callable[..., T]] = {}

    def register(self, name: str) -> Callable[[E], E]:
        """Decorate a class or factory with the name it is created by.

        Raises:
            ValueError: the name is taken.
        """

        def add(entry: E) -> E:
            if name in self._entries:
                raise ValueError(
                    f"{self.family} '{name}' is registered twice, by {self._entries[name]!r} "
                    f"and {entry!r}; give one of them another name"
                )
            self._entries[name] = entry
            return entry

        return add

    def names(self) -> tuple[str, ...]:
        return tuple(sorted(self._entries))

    def entry(self, name: str) -> Callable[..., T]:
        """The class or factory of that name; `module:name` imports a module that registers it, of any package.

        Raises:
            ValueError: there is none.
        """
        module, _, name = name.rpartition(":")
        if module:
            try:
                importlib.import_module(module)
            except ModuleNotFoundError as error:
                raise ValueError(f"{self.family} '{module}:{name}': {error}") from None
        if name not in self._entries:
            raise ValueError(f"unknown {self.family} '{name}'; choose one of: {', '.join(self.names())}")
        return self._entries[name]

    def options(self, name: str) -> dict[str, inspect.Parameter]:
        """The options that `create(name, ...)` takes.

        Raises:
            ValueError: no entry has that name.
        """
        parameters = inspect.signature(self.entry(name)).parameters
        # A class without options of its own shows the *args and **kwargs of torch's Module.
        return {name: p for name, p in parameters.items() if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)}

    def create(self, name: str, **options: Any) -> T:
        """Build the entry `name` with its options.

        Raises:
            ValueError: unknown name, unknown or missing option, a value the entry refuses, or a class that lacks what
                each of its family defines.
        """
        entry, known = self.entry(name), self.options(name)
        if lacking := sorted(getattr(entry, "__abstractmethods__", ())):
            raise ValueError(
                f"{self.family} '{name}' does not define {', '.join(lacking)}, which each {self.family} has"
            )
        for option in options:
            if option not in known:
                allowed = ", ".join(name for name in known if name not in self.given) or "none"
                raise ValueError(f"{self.family} '{name}' has no option '{option}'; its options are: {allowed}")
        for option, parameter in known.items():
            if parameter.default is parameter.empty and option not in options:
                raise ValueError(f"{self.family} '{name}' needs the option '{option}'")
        return entry(**options)


def import_modules(package: str, path: Iterable[str]) -> None:
    """Import every module of a package, so that one new file is enough to register its entries."""
    for module in pkgutil.iter_modules(path):
        importlib.import_module(f"{package}.{module.name}")

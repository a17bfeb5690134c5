"""Refusals: which parameter, its value, and what is allowed."""

import difflib
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, TypeVar, get_args

import click
from pydantic import BaseModel, TypeAdapter, ValidationError

M = TypeVar("M")


class ConfigError(click.ClickException):
    """A parameter that cannot be used: which, its value, and what is allowed. Shown without a traceback."""


def validated(model: type[M], values: Any, *keys: str) -> M:
    """A model of some values.

    Args:
        model: a pydantic model, or a union of such.
        keys: where the values stand in the parameters, and, if there are two, where else they may come from.

    Raises:
        ConfigError: a key is unknown, or a value has the wrong type or range.
    """
    try:
        return TypeAdapter(model).validate_python(values)
    except ValidationError as error:
        raise ConfigError("; ".join(_explain(e, model, values, keys) for e in error.errors())) from None


def refuse_unknown(key: str, names: Iterable[str], known: Collection[str]) -> None:
    """Refuse methods that are not among the known ones."""
    for name in names:
        if name not in known:
            choice = f"{suggested(name, known)}; choose from: {', '.join(known)}"
            raise ConfigError(f"{key}: unknown method '{name}'{choice}")


def suggested(name: str, known: Iterable[str]) -> str:
    """`, did you mean '...'?` if something known is alike."""
    matches = difflib.get_close_matches(name, list(known), n=1)
    return f", did you mean '{matches[0]}'?" if matches else ""


def _explain(error: Any, model: Any, values: Any, keys: tuple[str, ...]) -> str:
    """One sentence: the key, its value, and what is allowed."""
    path = [str(part) for part in error["loc"]]
    if isinstance(model, type) and issubclass(model, BaseModel):
        of: type[BaseModel] | None = model
    else:  # A union, whose errors begin with the kind.
        members = get_args(get_args(model)[0])
        kinds = {get_args(member.model_fields["kind"].annotation)[0]: member for member in members}
        of = kinds.get(path[0]) if path else None
        path = path[1:]
    key = ".".join([*keys[:1], *path])
    where = f" (or {keys[1]})" if len(keys) > 1 else ""
    if error["type"].startswith("union_tag"):
        return f"parameter '{key}.kind' is {values.get('kind')!r}; choose one of: {', '.join(kinds)}"
    if error["type"] == "extra_forbidden" and of:
        siblings = _fields(of, path[:-1])
        return f"unknown parameter '{key}'{where}{suggested(path[-1], siblings)}; known are: {', '.join(siblings)}"
    if error["type"] == "missing":
        return f"parameter '{key}'{where} is missing"
    message = error["msg"].removeprefix("Value error, ")
    if error["type"] == "dict_type" and isinstance(error["input"], str):
        message = f"it needs a name and options, such as {{name: {error['input']}}}"
    value = "" if isinstance(error["input"], Mapping) else f" is {error['input']!r}"
    return f"parameter '{key}'{where}{value}: {message[0].lower()}{message[1:]}"


def _fields(model: type[BaseModel], path: list[str]) -> list[str]:
    """Names of the fields at a path of nested models."""
    current: Any = model
    for part in path:
        annotation = current.model_fields[part].annotation if part in current.model_fields else None
        current = next(_models(annotation), current)
    return list(current.model_fields)


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models in an annotation, however deep."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models(argument)

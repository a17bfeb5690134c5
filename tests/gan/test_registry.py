import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from relation_gan.gan.registry import Registry, import_modules


class Square:
    def __init__(self, side: int, colour: str = "red") -> None:
        self.side, self.colour = side, colour


class Bare:
    def __init__(self, *args: object, **kwargs: object) -> None:
        self.given = args, kwargs


@pytest.fixture
def shapes() -> Registry:
    registry: Registry = Registry("shape")
    registry.register("square")(Square)
    registry.register("bare")(Bare)
    return registry


def test_names_are_sorted(shapes: Registry) -> None:
    assert shapes.names() == ("bare", "square")


def test_register_gives_the_class_back_so_that_it_stays_usable_by_itself() -> None:
    assert Registry("shape").register("square")(Square) is Square


def test_create_builds_the_named_class_with_its_options(shapes: Registry) -> None:
    square = shapes.create("square", side=3)
    assert (type(square), square.side, square.colour) == (Square, 3, "red")


def test_options_leave_out_catch_all_parameters(shapes: Registry) -> None:
    assert list(shapes.options("square")) == ["side", "colour"]
    assert list(shapes.options("bare")) == []


def test_a_name_registered_twice_is_refused_naming_both_entries(shapes: Registry) -> None:
    with pytest.raises(ValueError, match=r"shape 'square' is registered twice, by .*Square.* and .*Bare.*another name"):
        shapes.register("square")(Bare)
    assert isinstance(shapes.create("square", side=1), Square)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("cube", {}, "unknown shape 'cube'; choose one of: bare, square"),
        ("square", {}, "shape 'square' needs the option 'side'"),
        ("square", {"side": 1, "color": "red"}, "shape 'square' has no option 'color'; its options are: side, colour"),
        ("bare", {"side": 1}, "shape 'bare' has no option 'side'; its options are: none"),
    ],
)
def test_what_cannot_be_created_is_refused_with_what_can(
    shapes: Registry, name: str, options: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        shapes.create(name, **options)


def test_an_entry_is_the_class_itself_and_not_built(shapes: Registry) -> None:
    assert shapes.entry("square") is Square


@pytest.mark.parametrize("find", [Registry.options, Registry.entry])
def test_what_is_asked_of_an_unknown_name_is_refused(shapes: Registry, find: Callable[[Registry, str], Any]) -> None:
    with pytest.raises(ValueError, match="^unknown shape 'cube'; choose one of: bare, square$"):
        find(shapes, "cube")


def test_one_new_file_registers_its_entries(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "a_family_of_shapes"
    package.mkdir()
    (package / "__init__.py").write_text("entries = []\n")
    for name in ("circle", "disc"):
        (package / f"{name}.py").write_text(f"from a_family_of_shapes import entries\nentries.append({name!r})\n")
    monkeypatch.syspath_prepend(tmp_path)
    import a_family_of_shapes  # pyright: ignore[reportMissingImports]

    import_modules("a_family_of_shapes", a_family_of_shapes.__path__)
    assert sorted(a_family_of_shapes.entries) == ["circle", "disc"]


def test_a_name_with_a_module_is_of_any_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shapes: Registry
) -> None:
    monkeypatch.setattr("relation_gan.gan.tasks.registry", shapes)
    code = "from relation_gan.gan.tasks import registry\nregistry.register('circle')(lambda radius: radius)\n"
    (tmp_path / "my_shapes.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    assert shapes.create("my_shapes:circle", radius=3) == 3
    assert list(shapes.options("my_shapes:circle")) == ["radius"]
    with pytest.raises(ValueError, match="unknown shape 'square_'; choose one of: bare, circle, square"):
        shapes.entry("my_shapes:square_")
    with pytest.raises(ValueError, match="shape 'no_shapes:circle': No module named 'no_shapes'"):
        shapes.entry("no_shapes:circle")


def test_what_is_given_by_who_creates_an_entry_is_no_option_of_it() -> None:
    registry: Registry = Registry("shape", given=("side",))
    registry.register("square")(Square)
    with pytest.raises(ValueError, match="has no option 'color'; its options are: colour$"):
        registry.create("square", side=1, color="red")

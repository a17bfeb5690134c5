"""What is learnt, one file a task. `create(name, parts, **options)` builds one."""

from typing import Any

from relation_gan.gan.registry import import_modules
from relation_gan.gan.tasks.base import Draws, Feeds, Parts, Task, registry

import_modules(__name__, __path__)

names = registry.names
register = registry.register
entry = registry.entry
options = registry.options


def create(name: str, parts: Parts, **options: Any) -> Task:
    """An untrained task.

    Raises:
        ValueError: unknown name, unknown or missing option, parts that do not fit, or a task without what each has.
    """
    return registry.create(name, parts=parts, **options)


def task_class(name: str) -> type[Task]:
    """The class of a task.

    Raises:
        ValueError: none has that name.
    """
    found = entry(name)
    assert isinstance(found, type) and issubclass(found, Task)
    return found


__all__ = ["Draws", "Feeds", "Parts", "Task", "create", "entry", "names", "options", "register", "task_class"]

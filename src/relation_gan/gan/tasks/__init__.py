"""What is learnt, one file a task. `create(name, parts, **options)` builds one."""

from relation_gan.gan.registry import import_modules
from relation_gan.gan.tasks.base import Draws, Feeds, Parts, Task, registry

import_modules(__name__, __path__)

names = registry.names
register = registry.register
create = registry.create
entry = registry.entry
options = registry.options


def task_class(name: str) -> type[Task]:
    """The class of a task.

    Raises:
        ValueError: none has that name.
    """
    found = entry(name)
    assert isinstance(found, type) and issubclass(found, Task)
    return found


__all__ = ["Draws", "Feeds", "Parts", "Task", "create", "entry", "names", "options", "register", "task_class"]

"""What nodes of several pipelines need."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial, update_wrapper
from pathlib import Path
from typing import Any

import click
import torch
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from lightning_fabric import Fabric

from relation_gan.gan.data import StoreError
from relation_gan.gan.data.sources import SourceError
from relation_gan.gan.metrics.extractors import ExtractorError
from relation_gan.gan.sampling import SampleError


def device() -> torch.device:
    """Where samples are drawn and classified: an accelerator if there is one."""
    return Fabric(accelerator="auto", devices=1).device


@contextmanager
def explained() -> Iterator[None]:
    """Show what is wrong with data without a traceback."""
    try:
        yield
    except (SourceError, StoreError, ExtractorError, SampleError) as error:
        raise click.ClickException(str(error)) from None


def bound(function: Any, *arguments: Any) -> Any:
    """A node's function with its first arguments given."""
    made = update_wrapper(partial(function, *arguments), function)
    # Kedro matches inputs with annotations by position, and would look at all arguments of what is wrapped.
    del made.__wrapped__
    return made


def template(folder: Path, name: str) -> Template:
    """Of a folder's own page, which may include what `reporting` has; an undefined name is an error."""
    return Environment(
        loader=FileSystemLoader([folder, Path(__file__).parent / "reporting"]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    ).get_template(name)

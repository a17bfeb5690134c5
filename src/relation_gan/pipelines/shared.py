"""What nodes of several pipelines need."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial, update_wrapper
from typing import Any

import click
import torch
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

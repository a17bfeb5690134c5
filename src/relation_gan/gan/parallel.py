"""Several processes that share the batch of each step: gradients are averaged, each has its own part of the draws.

Gradients come from `torch.autograd.grad`, which wrappers such as DistributedDataParallel do not see, so the step
averages them itself. Pairs are formed within a process: docs/decisions/0008.
"""

import os
import signal
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.multiprocessing import _prctl_pr_set_pdeathsig  # type: ignore[attr-defined]
from torch.multiprocessing.spawn import ProcessExitedException, ProcessRaisedException, start_processes


@dataclass(frozen=True)
class Ranks:
    """Which of how many processes this one is. Alone, every method costs nothing."""

    rank: int = 0
    count: int = 1

    @classmethod
    def current(cls) -> "Ranks":
        return cls(dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else cls()

    @property
    def first(self) -> bool:
        """Whether this process writes and logs."""
        return self.rank == 0

    def average(self, tensors: Iterable[Tensor | None]) -> None:
        """Replace tensors by their means over all processes, in place, in one message a type."""
        if self.count > 1:
            self._average(tensors)

    @torch.no_grad()
    def _average(self, tensors: Iterable[Tensor | None]) -> None:
        by_type: dict[torch.dtype, list[Tensor]] = {}
        for tensor in tensors:
            if tensor is not None:
                by_type.setdefault(tensor.dtype, []).append(tensor)
        for group in by_type.values():
            flat = torch.cat([tensor.flatten() for tensor in group])
            dist.all_reduce(flat)
            flat /= self.count
            for tensor, mean in zip(group, flat.split([tensor.numel() for tensor in group]), strict=True):
                tensor.copy_(mean.view_as(tensor))

    def any(self, flag: bool, device: torch.device) -> bool:
        """Whether it is true in any process."""
        if self.count == 1:
            return flag
        found = torch.tensor(float(flag), device=device)
        dist.all_reduce(found, dist.ReduceOp.MAX)
        return bool(found)

    def gather(self, tensors: dict[str, Tensor]) -> list[dict[str, Tensor]]:
        """The tensors of every process, by rank."""
        if self.count == 1:
            return [tensors]
        found: list[Any] = [None] * self.count
        dist.all_gather_object(found, {name: tensor.cpu() for name, tensor in tensors.items()})
        return found


def device_count(asked: int | str, accelerator: str) -> int:
    """How many devices `training.devices` stands for here.

    Raises:
        ValueError: there are not so many GPUs.
    """
    gpus = torch.cuda.device_count() if accelerator in ("auto", "gpu") else 0
    if asked == "auto":
        return max(1, gpus)
    count = int(asked)
    if gpus and count > gpus:
        raise ValueError(f"training.devices is {count}, but there are {gpus} GPUs; ask for at most {gpus}")
    return count


class Stopped(RuntimeError):
    """A process that shares a batch ended with an error: the message is its own."""


def launch(work: Callable[..., None], count: int, *arguments: Any, poll: Callable[[], None] = lambda: None) -> None:
    """Run `work(*arguments)` in `count` processes that can talk to each other, and wait for them.

    Args:
        work: a function of a module, since it travels by name; `Ranks.current()` tells its processes apart.
        poll: called some times a second meanwhile, in this process.

    Raises:
        Stopped: one of them failed; the others are ended.
    """
    with tempfile.TemporaryDirectory() as folder:
        threads = max(1, torch.get_num_threads() // count)
        given = (count, Path(folder, "rendezvous"), threads, work, arguments)
        # Processes inherit the mask: Ctrl-C reaches this process alone, which decides.
        masked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            context = start_processes(_enter, given, count, join=False, start_method="spawn")
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, masked)
        assert context is not None
        try:
            while not context.join(timeout=0.2):
                poll()
        except ProcessRaisedException as error:
            raise Stopped(str(error).strip().splitlines()[-1]) from error
        except ProcessExitedException as error:
            raise Stopped(str(error)) from error
        finally:
            for process in context.processes:
                if process and process.is_alive():
                    process.kill()
                    process.join()
            poll()


def _enter(
    rank: int, count: int, rendezvous: Path, threads: int, work: Callable[..., None], arguments: Sequence[Any]
) -> None:
    _prctl_pr_set_pdeathsig(signal.SIGKILL)  # No process outlives the one that started it
    torch.set_num_threads(threads)
    # All processes are on this machine, so nothing listens on any other address.
    os.environ["GLOO_SOCKET_IFNAME"] = "lo0" if os.uname().sysname == "Darwin" else "lo"
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.device_count() >= count else "gloo"
    dist.init_process_group(backend, init_method=rendezvous.as_uri(), rank=rank, world_size=count)
    work(*arguments)
    # Not after an error, which would reach the others as a closed connection before it is reported.
    dist.destroy_process_group()

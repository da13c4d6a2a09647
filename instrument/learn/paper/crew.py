"""The processes that train together: one alone, or as many as `torchrun` started (NCCL on CUDA, gloo on CPU)."""

import os
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

from ..run import track

PATIENCE = timedelta(hours=6)  # the first process may draw pictures or fetch weights while the others wait


@dataclass(frozen=True)
class Crew:
    """This process among `world`; `rank` 0 speaks and writes."""

    rank: int = 0
    world: int = 1
    device: str = "cpu"

    @property
    def first(self):
        return self.rank == 0

    def wait(self):
        """Until all are here."""
        if self.world > 1:
            distributed.barrier()

    def in_turn(self, make):
        """What `make()` gives, called by the first process before the others: they find its files."""
        made = make() if self.first else None
        self.wait()
        return made if self.first else make()

    def share(self, net):
        """`net`, its gradients averaged over all processes; on CUDA it also normalises over the whole batch."""
        if self.world == 1:
            return net
        if self.device != "cpu":
            net = nn.SyncBatchNorm.convert_sync_batchnorm(net)
        return DistributedDataParallel(net)

    def align(self, net):
        """Give every process the first one's running statistics."""
        if self.world > 1:
            for buffer in net.buffers():
                distributed.broadcast(buffer, 0)

    def gather(self, value):
        """List of every process's `value`, by rank."""
        if self.world == 1:
            return [value]
        values = [None] * self.world
        distributed.all_gather_object(values, value)
        return values

    def add(self, tensor):
        """Put the sum over all processes into `tensor`."""
        if self.world > 1:
            distributed.all_reduce(tensor)

    def track(self, items, what, start=0, note=lambda: ""):
        """`items`, behind a progress bar in the first process."""
        return track(items, what, start, note) if self.first else iter(items)


@contextmanager
def crew():
    """The Crew of this process, by the environment that `torchrun` sets; alone without it."""
    cuda = torch.cuda.is_available()
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1:
        yield Crew(device="cuda" if cuda else "cpu")
        return
    local = int(os.environ["LOCAL_RANK"])
    if cuda and local >= torch.cuda.device_count():
        raise ValueError(f"{local + 1} processes or more here, and {torch.cuda.device_count()} GPUs: give torchrun as many "
                         "(--nproc-per-node)")
    if cuda:
        torch.cuda.set_device(local)
    distributed.init_process_group("nccl" if cuda else "gloo", timeout=PATIENCE)
    try:
        yield Crew(distributed.get_rank(), world, f"cuda:{local}" if cuda else "cpu")
    finally:
        distributed.destroy_process_group()

"""What the machine can do at best, measured: the bounds that the other rows stand beside.

Memory bandwidth counts bytes read and bytes written of a large copy. Matrix products are square, large and of random
numbers (zeros run faster, at a power draw that no model sees).
"""

import gc
import platform
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from statistics import median

import torch


@dataclass(frozen=True)
class Bounds:
    """`bandwidth` in bytes a second, `matmul` in floating-point operations a second in the models' dtype."""

    bandwidth: float
    matmul: float


def device_facts(device: torch.device) -> dict[str, str]:
    """The device's name and the versions of what runs on it."""
    if device.type == "cuda":
        found = torch.cuda.get_device_properties(device)
        name = f"{found.name}, {found.total_memory / 2**30:.0f} GiB, CUDA {torch.version.cuda}"
    else:
        name = f"{platform.processor() or platform.machine()} CPU, {torch.get_num_threads()} threads"
    packages = ("torch", "transformers", "trl")
    versions = ", ".join(f"{package} {version(package)}" for package in packages)
    return {"device": name, "versions": f"Python {platform.python_version()}, {versions}"}


def measure_bounds(device: torch.device, dtype: torch.dtype) -> Bounds:
    """Copy and multiply for about a second."""
    large = device.type == "cuda"
    return Bounds(
        bandwidth=_copied((4 << 30) if large else (64 << 20), device),
        matmul=_multiplied(8192 if large else 512, device, dtype),
    )


def _copied(size: int, device: torch.device) -> float:
    source = torch.zeros(size, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    return 2 * size / time_it(lambda: target.copy_(source), device)


def _multiplied(size: int, device: torch.device, dtype: torch.dtype) -> float:
    left, right = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
    return float(2 * size**3 / time_it(lambda: left @ right, device))


def time_it(work: Callable[[], object], device: torch.device, times: int = 10) -> float:
    """Median seconds of `work` after two calls that are not counted."""
    found = []
    for attempt in range(times + 2):
        synchronize(device)
        start = time.perf_counter()
        work()
        synchronize(device)
        if attempt >= 2:
            found.append(time.perf_counter() - start)
    return median(found)


def synchronize(device: torch.device) -> None:
    """Wait until the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def forget_peak(device: torch.device) -> None:
    """Give back free memory and count the peak from here. A CPU process's peak cannot be counted anew."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)


def peak_bytes(device: torch.device) -> int:
    """The most memory that torch has held on the device since `forget_peak`; on a CPU that of the process, ever."""
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit

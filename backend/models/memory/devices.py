"""Device and precision: chosen well by default, refused with a sentence where impossible."""

from __future__ import annotations

import platform
import re
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal

import psutil
import torch

from backend.contracts.errors import BadInput

CompileKind = Literal["off", "graphs", "full"]
HEADROOM = 0.8  # of what is free: allocators fragment, other programs grow
DTYPES = {
    "bfloat16": torch.bfloat16,
    "bf16": torch.bfloat16,
    "float16": torch.float16,
    "fp16": torch.float16,
    "float32": torch.float32,
    "fp32": torch.float32,
}


@dataclass(frozen=True)
class Device:
    """What a device is like: everybody asks for one of these properties, nobody for its type.

    Attributes:
        place: Its name in torch.
    """

    place: torch.device

    @property
    def is_host(self) -> bool:
        """Whether it is the CPU: whatever thread reads a tensor there does the work itself."""
        return self.place.type == "cpu"

    @property
    def apart(self) -> bool:
        """Whether it has memory of its own, that weights are copied to; else RAM is its memory."""
        return self.place.type not in ("cpu", "mps")

    @property
    def pins(self) -> bool:
        """Whether copies between it and page-locked RAM are queued, so that nobody waits."""
        return self.apart

    @property
    def streams(self) -> bool:
        """Whether it works through several queues of calls at once."""
        return self.apart

    @property
    def graphs(self) -> bool:
        """Whether its calls can be recorded and played back."""
        return self.place.type == "cuda"

    @property
    def module(self) -> Any:
        """What torch has for its kind: `torch.cuda` for CUDA."""
        return torch.get_device_module(self.place)

    def layout(self, dtype: torch.dtype) -> torch.memory_format:
        """The layout of convolution weights that pays, see `Target.memory_format`."""
        half = dtype in (torch.bfloat16, torch.float16)
        pays = self.is_host or (half and self.apart)
        return torch.channels_last if pays else torch.contiguous_format

    def upload(self, tensor: torch.Tensor) -> torch.Tensor:
        """A copy there of a tensor in RAM; nobody waits for it where that is page-locked.

        The tensor may be written to again only after `settle`.
        """
        return tensor.to(self.place, non_blocking=self.pins and tensor.is_pinned())

    @property
    def capacity_bytes(self) -> int:
        """All memory of its own; 0 where it has none."""
        return int(self.module.mem_get_info(self.place)[1]) if self.apart else 0

    def choose(self) -> None:
        """Makes it the one that this thread means where it names none."""
        if self.apart and ":" in str(self.place):  # a place without a number has no index
            self.module.set_device(self.place)

    def is_lost(self) -> str:
        """Why it cannot be used any more, in words of its driver; "" where it can."""
        try:
            made = torch.ones(256, 256, device=self.place)
            return "" if bool((made + made).sum().cpu() > 0) else "it computes nonsense"
        except Exception as error:  # drivers have errors of their own
            return str(error).strip().partition("\n")[0][:160] or type(error).__name__

    def settle(self) -> None:
        """Waits until all that it was given is done."""
        if self.apart:
            self.module.synchronize(self.place)

    def empty_cache(self) -> None:
        """Hands unused memory back to the driver."""
        if self.apart:
            self.module.empty_cache()

    def pinned(self, tensor: torch.Tensor) -> torch.Tensor:
        """The tensor in page-locked RAM, where the device pins and there is plenty of RAM.

        Torch rounds such memory up to powers of two and keeps it, so half of what is free stays.
        """
        taken = 1 << max(0, tensor.nbytes - 1).bit_length()
        if not self.pins or taken > psutil.virtual_memory().available // 2:
            return tensor
        try:
            return tensor.pin_memory()
        except RuntimeError:  # the system allows a process no more of it
            return tensor


@dataclass(frozen=True)
class Target:
    """Where models live and in which precision.

    Attributes:
        device: Device of weights and latents.
        dtype: Precision of the weights; samplers work in float32 throughout.
        compile: How UNets and ControlNets are called.
    """

    device: torch.device
    dtype: torch.dtype
    compile: CompileKind = "off"

    @property
    def memory_format(self) -> torch.memory_format:
        """Layout of convolution weights.

        Half-precision convolutions run on the CPU's bf16 units and on tensor cores only in
        channels_last (an SD-like UNet in bf16 on two Zen 4 cores: 1.35x as fast as float32, and
        slower than it when contiguous). In float32 a GPU gains nothing from it; two AVX-512 cores
        without AMX do: Pocket's UNet is 1.04x as fast with two samples, 1.3x with 32, its
        autoencoder's decoder 1.4x, and no block of SD 1.5's size is slower.
        """
        return Device(self.device).layout(self.dtype)

    @property
    def dtype_name(self) -> str:
        """E.g. "bfloat16"."""
        return str(self.dtype).removeprefix("torch.")


def place_of(device: torch.device) -> str:
    """What the ledger calls a device: as its tensors name it, e.g. "cuda:0" for "cuda"."""
    index = device.index or 0
    return f"{device.type}:{index}" if Device(device).apart else device.type


@cache
def hardware(device: torch.device) -> str:
    """What a device is, e.g. "NVIDIA H200": kernels and so rounding differ between them."""
    own = Device(device)
    if own.apart:
        return str(own.module.get_device_name(device))
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    named = re.search(r"^model name[ \t]*:(.+)$", text, re.MULTILINE)
    return named[1].strip() if named else platform.processor() or platform.machine()


def free_bytes(device: torch.device) -> int:
    """Memory of the device that could be taken now."""
    own = Device(device)
    if own.apart:
        free, _ = own.module.mem_get_info(device)
        # What the allocator keeps for reuse is ours too.
        kept = own.module.memory_reserved(device) - own.module.memory_allocated(device)
        return int(free + kept)
    return int(psutil.virtual_memory().available)


def pick(device: str | None = None, dtype: str | None = None) -> Target:
    """Chooses device and precision; None or "auto" means the best at hand.

    Args:
        device: "cuda", "cuda:1", "mps" or "cpu".
        dtype: "bfloat16", "float16", "float32" or bf16, fp16, fp32.

    Raises:
        BadInput: The name is unknown, the device is absent or cannot compute in that precision.
    """
    chosen = _best_device() if device in (None, "auto") else _device(device)
    if dtype in (None, "auto"):
        return Target(chosen, _best_dtype(chosen))
    wanted = DTYPES.get(dtype.lower())
    if wanted is None:
        raise BadInput(
            f"There is no dtype '{dtype}'; choose bfloat16, float16 or float32.", "dtype"
        )
    if chosen.type == "cpu" and wanted is torch.float16:
        raise BadInput("The CPU does not run float16 well; choose bfloat16 or float32.", "dtype")
    if chosen.type == "cuda" and wanted is torch.bfloat16 and not _cuda_has_bf16(chosen):
        raise BadInput("This GPU has no bfloat16; choose float16 or float32.", "dtype")
    return Target(chosen, wanted)


def picks(devices: str | None = None, dtype: str | None = None) -> dict[str, Target]:
    """Several devices by the names that their workers have; see `pick` for one.

    Args:
        devices: "cuda:0,cuda:1", or "all" for every GPU; "cpu,cpu" are workers on the CPU that
            share its cores. One alone, or None, is what `pick` chooses.
        dtype: As there.

    Raises:
        BadInput: As there, or a GPU is named twice.
    """
    named = [one.strip() for one in (devices or "").lower().split(",") if one.strip()]
    if named == ["all"]:
        named = [f"cuda:{n}" for n in range(torch.cuda.device_count())]
    if len(named) < 2:
        target = pick(named[0] if named else None, dtype)
        return {str(target.device): target}
    found: dict[str, Target] = {}
    for one in named:
        target = pick(one, dtype)
        on_host = sum(Device(other.device).is_host for other in found.values())
        name = f"cpu:{on_host}" if Device(target.device).is_host else place_of(target.device)
        if name in found:
            raise BadInput(f"The device {name} is named twice; name it once.", "device")
        apart = Device(target.device).apart
        found[name] = replace(target, device=torch.device(name)) if apart else target
    return found


def _device(name: str) -> torch.device:
    try:
        device = torch.device(name.lower())
    except RuntimeError:
        device = None
    if device is None or device.type not in ("cpu", "cuda", "mps"):
        raise BadInput(f"There is no device '{name}'; choose cuda, mps or cpu.", "device")
    match device.type:
        case "cuda" if not torch.cuda.is_available():
            raise BadInput("No CUDA GPU was found; choose cpu, or leave the device out.", "device")
        case "cuda" if (device.index or 0) >= torch.cuda.device_count():
            raise BadInput(
                f"There is no GPU number {device.index}; the last one is "
                f"{torch.cuda.device_count() - 1}.",
                "device",
            )
        case "mps" if not torch.backends.mps.is_available():
            raise BadInput("Apple's MPS is not available here; choose cpu.", "device")
        case "cpu":
            return torch.device("cpu")
        case _:
            return device


def _best_device() -> torch.device:
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def _best_dtype(device: torch.device) -> torch.dtype:
    match device.type:
        case "cuda":
            return torch.bfloat16 if _cuda_has_bf16(device) else torch.float16
        case "mps":
            return torch.float16
        case _:
            return torch.bfloat16 if _cpu_has_bf16() else torch.float32


def _cuda_has_bf16(device: torch.device) -> bool:
    # Ampere and later; older GPUs emulate it slowly.
    return torch.cuda.get_device_capability(device)[0] >= 8


def _cpu_has_bf16() -> bool:
    """AMX, or AVX512-BF16 on AMD: units without which bf16 is slower than float32.

    On an Intel CPU without AMX bf16 is slower in spite of its AVX512-BF16: 20 guided steps of
    Pocket took 3.5 s against 2.7 s.
    """
    capabilities = torch.cpu.get_capabilities()
    if capabilities.get("amx_bf16"):
        return True
    return bool(capabilities.get("avx512_bf16")) and "AMD" in hardware(torch.device("cpu"))

"""Modules that the engine's imports name, and that no picture needs, run when something asks them.

diffusers and transformers import the compiler, SciPy, peft and more for what few runs do, which
takes longer than torch itself. A module that is put off is the real one, not run yet: the first
name that is asked of it runs it. What is imported from it by name needs no run either while nobody
uses it (`NAMES`), nor do marks for the compiler, which are set when it comes. What a later version
asks beside these runs the module at once, which costs the time and nothing else.
"""

from __future__ import annotations

import functools
import importlib.metadata
import sys
import threading
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any, Union, cast

COMPILER = "torch._dynamo"
NAMES: dict[str, tuple[str, ...]] = {
    COMPILER: (),
    f"{COMPILER}.utils": ("is_compile_supported",),
    "diffusers.hooks.layerwise_casting": (
        "apply_layerwise_casting",
        "apply_layerwise_casting_hook",
    ),
    "diffusers.models.autoencoders": (),
    "diffusers.models.controlnets": (),
    "diffusers.models.transformers": (),
    "diffusers.models.unets": (),
    "requests": (),
    "scipy.integrate": (),
    "scipy.optimize": (),
    "scipy.stats": (),
    "torch.nn.attention.flex_attention": ("BlockMask", "create_block_mask"),
    "transformers.integrations.flex_attention": ("flex_attention_forward",),
    "transformers.loss.loss_d_fine": ("DFineForObjectDetectionLoss",),
    "transformers.loss.loss_deformable_detr": (
        "DeformableDetrForObjectDetectionLoss",
        "DeformableDetrForSegmentationLoss",
    ),
    "transformers.loss.loss_deimv2": ("Deimv2ForObjectDetectionLoss",),
    "transformers.loss.loss_for_object_detection": (
        "ForObjectDetectionLoss",
        "ForSegmentationLoss",
    ),
    "transformers.loss.loss_grounding_dino": ("GroundingDinoForObjectDetectionLoss",),
    "transformers.loss.loss_lw_detr": ("LwDetrForObjectDetectionLoss",),
    "transformers.loss.loss_rf_detr": ("RfDetrForSegmentationLoss",),
    "transformers.loss.loss_rt_detr": ("RTDetrForObjectDetectionLoss",),
}
"""What is put off, with the functions and classes that are imported from it by name."""
_GATHERS = tuple(name for name in NAMES if name.startswith("diffusers.models."))
_ALONE = f"{COMPILER}._trace_wrapped_higher_order_op"
"""What needs nothing of its package: modules of packages that only gather names, and this one."""
_ASKED = ("__version__", "__all__")  # the rest of the underscored names is the import system's


class PutOff(ModuleType):
    """A module that runs when something is asked of it that it does not have yet."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name not in _ASKED:
            raise AttributeError(f"module '{self.__name__}' has no attribute '{name}'")
        _later(self).run(self)
        return getattr(self, name)


class _Name:
    """A function or a class of a module that is put off; whoever uses it runs that."""

    def __init__(self, module: ModuleType, name: str) -> None:
        self._module, self._name = module, name

    def _real(self) -> Any:
        if isinstance(self._module, PutOff):
            _later(self._module).run(self._module)
        return vars(self._module)[self._name]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._real()(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__typing"):  # asked of all that stands in annotations
            raise AttributeError(name)
        return getattr(self._real(), name)

    def __instancecheck__(self, instance: object) -> bool:
        # Before its module has run, nothing can be one.
        return not isinstance(self._module, PutOff) and isinstance(instance, self._real())

    def __subclasscheck__(self, subclass: type) -> bool:
        return not isinstance(self._module, PutOff) and issubclass(subclass, self._real())

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[type, ...]:
        return (self._real(),)

    def __or__(self, other: Any) -> Any:
        """In annotations, which nobody evaluates here."""
        return Union[other, self._name]  # noqa: UP007 - of an object and a text

    __ror__ = __or__


class _Later(Loader):
    """Loads a module without running it."""

    def __init__(self, loader: Loader) -> None:
        self._loader = loader
        self._lock = threading.RLock()
        self._then: list[Callable[[Any], object]] = []
        self.runs = False

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return PutOff(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        vars(module).update({name: _Name(module, name) for name in NAMES[module.__name__]})
        if module.__name__ == COMPILER:
            vars(module).update(
                allow_in_graph=self._marker("allow_in_graph"),
                assume_constant_result=self._marker("assume_constant_result"),
                disable=self._disable,
            )

    def run(self, module: ModuleType) -> None:
        """Runs the module, unless another thread has meanwhile."""
        with self._lock:
            if self.runs:  # this thread runs it, and asks for what is not defined yet
                raise AttributeError(f"'{module.__name__}' is being imported")
            if not isinstance(module, PutOff):
                return
            self.runs = True
            _use_real_names(module.__name__)
            try:
                self._loader.exec_module(module)
            finally:
                self.runs = False
            setattr(module, "__class__", ModuleType)  # noqa: B010 - pyright sees no such change
            for then in self._then:
                then(module)

    def _marker(self, decorator: str) -> Callable[[Any], Any]:
        """A decorator that marks once the module runs."""

        def mark(marked: Any) -> Any:
            self._then.append(lambda module: getattr(module, decorator)(marked))
            return marked

        return mark

    def _disable(self, fn: Any = None, recursive: bool = True, **options: Any) -> Any:
        """What the compiler shall leave alone is itself until there is a compiler."""
        if fn is None:
            return functools.partial(self._disable, recursive=recursive, **options)
        called = fn

        @functools.wraps(fn)
        def disabled(*args: Any, **kwargs: Any) -> Any:
            return called(*args, **kwargs)

        def then(module: Any) -> None:
            nonlocal called
            called = module.disable(fn, recursive, **options)

        self._then.append(then)
        return disabled


class _Wrapped(Loader):
    """Runs a module between two acts of ours."""

    def __init__(
        self, loader: Loader, within: Callable[[ModuleType], AbstractContextManager[None]]
    ):
        self._loader, self._within = loader, within

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        with self._within(module):
            self._loader.exec_module(module)


class _Packages(Mapping[str, list[str]]):
    """The distributions of each package, looked up in all of them when something asks."""

    def __init__(self, look_up: Callable[[], Mapping[str, list[str]]]) -> None:
        self._all = functools.cache(look_up)

    def __getitem__(self, package: str) -> list[str]:
        return self._all()[package]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())


@contextmanager
def _without_adapters(module: ModuleType) -> Generator[None]:
    """diffusers asks all that is installed for the names of three distributions.

    It is told that there is no peft, which it would import for LoRAs of its own making, and ask at
    every call of a network; ours lie in the weights. Trainings import peft themselves.
    """
    look_up = importlib.metadata.packages_distributions
    setattr(importlib.metadata, look_up.__name__, lambda: _Packages(look_up))
    try:
        yield
    finally:
        setattr(importlib.metadata, look_up.__name__, look_up)
    vars(module)["is_peft_available"] = lambda: False


@contextmanager
def _on_one_machine(module: ModuleType) -> Generator[None]:
    """transformers is told that no model of ours is spread over processes."""
    yield
    vars(module)["is_torch_distributed_available"] = lambda: False


_WITHIN = {
    "diffusers.utils.import_utils": _without_adapters,
    "transformers.utils.import_utils": _on_one_machine,
}


class _There(Loader):
    """Gives a module that its package has imported while it was looked for."""

    def __init__(self, module: ModuleType) -> None:
        self._module, self._spec = module, module.__spec__

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return self._module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self._spec


class _Finder(MetaPathFinder):
    """Finds what is put off; whatever else is imported from inside such a package runs that."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        package = sys.modules.get(fullname.rpartition(".")[0])
        waits = isinstance(package, PutOff) and not _later(package).runs
        if fullname in NAMES and (waits or not _has_run(fullname.partition(".")[0])):
            spec = PathFinder.find_spec(fullname, path, target)
            if spec is not None and spec.loader is not None:
                spec.loader = _Later(spec.loader)
            return spec
        if fullname in _WITHIN:
            spec = PathFinder.find_spec(fullname, path, target)
            if spec is not None and spec.loader is not None:
                spec.loader = _Wrapped(spec.loader, _WITHIN[fullname])
            return spec
        if not waits or fullname == _ALONE or fullname.startswith(_GATHERS):
            return None
        assert package is not None
        _later(package).run(package)
        there = sys.modules.get(fullname)
        return None if there is None else ModuleSpec(fullname, _There(there))


def _later(module: ModuleType) -> _Later:
    return cast(_Later, module.__spec__ and module.__spec__.loader)


def _has_run(package: str) -> bool:
    """Whether a package that is put off runs or has run: what it imports is no longer put off."""
    module = sys.modules.get(package)
    if module is None or package not in NAMES:
        return False
    return not isinstance(module, PutOff) or _later(module).runs


def _use_real_names(package: str) -> None:
    """Of the modules inside a package that runs, names are what they are."""
    for name in (package, *(name for name in NAMES if name.startswith(f"{package}."))):
        module = sys.modules.get(name)
        if isinstance(module, PutOff):
            for stand_in in [key for key, value in vars(module).items() if type(value) is _Name]:
                del vars(module)[stand_in]


def put_off() -> None:
    """Call before the engine is imported; what has been imported before stays as it is."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())

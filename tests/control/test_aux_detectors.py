"""Detectors of controlnet_aux: those without weights, and the door to the learned ones."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from backend.contracts.errors import ModelProblem, UnknownName
from backend.control import aux_package, learned
from backend.control.aux_package import at_exact_size, detector_class
from backend.control.learned import Learned
from backend.control.lineart_standard import LineartStandard
from backend.control.shuffle import Shuffle
from tests.control.scenes import shapes

ROOT = Path(__file__).resolve().parents[2]
SIZES = [(256, 192), (250, 100), (64, 512)]


@pytest.fixture(autouse=True)
def _forget_networks():
    learned._load.cache_clear()
    yield
    learned._load.cache_clear()


def test_the_package_is_not_imported_before_it_is_needed() -> None:
    code = (
        "import sys\nfrom backend.control import registry\nregistry.build('softedge_hed')\n"
        "assert not {'controlnet_aux', 'torch', 'timm'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


@pytest.mark.parametrize("detector", [LineartStandard(), Shuffle()])
@pytest.mark.parametrize(("width", "height"), SIZES)
def test_the_control_has_the_exact_size(detector, width: int, height: int) -> None:
    control = detector(shapes(width, height))
    assert control.shape == (height, width, 3)
    assert control.dtype == np.uint8
    assert control.any()


def test_lineart_draws_lines_where_the_picture_has_them() -> None:
    image = np.full((128, 128, 3), 230, np.uint8)
    image[:, 60:64] = 20
    control = LineartStandard()(image)
    assert control[:, 61:63].min() > 100
    assert control[:, :40].max() < 20


def test_lineart_of_a_flat_picture_is_black_without_a_warning() -> None:
    assert not LineartStandard()(np.full((64, 64, 3), 90, np.uint8)).any()


def test_shuffle_keeps_colours_and_repeats_by_seed() -> None:
    image = shapes()
    first = Shuffle(1)(image)
    np.testing.assert_array_equal(first, Shuffle(1)(image))
    assert (first != Shuffle(2)(image)).mean() > 0.05
    assert (first != image).mean() > 0.05
    assert {tuple(c) for c in first.reshape(-1, 3).tolist()} >= {(30, 30, 30)}


def test_shuffle_leaves_the_global_noise_as_it_was() -> None:
    np.random.seed(5)
    wanted = np.random.random(3)
    np.random.seed(5)
    Shuffle()(shapes())
    np.testing.assert_array_equal(np.random.random(3), wanted)


def test_a_result_of_another_size_is_brought_to_the_exact_one() -> None:
    asked = {}

    def detect(image, detect_resolution, output_type, extra):
        asked.update(resolution=detect_resolution, kind=output_type, extra=extra)
        return np.full((128, 320), 7, np.uint8)

    control = at_exact_size(detect, shapes(300, 130), extra=3)
    assert control.shape == (130, 300, 3)
    assert (control == 7).all()
    assert asked == {"resolution": 130, "kind": "np", "extra": 3}


def test_a_learned_detector_says_clearly_when_its_weights_cannot_be_had() -> None:
    with pytest.raises(ModelProblem, match=r"'softedge_hed' fetches its weights .* go online"):
        Learned("softedge_hed")(shapes())


def test_a_learned_detector_runs_from_a_folder_and_is_loaded_once(tmp_path: Path) -> None:
    detector_class("HEDdetector")
    from controlnet_aux.hed import ControlNetHED_Apache2

    torch.manual_seed(0)
    torch.save(ControlNetHED_Apache2().state_dict(), tmp_path / "ControlNetHED.pth")
    detector = Learned("softedge_hed", str(tmp_path))
    control = detector(shapes(250, 100))
    assert control.shape == (100, 250, 3)
    assert control.dtype == np.uint8
    (tmp_path / "ControlNetHED.pth").unlink()
    np.testing.assert_array_equal(detector(shapes(250, 100)), control)


def test_damaged_weights_are_named(tmp_path: Path) -> None:
    torch.save({"wrong": torch.zeros(1)}, tmp_path / "ControlNetHED.pth")
    with pytest.raises(ModelProblem, match="damaged, or of another detector"):
        Learned("softedge_hed", str(tmp_path))(shapes())


def test_weights_that_hide_code_are_refused(tmp_path: Path) -> None:
    torch.save({"x": Path("harmless")}, tmp_path / "ControlNetHED.pth")
    with pytest.raises(ModelProblem, match="damaged, or of another detector"):
        Learned("softedge_hed", str(tmp_path))(shapes())


def test_every_learned_detector_exists_in_the_package() -> None:
    for name in learned.CLASS_OF.values():
        assert callable(detector_class(name).from_pretrained)


def test_an_unknown_learned_detector_is_refused() -> None:
    with pytest.raises(UnknownName):
        Learned("depth_of_feeling")  # type: ignore[arg-type]


def test_a_missing_package_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "controlnet_aux", None)
    with pytest.raises(ModelProblem, match="controlnet_aux"):
        aux_package.detector_class("HEDdetector")


def test_later_calls_do_not_import_again() -> None:
    LineartStandard()(shapes(64, 64))
    started = time.process_time()
    LineartStandard()(shapes(64, 64))
    assert time.process_time() - started < 1.0

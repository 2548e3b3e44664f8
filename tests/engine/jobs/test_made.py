from pathlib import Path

import numpy as np

from backend.contracts.events import File, Output, Record
from backend.engine.jobs.made import Made


def picture(index: int, **views: np.ndarray) -> Output:
    image = np.zeros((8, 8, 3), np.uint8)
    return Output(index, image, Record("txt2img", {"seed": index}, {}), views=views)


def test_pictures_stand_in_the_order_they_belong_in() -> None:
    made = Made()
    for index in (2, 0, 1):
        made.add(picture(index))
    assert [output.index for output in made.outputs] == [0, 1, 2]


def test_one_that_found_room_later_has_its_place() -> None:
    made = Made()
    made.put([picture(0), picture(1)])
    made.saved(1, "b.png")
    assert [output.path for output in made.outputs] == [None, "b.png"]


def test_bytes_count_views_and_the_file_and_memory_only_what_is_in_it(tmp_path: Path) -> None:
    made = Made()
    np.save(tmp_path / "view.npy", np.zeros((4, 4, 3), np.uint8))
    on_disk = np.load(tmp_path / "view.npy", mmap_mode="r")
    made.add(picture(0, other=on_disk))
    made.file = File("a.mp4", "video/mp4", b"1234")
    assert made.nbytes == 8 * 8 * 3 + 4 * 4 * 3 + 4
    assert made.ram_bytes == 8 * 8 * 3 + 4
    assert made.mapped == 1

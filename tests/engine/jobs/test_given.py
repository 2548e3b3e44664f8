"""What jobs hold of the pictures that they were given is bounded, of one person and in all."""

from __future__ import annotations

import numpy as np
import pytest

from backend.contracts.errors import QueueFull
from backend.contracts.requests import Request, VideoRequest, given_bytes, without_pictures
from backend.contracts.settings import Img2ImgSettings
from backend.engine.jobs.given import check_given
from backend.engine.jobs.job import Job
from backend.engine.jobs.patience import Patience

PICTURE = np.zeros((10, 10, 3), np.uint8)
SIZE = PICTURE.nbytes


def job(owner: str, *pictures: np.ndarray) -> Job:
    images = {str(number): picture for number, picture in enumerate(pictures)}
    request = Request(Img2ImgSettings(prompt="x"), images)
    return Job(request, owner, background=False, patience=Patience())  # type: ignore[arg-type]


def test_a_picture_counts_once_and_only_while_it_is_held() -> None:
    request = job("@ada", PICTURE, PICTURE, PICTURE.copy()).request
    assert given_bytes(request) == 2 * SIZE
    assert given_bytes(without_pictures(request)) == given_bytes(VideoRequest("x")) == 0


def test_one_person_holds_so_much_and_all_together_so_much() -> None:
    others = [job("@ada/1", PICTURE), job("key/@ada/2", PICTURE), job("@bob/1", PICTURE)]
    check_given(job("@bob/1", PICTURE), others, 2 * SIZE, 4 * SIZE)
    with pytest.raises(QueueFull, match="Your jobs hold"):
        check_given(job("@ada/3", PICTURE), others, 2 * SIZE, 9 * SIZE)
    with pytest.raises(QueueFull, match="All jobs together"):
        check_given(job("@eve/1", PICTURE), others, 2 * SIZE, 3 * SIZE)
    check_given(job("@ada/3"), others, 0, 0)


def test_a_job_alone_may_hold_any_number() -> None:
    check_given(job("@ada/1", PICTURE), [], 1, 1)

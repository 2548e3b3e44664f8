"""Ended jobs are kept within bounds of number and bytes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from backend.contracts.events import Output, Record
from backend.contracts.holdings import Holding
from backend.contracts.requests import VideoRequest
from backend.engine.jobs.job import Job, Patience
from backend.engine.jobs.shelf import Shelf

PICTURE_BYTES = 10 * 10 * 3


def job(owner: str = "me") -> Job:
    """One that runs."""
    made = Job(VideoRequest("a run"), owner, background=False, patience=Patience())
    assert made.start()
    return made


def ended(owner: str = "me", pictures: int = 1) -> Job:
    """One that has made so many pictures of 300 bytes."""
    made = job(owner)
    for index in range(pictures):
        image = np.zeros((10, 10, 3), np.uint8)
        made.add(Output(index, image, Record("txt2img", {"seed": index}, {})))
    made.finish("done")
    return made


def holding(*jobs: Job, keep: int = 64, budget_bytes: int = 2**20) -> Shelf:
    shelf = Shelf(keep, budget_bytes)
    for one in jobs:
        shelf.put(one)
    return shelf


def test_the_shelf_forgets_the_oldest_ended_jobs_only() -> None:
    running, past = job(), [ended() for _ in range(4)]
    shelf = holding(running, *past, keep=2)
    assert shelf.tidy() == past[:2]
    assert shelf.get(running.token) is running
    assert shelf.get(past[0].token) is None
    assert shelf.get(past[-1].token) is past[-1]


def test_pictures_are_bounded_in_bytes() -> None:
    past = [ended(pictures=2) for _ in range(4)]
    shelf = holding(*past, budget_bytes=5 * PICTURE_BYTES)
    assert shelf.tidy() == past[:2]
    assert shelf.holdings() == (Holding("results", "cpu", 4 * PICTURE_BYTES),)


def test_the_last_result_stays_however_large() -> None:
    past = [ended(pictures=9), ended(pictures=9)]
    shelf = holding(*past, budget_bytes=1)
    assert shelf.tidy() == past[:1]
    assert shelf.get(past[1].token) is past[1]


def test_views_are_counted() -> None:
    made = job()
    image = np.zeros((10, 10, 3), np.uint8)
    views = {"control": image, "obedience": image}
    made.add(Output(0, image, Record("style_transfer", {"seed": 1}, {}), views=views))
    made.finish("done")
    assert holding(made).holdings()[0].nbytes == 3 * PICTURE_BYTES


def test_each_owner_keeps_the_last_result_when_memory_is_freed() -> None:
    running = job("ada")
    ada, bob = [ended("ada") for _ in range(3)], [ended("bob", pictures=3)]
    shelf = holding(running, *ada, *bob)
    assert shelf.release() == 2 * PICTURE_BYTES
    assert {one.token for one in shelf.all()} == {
        running.token,
        ada[-1].token,
        bob[-1].token,
    }
    assert shelf.release() == 0


def put_away(job: Job, folder: Path) -> None:
    """Its pictures lie in files from here on."""
    kept: list[Output] = []
    for output in job.outputs:
        path = folder / f"{job.key}-{output.index}.npy"
        np.save(path, output.image)
        kept.append(replace(output, image=np.load(path, mmap_mode="c")))
    job.put_away(kept)


def test_what_takes_memory_goes_into_files_the_oldest_first() -> None:
    lasting, *past = [ended(pictures=2) for _ in range(5)]
    lasting.lasting = True
    shelf = holding(lasting, *past, budget_bytes=16 * PICTURE_BYTES)
    assert shelf.spilling() == past[:3], "down to a quarter; what lasts goes by itself"
    assert holding(*past, budget_bytes=100 * PICTURE_BYTES).spilling() == []


def test_files_that_are_held_open_are_bounded(tmp_path: Path) -> None:
    past = [ended(pictures=3) for _ in range(4)]
    for one in past:
        put_away(one, tmp_path)
    assert (past[0].mapped, past[0].ram_bytes) == (3, 0)
    shelf = Shelf(64, 2**20, files=7)
    for one in past:
        shelf.put(one)
    assert shelf.tidy() == past[:2]

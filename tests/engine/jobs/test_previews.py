import asyncio
import io

import numpy as np
from PIL import Image

from backend.engine.jobs.previews import Mailbox, grid


def flat(tone: int, count: int = 1) -> np.ndarray:
    return np.full((count, 8, 8, 3), tone, np.uint8)


def tone(jpeg: bytes) -> int:
    return round(float(np.asarray(Image.open(io.BytesIO(jpeg))).mean()))


def test_only_the_newest_frame_is_kept_and_revisions_rise() -> None:
    box = Mailbox()
    for step in range(1, 6):
        box.offer(lambda step=step: flat(step * 40), step, 5, (64, 64), final=step == 5)
    frame = box.latest(0)
    assert frame is not None
    assert (frame.revision, frame.step, frame.final) == (5, 5, True)
    assert abs(tone(frame.jpeg) - 200) <= 2
    assert box.latest(5) is None


def test_a_frame_nobody_pulls_is_never_computed() -> None:
    box = Mailbox()
    asked: list[int] = []
    for step in range(100):
        box.offer(lambda step=step: (asked.append(step), flat(step))[1], step, 100, (64, 64))
    box.latest(0)
    box.latest(0)
    assert asked == [99]


def test_a_waiting_reader_gets_the_frame_that_comes() -> None:
    async def read() -> int:
        box = Mailbox()
        reader = asyncio.create_task(box.next(0, 5.0))
        await asyncio.sleep(0)
        await asyncio.to_thread(box.offer, lambda: flat(10), 1, 2, (64, 64))
        frame = await reader
        assert frame is not None
        return frame.step

    assert asyncio.run(read()) == 1


def test_waiting_ends_in_time_and_at_the_close() -> None:
    async def read() -> tuple[object, object]:
        box = Mailbox()
        late = await box.next(0, 0.01)
        reader = asyncio.create_task(box.next(0, 60.0))
        await asyncio.sleep(0)
        box.close()
        return late, await reader

    assert asyncio.run(read()) == (None, None)


def test_the_last_frame_is_still_there_after_the_close() -> None:
    box = Mailbox()
    box.offer(lambda: flat(10), 2, 2, (64, 64), final=True)
    box.close()
    frame = asyncio.run(box.next(0, 1.0))
    assert frame is not None
    assert frame.final


def test_a_batch_is_laid_out_as_a_grid() -> None:
    frames = np.concatenate([flat(10), flat(20), flat(30)])
    sheet = grid(frames)
    assert sheet.shape == (16, 16, 3)
    assert sheet[0, 0, 0] == 10
    assert sheet[0, 8, 0] == 20
    assert sheet[8, 0, 0] == 30


def test_previews_are_at_most_512_px_and_keep_their_shape() -> None:
    box = Mailbox()
    box.offer(lambda: flat(10), 1, 1, (2048, 1024))
    frame = box.latest(0)
    assert frame is not None
    assert Image.open(io.BytesIO(frame.jpeg)).size == (512, 256)

import math

import pytest

from backend.contracts.errors import DeadlineExceeded, Unwatched
from backend.engine.jobs.patience import Patience, Watch


def test_nobody_has_gone_until_the_watcher_leaves() -> None:
    now_s = [0.0]
    watch = Watch(Patience(grace_s=5.0, deadline_s=60.0), lambda: now_s[0])
    now_s[0] = 50.0
    assert not watch.abandoned
    watch.leave()
    now_s[0] = 55.0
    assert not watch.abandoned
    now_s[0] = 55.1
    assert watch.abandoned
    with pytest.raises(Unwatched):
        watch.check(1.0)
    watch.come_back()
    watch.check(60.0)
    with pytest.raises(DeadlineExceeded, match="60 s"):
        watch.check(60.1)


def test_what_is_kept_is_not_abandoned_and_may_be_let_go_again() -> None:
    watch = Watch(Patience(grace_s=0.0), iter((0.0, 1.0, 2.0)).__next__)
    watch.leave()
    watch.keep(True)
    assert (watch.keeps, watch.kept, watch.abandoned) == (True, True, False)
    watch.keep(False)
    assert (watch.keeps, watch.kept, watch.abandoned) == (False, False, True)


def test_what_outlives_its_watcher_is_kept_in_any_case() -> None:
    watch = Watch(Patience(grace_s=math.inf), lambda: 0.0)
    watch.keep(False)
    assert watch.keeps
    assert watch.kept is None

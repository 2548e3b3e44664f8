from backend.engine.jobs.own_time import OwnTime


def test_it_stands_still_before_it_goes_and_while_others_run() -> None:
    now_s = [100.0]
    time = OwnTime(lambda: now_s[0])
    now_s[0] += 10
    assert time.s == 0.0
    time.go()
    now_s[0] += 5
    assert time.s == 5.0
    time.stand()
    now_s[0] += 1000
    time.stand()
    assert time.s == 5.0
    time.go()
    now_s[0] += 2
    time.go()
    now_s[0] += 1
    assert time.s == 8.0

"""Values of the wrong kind are nothing."""

from __future__ import annotations

from ui.server.foreign import as_dict, as_list


def test_the_right_kind_comes_through_and_the_rest_is_empty() -> None:
    kept = {"a": 1}
    assert as_dict(kept) is kept
    assert [as_dict(value) for value in (None, [], "a", 3)] == [{}] * 4
    assert as_list([1]) == [1]
    assert [as_list(value) for value in (None, {}, "a", (1,))] == [[]] * 4

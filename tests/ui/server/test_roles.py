"""What a role may do."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from backend.contracts.errors import BadInput
from backend.storage.accounts import ROLES, Role
from ui.server.roles import check, check_call, needs, role_of


@pytest.mark.parametrize("needed", ROLES)
@pytest.mark.parametrize("has", ROLES)
def test_each_role_may_what_the_lesser_ones_may(needed: Role, has: Role) -> None:
    if ROLES.index(has) >= ROLES.index(needed):
        check(needed, has)
    else:
        with pytest.raises(BadInput, match=f"As {has} you may .*; this is for {needed}s"):
            check(needed, has)


def test_a_marked_function_is_for_its_role() -> None:
    @needs("member")
    def keep() -> None: ...

    def asked(role: Role) -> SimpleNamespace:
        return SimpleNamespace(request=SimpleNamespace(state=SimpleNamespace(role=role)))

    check_call(keep, asked("member"))
    check_call(keep, asked("owner"))
    check_call(print, asked("guest"))
    with pytest.raises(BadInput, match="for members"):
        check_call(keep, asked("guest"))


def test_where_nobody_logs_in_everybody_is_an_owner() -> None:
    assert role_of(None) == role_of(SimpleNamespace(state=SimpleNamespace())) == "owner"
    assert check_call(needs("owner")(lambda: None), None) == "this machine"


def test_what_is_for_owners_is_told_with_who_did_it() -> None:
    state = SimpleNamespace(role="owner", user="olga")
    request = SimpleNamespace(request=SimpleNamespace(state=state))
    assert check_call(needs("owner")(lambda: None), request) == "olga"
    assert check_call(needs("member")(lambda: None), request) is None
    assert check_call(print, request) is None

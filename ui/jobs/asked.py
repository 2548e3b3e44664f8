"""What a page asks for by Generate, Branch and Draw: one press is one job, also if sent twice."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

from backend.contracts.errors import BadInput
from backend.contracts.events import Pixels
from backend.contracts.requests import Branch, Request
from backend.engine.jobs.asking import ask
from backend.engine.jobs.protocol import Engine
from ui.jobs.saving import with_saving
from ui.jobs.sentences import sentence
from ui.server.foreign import as_dict

WORDS_CHARS = 80
KEPT_PRESSES = 1024
MAX_ID_CHARS = 64


class Desk(Protocol):
    """Makes requests of what a tab's components sent."""

    async def request(self, raw: dict[str, Any], branch: Branch | None = None) -> Request:
        """What the raw values ask for.

        Raises:
            LoomError: With the sentence to show.
        """
        ...

    async def grid(self, raw: dict[str, Any]) -> Request:
        """The X/Y/Z grid that they ask for.

        Raises:
            LoomError: With the sentence to show.
        """
        ...

    def live(self, raw: dict[str, Any]) -> dict[str, Any]:
        """What the form says of the fields that change while a picture forms.

        Raises:
            LoomError: With the sentence to show.
        """
        ...

    def at_hand(self, raw: dict[str, Any]) -> dict[str, Pixels]:
        """The input pictures that lie in the tab; none where not all values were sent.

        Raises:
            LoomError: One of them cannot be read.
        """
        ...

    def place(self, field: str) -> Place | None:
        """Where a field stands; None where it has no control."""
        ...


@dataclass(frozen=True)
class Place:
    """Where a settings field stands on the page.

    Attributes:
        key: Of its control.
        label: On it.
        fold: Element id of the accordion that it stands in; "" where it is always in sight.
    """

    key: str
    label: str
    fold: str = ""


@dataclass(frozen=True)
class Asked:
    """One press of a button.

    Attributes:
        press: Made up by the page; the same again is the same press.
        mode: Of the tab.
        values: Of its components, as the page has them, by name.
        branch: Where a branch begins; None for a run of its own.
        grid: Whether the tab's X/Y/Z grid is asked for.
        page: Made up by the browser; whom the queue is fair to where nobody logs in.
        saving: How results are saved: settings of the group "saving", by name.
    """

    press: str
    mode: str
    values: dict[str, Any]
    branch: Branch | None = None
    grid: bool = False
    page: str = ""
    saving: Mapping[str, Any] = field(default_factory=dict[str, Any], hash=False)

    @classmethod
    def read(cls, body: Any) -> Asked:
        """Checks what a page sent.

        Raises:
            BadInput: It is not what our page sends.
        """
        sent = as_dict(body)
        press, mode, page = (sent.get(key, "") for key in ("press", "mode", "page"))
        values, branch = sent.get("values"), sent.get("branch")
        texts = all(isinstance(text, str) and len(text) <= MAX_ID_CHARS for text in (press, page))
        if not (texts and press and isinstance(mode, str) and isinstance(values, dict)):
            raise BadInput("The form did not arrive whole; reload the page.")
        return cls(
            press,
            mode,
            as_dict(values),
            _branch(branch),
            sent.get("grid") is True,
            page,
            as_dict(sent.get("saving")),
        )


@dataclass
class Presses:
    """Answers to presses, so that one that is sent again (a reload, a cut) makes no second job.

    Attributes:
        kept: How many are remembered; the oldest go.
        key: Makes a job's token of its press: after a restart the same press is the same job.
    """

    kept: int = KEPT_PRESSES
    key: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    _answers: OrderedDict[str, asyncio.Future[dict[str, Any]]] = field(
        default_factory=OrderedDict[str, "asyncio.Future[dict[str, Any]]"]
    )

    def token(self, press: str) -> str:
        """What opens the job of a press; nobody can guess it who has not the key."""
        said = hmac.new(self.key, press.encode("utf-8", "surrogatepass"), hashlib.sha256)
        return base64.urlsafe_b64encode(said.digest()).decode().rstrip("=")

    async def answer(
        self, press: str, make: Callable[[], Awaitable[dict[str, Any]]]
    ) -> dict[str, Any]:
        """What was answered to this press; the first time, what `make` gives."""
        if press not in self._answers:
            self._answers[press] = asyncio.ensure_future(make())
            while len(self._answers) > self.kept:
                self._answers.popitem(last=False)
        # The one who asked may go away, and the answer is for whoever asks again.
        return await asyncio.shield(self._answers[press])


async def submitted(
    engine: Engine, desks: Mapping[str, Desk], asked: Asked, owner: str, token: str = ""
) -> dict[str, Any]:
    """Queues what was asked for.

    Args:
        engine: Asked in a thread: it may still be starting.
        desks: By mode.
        asked: The press.
        owner: Whom the queue is fair to; no authority rests on it.
        token: Of the job that the press is, as `Presses.token` makes it.

    Returns:
        {"job", "words"}, or {"error"} with a sentence, and where they are known "field" (the place
        to look) and "fix" (a change that would do).
    """
    desk = desks.get(asked.mode)
    try:
        if desk is None:
            raise BadInput(f"There is no tab '{asked.mode}'.")
        wanted = await (
            desk.grid(asked.values) if asked.grid else desk.request(asked.values, asked.branch)
        )
        wanted = with_saving(wanted, asked.saving)
        token = await asyncio.to_thread(ask, engine, wanted, owner, lasting=True, token=token)
    except Exception as error:
        return {"error": sentence(error), **remedy(error, desk)}
    settings = wanted.settings
    return {"job": token, "words": words_of(settings.source_name or settings.prompt, settings.mode)}


def words_of(prompt: str, mode: str) -> str:
    """A job's line in the list: the prompt's first words, or its mode."""
    words = " ".join(prompt.split())
    short = words if len(words) <= WORDS_CHARS else words[: WORDS_CHARS - 1] + "…"
    return short or mode.replace("_", " ")


def remedy(error: Exception, desk: Desk | None) -> dict[str, Any]:
    """Where a refusal points to, and what would do."""
    if not isinstance(error, BadInput):
        return {}
    said: dict[str, Any] = {}
    place = desk.place(error.field) if desk is not None and error.field else None
    if place is not None:
        said["field"] = asdict(place)
    if error.fix is not None:
        said["fix"] = {"label": error.fix.label, "changes": dict(error.fix.changes)}
    return said


def _branch(sent: Any) -> Branch | None:
    if not isinstance(sent, dict):
        return None
    told = as_dict(sent)
    step, image = _whole(told.get("step")), _whole(told.get("image"))
    return Branch(str(told.get("job", ""))[:200], step, told.get("fan") is True, image)


def _whole(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0

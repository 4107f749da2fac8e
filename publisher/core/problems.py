"""Holds what is wrong with a post, a delivery or an alert as data: a code, parameters and a remedy.

Each area of the program lists its codes, with their English texts, in its module `problem_codes`:

    class QueueProblem(ProblemCode):
        TOO_LATE = _("The post of {day:day} was too late.")
        CHANNEL_PAUSED = _("The channel {channel} is paused."), Remedy.RESUME_CHANNEL

    QueueProblem.TOO_LATE(day=day)          # makes the problem
    QueueProblem.TOO_LATE.code              # "schedule.too-late": its area and its name; it never changes

A face renders the text for its reader with `str(problem)`. What is stored is `problem.to_json()`.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import Enum
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from publisher.core.messages import Face, Message, _, as_sentence, current_reader, render_with_keys
from publisher.core.remedies import Remedy, find_remedy
from publisher.core.translations import translations

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic_core import CoreSchema


class ProblemCode(Enum):
    """Names a kind of problem. The value is its English text, and the remedy that it usually has."""

    def __init__(self, template: Message, remedy: Remedy | None = None) -> None:
        self.template = template
        self.remedy = remedy

    @property
    def code(self) -> str:
        """The area and the name, such as `delivery.may-be-public`: what is stored, and what programs get."""
        area = type(self).__module__.rpartition(".")[0].rpartition(".")[2]
        return f"{area}.{self.short_code}" if area else self.short_code

    @property
    def short_code(self) -> str:
        return self.name.lower().replace("_", "-")

    def __call__(self, remedy: Remedy | None = None, /, **parameters: Any) -> Problem:
        """Makes a problem of this kind; `remedy`: another one than it usually has."""
        return Problem(self, parameters, remedy or self.remedy)


@dataclass(frozen=True, slots=True)
class Problem:
    """Holds what is wrong, with the values of its text, and what a person can do about it."""

    code: ProblemCode
    parameters: Mapping[str, Any] = field(default_factory=dict, hash=False)
    remedy: Remedy | None = None

    @property
    def message(self) -> Message:
        """What is wrong, without what to do about it."""
        return self.code.template.fill(self.parameters)

    def __str__(self) -> str:
        """Renders what is wrong and what to do for the present reader."""
        return self.text_for(current_reader().face)

    def text_for(self, face: Face) -> str:
        """Renders what is wrong and what to do, for a reader in this place. Never raises for a value in it."""
        try:
            text = str(self.message)
        except Exception:
            # A stored value may be of another version of the program, and a log line of a state comes from here.
            text = str(StoredProblem.UNKNOWN_CODE.template.fill(self._as_unknown()))
        if self.remedy is None:
            return text
        return f"{as_sentence(text)} {render_with_keys(self.remedy.sentence(face, self.parameters))}"

    def _as_unknown(self) -> dict[str, str]:
        return {"code": self.code.code, "parameters": str(dict(self.to_json()["parameters"]))}

    def with_remedy(self, remedy: Remedy | None, /, **parameters: Any) -> Problem:
        """Returns the same problem with another remedy, and with the values that the remedy needs besides."""
        return Problem(self.code, {**self.parameters, **parameters}, remedy)

    def to_json(self) -> dict[str, Any]:
        """Returns the problem as it is stored, and as programs get it."""
        return {
            "code": self.code.code,
            "parameters": values_to_json(self.parameters),
            "remedy": self.remedy.code if self.remedy else None,
        }

    def to_json_with_text(self) -> dict[str, Any]:
        """Returns the problem as programs get it, with what is wrong and what to do in the present reader's words."""
        return {**self.to_json(), "message": str(self)}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """Reads a stored problem; one of a newer version of the program is shown by its code and its values."""
        code, parameters = str(stored["code"]), dict(stored.get("parameters") or {})
        known = find_code(code)
        if known is None:
            return cls(StoredProblem.UNKNOWN_CODE, {"code": code, "parameters": str(parameters)})
        values = {name: value_from_json(value) for name, value in parameters.items()}
        return cls(known, values, find_remedy(str(stored.get("remedy") or "")))

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Describes in a schema what `to_json` gives."""
        return {
            "type": "object",
            "properties": {
                "code": {"type": "string", "description": "Names the kind of problem; it never changes."},
                "parameters": {"type": "object", "description": "The values of its text."},
                "remedy": {"type": ["string", "null"], "description": "Names what a person can do."},
            },
            "required": ["code", "parameters", "remedy"],
        }

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Lets a model have a problem as a field: in JSON it is what `to_json` gives."""
        from pydantic_core import core_schema  # noqa: PLC0415 - few programs store models with problems

        def read(value: Any) -> Problem:
            return value if isinstance(value, Problem) else cls.from_json(value)

        return core_schema.no_info_plain_validator_function(
            read, serialization=core_schema.plain_serializer_function_ser_schema(lambda problem: problem.to_json())
        )


class StoredProblem(ProblemCode):
    """Names what a stored problem may be besides those that the program makes."""

    RECORDED = _("{sentence}")
    """A sentence that an older version of the program has stored."""
    UNKNOWN_CODE = _("Another version of this program recorded the problem {code} {parameters}.")


Text = Message | Problem | str
"""What is rendered when it is read; a `str` is data, such as a name."""


def recorded_problem(sentence: str) -> Problem:
    """Makes a problem of a sentence that an older version of the program has stored."""
    return StoredProblem.RECORDED(sentence=sentence)


def find_code(code: str) -> ProblemCode | None:
    """Returns the code with this name. Imports every area's list of codes only when none that is loaded has it."""
    if code not in _loaded_codes:
        _loaded_codes.update(_codes_by_name())
    if code not in _loaded_codes:
        import_code_lists()
        _loaded_codes.update(_codes_by_name())
    return _loaded_codes.get(code)


def codes_containing(text: str) -> tuple[str, ...]:
    """Lists the codes whose text has `text` in it, in the present reader's language: for a search among problems."""
    import_code_lists()
    wanted = text.casefold()
    catalogue = translations(current_reader().language)
    return tuple(
        member.code
        for listed in ProblemCode.__subclasses__()
        for member in listed
        if wanted in catalogue.gettext(member.template.source).casefold()
    )


def _codes_by_name() -> dict[str, ProblemCode]:
    return {member.code: member for listed in ProblemCode.__subclasses__() for member in listed}


_loaded_codes: dict[str, ProblemCode] = {}


def import_code_lists() -> None:
    """Imports each module `problem_codes` of the program and of the platforms that are added to it."""
    for area in sorted(Path(__file__).parent.parent.glob("*/problem_codes.py")):
        importlib.import_module(f"publisher.{area.parent.name}.problem_codes")
    platforms = importlib.util.find_spec("publisher.platforms")
    for folder in (platforms.submodule_search_locations or ()) if platforms else ():
        for area in sorted(Path(folder).glob("*/problem_codes.py")):
            importlib.import_module(f"publisher.platforms.{area.parent.name}.problem_codes")


def values_to_json(values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the values of a text as they are stored, and as programs get them."""
    return {name: value_to_json(value) for name, value in values.items()}


def value_to_json(value: Any) -> Any:
    """Returns a value of a text as it is stored: a text or a problem itself, too. Never raises."""
    if isinstance(value, Problem):
        return value.to_json()
    if isinstance(value, Message):
        return {"source": value.source, "plural": value.plural, "values": values_to_json(value.values)}
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, list | tuple):
        return [value_to_json(item) for item in value]
    if isinstance(value, int | bool) or value is None or (isinstance(value, float) and isfinite(value)):
        return value
    return _storable_text(value)


def _storable_text(value: object) -> str:
    """Returns any value as text that every database takes: what a request led to is recorded, whatever it is."""
    try:
        text = str(value)
    except Exception:
        text = type(value).__name__
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", "")


def value_from_json(value: Any) -> Any:
    """Reads a value as `value_to_json` stores it."""
    match value:
        case {"code": str()}:
            return Problem.from_json(value)
        case {"source": str(source), "plural": str(plural), "values": dict(values)}:
            return Message(source, {name: value_from_json(inner) for name, inner in values.items()}, plural)
        case list():
            return [value_from_json(item) for item in value]
        case _:
            return value

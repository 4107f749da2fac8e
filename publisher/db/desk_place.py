"""Tells the place of a desk's database from that of a copy, so that a copied desk publishes nothing unasked.

The database holds where it lay when a desk last worked with it. That is compared with where it lies: the path and
the machine of a SQLite file, the server and the number of a PostgreSQL database.
"""

from __future__ import annotations

import hashlib
import importlib
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, inspect, select, text
from sqlalchemy.exc import DBAPIError

from publisher.core.messages import Message, _
from publisher.db.operations import DeskPlaceRow

MACHINE_ID = Path("/etc/machine-id")
BOARD_NUMBER = Path("/sys/firmware/devicetree/base/serial-number")
"""Boards such as the Raspberry Pi have one in their hardware: a copy of their memory card does not take it along."""
CONTAINER_MARKS = (Path("/.dockerenv"), Path("/run/.containerenv"))
"""In a container the machine's id is the image's, and changes with it."""
BOARD = " board "
"""Stands between the name of a machine and that of its board."""


@dataclass(frozen=True, slots=True)
class DeskPlace:
    """Holds where a database lies."""

    machine: str
    """A machine, or a file where the machine has no name; the server of a PostgreSQL database."""
    path: str
    """The file; the number of a PostgreSQL database within its server."""


def stored_place(connection: Connection) -> DeskPlace | None:
    """Returns where the database lay when a desk last worked with it. None: it does not say."""
    if not inspect(connection).has_table(DeskPlaceRow.__tablename__):
        return None
    row = connection.execute(select(DeskPlaceRow.machine, DeskPlaceRow.path)).first()
    return DeskPlace(*row) if row else None


def store_place(connection: Connection, place: DeskPlace) -> None:
    """Stores where the database lies, in place of what was stored. Several processes of a desk may do so at once."""
    row = {"machine": place.machine, "path": place.path}
    # Of the dialect that is in use: PostgreSQL's is a large one to import beside SQLite's.
    insert = importlib.import_module(f"sqlalchemy.dialects.{connection.dialect.name}").insert
    connection.execute(insert(DeskPlaceRow).values(id=1, **row).on_conflict_do_update(index_elements=["id"], set_=row))


def present_place(connection: Connection, file: Path | None) -> DeskPlace | None:
    """Returns where a database lies: `file`, or on the server of the connection. None: the server does not tell."""
    if file is not None:
        resolved = file.resolve()
        return DeskPlace(_machine(resolved), str(resolved))
    try:
        with connection.begin_nested():
            server, number = connection.execute(
                text(
                    "SELECT (SELECT system_identifier FROM pg_control_system()), oid "
                    "FROM pg_database WHERE datname = current_database()"
                )
            ).one()
    except DBAPIError:
        # Some hosts forbid the function.
        return None
    return DeskPlace(str(server), str(number))


def is_copy(stored: DeskPlace, present: DeskPlace, file: Path | None) -> bool:
    """Decides whether a database was copied to where it lies. A file that was moved on its machine is no copy."""
    if stored == present:
        return False
    if file is None or not _is_same_machine(stored.machine, present.machine):
        return True
    former = Path(stored.path)
    return former.exists() and not former.samefile(file)


def describe_copy(stored: DeskPlace, present: DeskPlace, file: Path | None, *, command: str) -> Message:
    """Describes for a person that a database is a copy, and what to do. `command` lets the desk go on with it."""
    if file is None:
        return _(
            "the PostgreSQL database is a copy: if a desk works with the other one, everything would go out twice. If "
            "this one is to be the desk's from now on, see that no desk works with the other one, then run {command}, "
            "which looks up first what fell due",
            command=command,
        )
    if _is_same_machine(stored.machine, present.machine):
        return _(
            "{database} is a copy of {former}, which is there as well: two desks would publish everything twice. To go "
            "on with the other one, leave this one alone. To go on with this one, stop the other one for good, then "
            "run {command}, which looks up first what fell due",
            database=file,
            former=stored.path,
            command=command,
        )
    return _(
        "{database} was brought here from elsewhere, where it was {former}: if a desk still works with that one, "
        "everything would go out twice. If the desk is to run here from now on, stop the other one for good, then run "
        "{command}, which looks up first what fell due",
        database=file,
        former=stored.path,
        command=command,
    )


def former_file(stored: DeskPlace | None, present: DeskPlace | None) -> Path | None:
    """Returns the file that a copy was made of, where it is still there on this machine."""
    if stored is None or present is None or stored.path == present.path:
        return None
    if not _is_same_machine(stored.machine, present.machine):
        return None
    former = Path(stored.path)
    return former if former.is_absolute() and former.exists() else None


def _machine(file: Path) -> str:
    """Returns a name for this machine, or for the file where the machine has none of its own."""
    if not any(mark.exists() for mark in CONTAINER_MARKS):
        try:
            number = MACHINE_ID.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError):
            number = ""
        if number:
            # The id itself is not to leave the machine: machine-id(5).
            board = _board_number()
            return f"machine {_hashed(number)}" + (f"{BOARD}{_hashed(board)}" if board else "")
    return f"file {file.stat().st_ino}"


def _board_number() -> str:
    """Returns the number of the board that this machine is; empty where it tells none."""
    try:
        return BOARD_NUMBER.read_text(encoding="ascii").strip("\0\n ")
    except (OSError, UnicodeDecodeError):
        return ""


def _hashed(number: str) -> str:
    return hashlib.sha256(f"publisher {number}".encode()).hexdigest()[:16]


def _is_same_machine(stored: str, present: str) -> bool:
    """Decides whether two names are of one machine. A former version did not store the number of the board."""
    name, _separator, board = stored.partition(BOARD)
    present_name, _separator, present_board = present.partition(BOARD)
    return name == present_name and (not board or not present_board or board == present_board)

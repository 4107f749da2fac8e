"""Runs the migrations on a connection that the program hands over, or on the URL of `-x database=URL`.

The second way is for writing a new one, against a database that is up to date::

    alembic -x database=sqlite:///queue.db revision --autogenerate --rev-id 0002 -m "what changes"
"""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection

from publisher.db.base import Base
from publisher.db.post_words import is_ours
from publisher.db.session import create_database_engine


def migrate(connection: Connection) -> None:
    # SQLite can't alter a column or a constraint: such a migration copies the table, in a "batch".
    context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True, include_name=is_ours)
    with context.begin_transaction():
        context.run_migrations()


def main() -> None:
    handed_over = context.config.attributes.get("connection")
    if isinstance(handed_over, Connection):
        migrate(handed_over)
        return
    engine = create_database_engine(context.get_x_argument(as_dictionary=True)["database"])
    with engine.begin() as connection:
        migrate(connection)
    engine.dispose()


main()

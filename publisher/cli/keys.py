"""`publisher key new` and `key rotate`: makes a key, and encrypts everything with a new one."""

from __future__ import annotations

import click

from publisher.cli.desk import desk_of
from publisher.cli.echo import echo
from publisher.core.encryption import KEY_VARIABLE, SecretCipher, new_key
from publisher.core.messages import _
from publisher.db.encrypted_values import encrypt_with_first_key


@click.group("key")
def key_command() -> None:
    """Make or change the key that seals what is secret in the database."""


@key_command.command("new")
def new_command() -> None:
    """Print a fresh key, for PUBLISHER_KEY on every machine. Nothing is stored."""
    echo(new_key())


@key_command.command("rotate")
@click.option(
    "--forget-lost", is_flag=True, help="Delete the sessions that no key opens; connect their channels again."
)
@click.pass_context
def rotate_command(ctx: click.Context, forget_lost: bool) -> None:
    """Seal everything with the first key of PUBLISHER_KEY, all or nothing.

    First let every machine know both keys, the new one before the old one.
    """
    seal = SecretCipher.from_environment()
    with desk_of(ctx).database.writing() as session:
        rotation = encrypt_with_first_key(session, seal, forget_lost=forget_lost)
    echo(
        _(
            "Sealed with the first key: {number}. The other keys may go from {variable} where every process has the "
            "first one first.",
            number=rotation.resealed,
            variable=KEY_VARIABLE,
        )
    )
    for channel in rotation.forgotten:
        echo(_("The session of {channel} is forgotten; run `publisher connect {channel:key}`.", channel=channel))

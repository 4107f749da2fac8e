"""`publisher user`: adds, lists and deactivates people."""

from __future__ import annotations

import click
from sqlalchemy import select

from publisher.cli.desk import actor, desk_of
from publisher.cli.echo import echo
from publisher.cli.output import escape, json_option, print_json, print_table
from publisher.core.messages import _
from publisher.db.staff import Person
from publisher.desk import Desk
from publisher.settings import read_secret
from publisher.staff import accounts, second_factor
from publisher.staff.accounts import AccountError
from publisher.staff.roles import Role

ROLE = click.Choice([role.value for role in Role])
PASSWORD_VARIABLE = "PUBLISHER_USER_PASSWORD"  # noqa: S105 - a variable's name


@click.group("user")
def user_command() -> None:
    """Add, list and deactivate people."""


@user_command.command("add")
@click.argument("email")
@click.option("--name", help="As colleagues know them.  [default: the part before the @]")
@click.option("--role", "roles", type=ROLE, multiple=True, required=True, help="May be given several times.")
@click.pass_context
def add_command(ctx: click.Context, email: str, name: str | None, roles: tuple[str, ...]) -> None:
    """Add somebody who can log in at once.

    The password is asked for, or read from PUBLISHER_USER_PASSWORD or the file that
    PUBLISHER_USER_PASSWORD_FILE names.
    """
    desk = desk_of(ctx)
    password = read_secret(PASSWORD_VARIABLE) or click.prompt(
        str(_("Password")), hide_input=True, confirmation_prompt=True
    )
    accounts.add_person(
        desk.database,
        accounts.NewPerson(email, name or email.partition("@")[0], roles),
        password=password,
        now=desk.now(),
        actor=actor(),
    )
    echo(_("{person} can log in.", person=email))


@user_command.command("list")
@json_option
@click.pass_context
def list_command(ctx: click.Context, as_json: bool) -> None:
    """List everybody."""
    desk = desk_of(ctx)
    with desk.database.reading() as session:
        people = list(session.scalars(select(Person).order_by(Person.email)))
    if as_json:
        print_json(
            [
                {"email": person.email, "name": person.name, "roles": person.roles, "active": person.active}
                for person in people
            ]
        )
        return
    print_table(
        "",
        (_("address"), _("name"), _("roles"), _("state")),
        ((escape(person.email), escape(person.name), ", ".join(person.roles), _state(person)) for person in people),
    )


def _state(person: Person) -> str:
    if not person.active:
        return f"[dim]{escape(_('deactivated'))}[/]"
    return f"[green]{escape(_('active'))}[/]" if person.password_hash else f"[yellow]{escape(_('invited'))}[/]"


@user_command.command("deactivate")
@click.argument("email")
@click.pass_context
def deactivate_command(ctx: click.Context, email: str) -> None:
    """Shut somebody out at once."""
    desk = desk_of(ctx)
    accounts.set_active(desk.database, _id_of(desk, email), False, now=desk.now(), actor=actor())
    echo(_("{person} is shut out.", person=email))


@user_command.command("remove-second-factor")
@click.argument("email")
@click.pass_context
def remove_second_factor_command(ctx: click.Context, email: str) -> None:
    """Turn the second factor of somebody off who lost their phone."""
    desk = desk_of(ctx)
    second_factor.disable(desk.database, _id_of(desk, email), now=desk.now(), actor=actor())
    echo(_("{person} logs in with the password alone, and was logged out everywhere.", person=email))


def _id_of(desk: Desk, email: str) -> int:
    with desk.database.reading() as session:
        person_id = session.scalar(select(Person.id).where(Person.email == email.strip().lower()))
    if person_id is None:
        raise AccountError(_("There is nobody with the address {email}.", email=email))
    return person_id

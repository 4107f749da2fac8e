"""Lists what lies encrypted in the database, and encrypts it with another key."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from publisher.core.encryption import SecretCipher, WrongKey
from publisher.db.operations import ChannelSession
from publisher.db.staff import Person
from publisher.db.webhooks import Webhook


@dataclass(frozen=True, slots=True)
class Rotation:
    """Holds the result of a change of keys."""

    resealed: int
    forgotten: tuple[str, ...]
    """Channels whose sessions no key opened."""


def check_openable(session: Session, seal: SecretCipher | None) -> int:
    """Counts the encrypted secrets in the database. Raises WrongKey when a key is given and one can't be opened."""
    sealed = [
        *((row.content, f"session of {row.channel_name}") for row in session.scalars(select(ChannelSession))),
        *(
            (person.totp_secret or "", f"second factor of {person.email}")
            for person in session.scalars(select(Person).where(Person.totp_secret.is_not(None)))
        ),
        *(
            (person.chat_addresses or "", f"chat addresses of {person.email}")
            for person in session.scalars(select(Person).where(Person.chat_addresses.is_not(None)))
        ),
        *((hook.secret, f"secret of the webhook {hook.url}") for hook in session.scalars(select(Webhook))),
    ]
    if seal is not None:
        for content, purpose in sealed:
            seal.reencrypt(content, purpose)
    return len(sealed)


def encrypt_with_first_key(session: Session, seal: SecretCipher, *, forget_lost: bool = False) -> Rotation:
    """Encrypts everything with the first key.

    `forget_lost`: sessions that no key opens are deleted; their channels must be connected again.

    Raises:
        WrongKey: something can't be opened; the transaction must not be committed.
    """
    forgotten: list[str] = []
    resealed = 0
    # The rows are locked: what a worker stores meanwhile must not be overwritten with what was before it.
    for row in session.scalars(select(ChannelSession).with_for_update()):
        try:
            row.content = seal.reencrypt(row.content, f"session of {row.channel_name}")
            resealed += 1
        except WrongKey:
            if not forget_lost:
                raise
            session.delete(row)
            forgotten.append(row.channel_name)
    for person in session.scalars(select(Person).where(Person.totp_secret.is_not(None)).with_for_update(of=Person)):
        person.totp_secret = seal.reencrypt(person.totp_secret or "", f"second factor of {person.email}")
        resealed += 1
    for person in session.scalars(select(Person).where(Person.chat_addresses.is_not(None)).with_for_update(of=Person)):
        person.chat_addresses = seal.reencrypt(person.chat_addresses or "", f"chat addresses of {person.email}")
        resealed += 1
    for hook in session.scalars(select(Webhook).with_for_update()):
        hook.secret = seal.reencrypt(hook.secret, f"secret of the webhook {hook.url}")
        resealed += 1
    return Rotation(resealed, tuple(forgotten))

"""Sends events to the addresses of other programs, each at least once::

    events   the events that are sent, and their JSON
    hooks    the addresses, added and removed by admins
    outbox   the messages: queued, claimed, recorded, sent again
    sending  sends one signed request to one address
    dispatch queues new events and sends what is due, every few seconds

An event keeps its id at every try, so that a receiver can tell which events it has already.
"""

from publisher.webhooks.dispatch import send_webhooks
from publisher.webhooks.events import EVENTS
from publisher.webhooks.hooks import WebhookError
from publisher.webhooks.outbox import delete_old_messages

__all__ = ["EVENTS", "WebhookError", "delete_old_messages", "send_webhooks"]

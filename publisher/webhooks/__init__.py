"""Other programs are told what happens, each event at least once::

    events   which events go out, and as what
    hooks    the addresses, set by admins
    outbox   messages on their way: queued, claimed, recorded, sent again
    sending  one signed request to one address
    round    what is done regularly

A webhook is told of an event at least once, under one id that never changes; its receiver knows by
it what it has already.
"""

from publisher.webhooks.dispatch import send_webhooks
from publisher.webhooks.events import EVENTS
from publisher.webhooks.hooks import WebhookError
from publisher.webhooks.outbox import forget_old
from publisher.webhooks.sending import SIGNATURE, signature

__all__ = ["EVENTS", "SIGNATURE", "WebhookError", "forget_old", "send_webhooks", "signature"]

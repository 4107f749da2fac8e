"""Names what a worker of the outlet works with."""

from __future__ import annotations

from dataclasses import dataclass

from publisher.adapt.images.rendering import Renderer
from publisher.core.clock import Clock
from publisher.db.session import Database
from publisher.delivery.channels import Channels
from publisher.settings import DeliverySettings


@dataclass(frozen=True, slots=True)
class DeliveryContext:
    """Holds what deliveries are made with: their rows, their platforms, their pictures, the time, the settings."""

    database: Database
    channels: Channels
    renderer: Renderer
    clock: Clock
    settings: DeliverySettings

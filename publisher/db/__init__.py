"""Tables, sessions, migrations."""

from publisher.db import models, staff

__all__ = ["models", "staff"]

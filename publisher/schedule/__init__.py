"""Decides which post goes out on which day: slots, order, picking, projection, rehearsal, calendar."""

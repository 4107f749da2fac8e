"""Deliveries: claim one, publish it once, settle what is unknown, keep the record."""

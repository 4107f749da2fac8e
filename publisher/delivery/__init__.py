"""Claims deliveries, publishes each once, settles unknown outcomes and keeps the record."""

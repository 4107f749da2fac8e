"""Makes backups, rotates and checks them, restores them without posting twice, and moves databases."""

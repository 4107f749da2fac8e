"""A platform as small as one can be."""

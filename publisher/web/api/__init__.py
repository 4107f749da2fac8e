"""Offers the desk to programs at `/api/v1`, over the functions that the pages and the command line use."""

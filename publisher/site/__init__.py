"""The outlet's public pages: what was published, served to everybody or written as files for any web host."""

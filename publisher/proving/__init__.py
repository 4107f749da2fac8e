"""Tests the promise of the desk: days of publishing on the sandbox with faults, kills and clock jumps.

A proof draws its faults from a seed, lets real worker and scheduler processes publish with a
database of its own, and then compares the posts on the platforms with the database.
A rehearsal publishes one channel's next post to a sandbox of its own.
"""

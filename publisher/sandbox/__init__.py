"""Simulates the platforms on this machine, with their real wire protocols and without a real account.

`python -m publisher.sandbox` starts them. Every server listens on loopback only.
"""

"""Local platforms that speak the real wire protocols: a rehearsal stage without an account anywhere.

`python -m publisher.sandbox` starts them. Every server listens on loopback only.
"""

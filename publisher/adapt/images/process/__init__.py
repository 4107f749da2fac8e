"""Decodes and encodes pictures in a child process, one per request, so that a bad file can harm nothing else.

`python -m publisher.adapt.images.process` reads one JSON request on standard input and answers one
JSON line on standard output. It imports neither pydantic nor the rest of the program: starting it
must cost little.
"""

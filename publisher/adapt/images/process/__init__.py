"""Decodes and encodes pictures in child processes, one per request, so that a bad file can harm nothing else.

`python -m publisher.adapt.images.process.warm` starts them. It imports neither pydantic nor the rest of the program:
starting it must cost little.
"""

"""Holds what every stage uses: clock, content, states, logs, files and hosts. Imports no other stage."""

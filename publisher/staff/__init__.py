"""Manages the people of the desk: who they are, what they may do, how they log in."""

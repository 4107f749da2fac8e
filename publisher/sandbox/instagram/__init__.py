"""Simulates Instagram on this machine."""

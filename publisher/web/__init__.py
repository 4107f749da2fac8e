"""The desk in a browser: pages rendered here, over the functions that the command line uses."""

"""Shows the desk in a browser, over the functions that the command line uses."""

"""The command line: one module per family of commands, each imported only when it is asked for."""

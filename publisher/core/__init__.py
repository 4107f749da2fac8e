"""What every stage stands on: clock, content, states, logs, files and hosts. Imports no other stage."""

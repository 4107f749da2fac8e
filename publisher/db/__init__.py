"""Tables, sessions, migrations. The rows are the truth; everything else only reads or wakes."""

"""One adapter and one profile per platform, side by side: `NAME.py` with a class `Adapter`, `NAME.toml`."""

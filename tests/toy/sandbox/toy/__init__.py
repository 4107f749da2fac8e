"""The toy platform on loopback."""

"""Makes the pictures and posts of a demo outlet, which are free to show, print and change."""

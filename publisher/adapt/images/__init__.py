"""Plans and renders the pictures of a post for one channel."""

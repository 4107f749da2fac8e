"""A post, a profile and a template become the exact caption and pictures of one channel."""

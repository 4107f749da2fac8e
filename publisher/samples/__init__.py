"""A demo outlet's pictures and posts, drawn and written here: free to show, print and change."""

"""Works on what was published: the pictures that lack an alt text, searches, collections, exports."""

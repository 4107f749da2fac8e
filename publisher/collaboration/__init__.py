"""Lets people work together on a post, and shows it to those whose picture it is.

preview_links     secret addresses that show one post to somebody without an account, and the remarks from there
mentions          the people whom a comment names with @
notifications     what each person is notified of, and how they want to be
descriptions      the sentence that each of them reads
"""

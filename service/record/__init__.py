"""Records opened and closed, and the use cases that read, write, find and search them.

Above `records` there is plaintext and no database; below it a database and no plaintext.
"""

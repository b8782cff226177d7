"""Looking at everything that is stored, with the keys: what is wrong, named by its place and never by its content."""

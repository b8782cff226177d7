"""Where sealed records lie. Nothing in here ever holds plaintext of a person."""

"""Other servers, as second judges of what our stores rely on."""

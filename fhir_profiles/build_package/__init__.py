"""Makes the terminology and profiles of `fhir_profiles/package` from a list of verified codes. Run when the list
changes.

    python -m fhir_profiles.build_package codes.json

The running service reads the package and never this. Examples in the package are kept by hand.
"""

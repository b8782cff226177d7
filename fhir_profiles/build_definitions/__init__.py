"""Makes the files that `fhir_profiles.definitions` reads, from packages of the npm registry. Run once, at set-up.

    python -m fhir_profiles.build_definitions node_modules

Where there is no npm, `fetch` brings the packages.
Nothing here is imported by the running service.
"""

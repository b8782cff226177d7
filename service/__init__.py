"""The program: store, records, plan, use cases, API, pages and command line."""

VERSION = "0.1.0"

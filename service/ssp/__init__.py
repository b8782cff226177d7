"""The endpoint behind a pointer of the National Record Locator: the plan as PDF, through the Spine Secure Proxy."""

"""Stand-in partners: what stands at the far end of the wire in a sandbox, for whoever connects a system or shows one.

A practice's and a hospice's system (small FHIR R4 servers) and a control room (a webhook receiver), each a process of
its own with a page. They are written from the published rules alone (FHIR R4 http.html, SMART Backend Services,
CloudEvents 1.0, RFC 7515) and know nothing of the adapters that speak to them: a mistake there is seen here. Every
request is judged; what breaks a rule is answered as the rules say and kept in a list. Effects are counted exactly.

By command they misbehave as partners do: down, slow, answers lost, out of order, wrong. Nothing here exists in
production, and everybody in it is invented.
"""

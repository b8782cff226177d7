#!/opt/epaccs/bin/python
"""Exits 0 when the service in this container answers that it is ready, 1 otherwise: the image's health check.

http.client and not urllib: a proxy in the environment is for the outside, never for the service itself.
"""

import sys
from http.client import HTTPConnection, HTTPException


def ready() -> bool:
    connection = HTTPConnection("127.0.0.1", 8000, timeout=3)
    try:
        connection.request("GET", "/health/ready")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


sys.exit(not ready())

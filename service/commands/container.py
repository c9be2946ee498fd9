"""`python -m service.commands.container livez|readyz|drain`: asks the process in this container.

For HEALTHCHECK and preStop, which run often and under a small CPU limit: the standard library alone.
"""

import http.client
import os
import sys

SECONDS = 3.0
#: The API's port first; a container has one of the two.
_PORTS = (("TRIAGE_PORT", 8080), ("TRIAGE_WORKER_PORT", 8081))


def main(arguments: list[str]) -> int:
    """Returns 0 if the process responded with success, 1 if it did not, 2 for an unknown word."""
    if arguments not in (["livez"], ["readyz"], ["drain"]):
        sys.stderr.write("usage: python -m service.commands.container livez|readyz|drain\n")
        return 2
    method, ports = ("POST", _PORTS[1:]) if arguments == ["drain"] else ("GET", _PORTS)
    problem = ""
    for variable, default in ports:
        connection = http.client.HTTPConnection("127.0.0.1", _port(variable, default), timeout=SECONDS)
        try:
            connection.request(method, f"/{arguments[0]}")
            answer = connection.getresponse()
            body = answer.read().decode(errors="replace")
        except OSError as error:
            problem = problem or f"port {connection.port}: {error}"
            continue
        finally:
            connection.close()
        sys.stdout.write(body + "\n")
        return 0 if answer.status < 300 else 1
    sys.stderr.write(problem + "\n")
    return 1


def _port(variable: str, default: int) -> int:
    # Kubernetes may have put the address of a Service there.
    text = os.environ.get(variable, "")
    return int(text) if text.isascii() and text.isdecimal() else default


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

"""`python -m service.commands.container livez|readyz|drain`: calls the process in this container.

For HEALTHCHECK and preStop, which run often and with little CPU, so it only imports the standard library.
"""

import http.client
import os
import sys

SECONDS = 3.0
#: A container has one of the two; the API's comes first.
_PORTS = (("TRIAGE_PORT", 8080), ("TRIAGE_WORKER_PORT", 8081))


def main(arguments: list[str]) -> int:
    """Returns 0 if the process responded with success, 1 if it did not, 2 for an unknown argument."""
    if arguments not in (["livez"], ["readyz"], ["drain"]):
        sys.stderr.write("usage: python -m service.commands.container livez|readyz|drain\n")
        return 2
    method, ports = ("POST", _PORTS[1:]) if arguments == ["drain"] else ("GET", _PORTS)
    problem = ""
    for variable, default in ports:
        connection = http.client.HTTPConnection("127.0.0.1", _port(variable, default), timeout=SECONDS)
        try:
            connection.request(method, f"/{arguments[0]}")
            response = connection.getresponse()
            body = response.read().decode(errors="replace")
        except OSError as error:
            problem = problem or f"port {connection.port}: {error}"
            continue
        finally:
            connection.close()
        sys.stdout.write(body + "\n")
        return 0 if response.status < 300 else 1
    sys.stderr.write(problem + "\n")
    return 1


def _port(variable: str, default: int) -> int:
    # Kubernetes may have set the variable to the address of a Service.
    text = os.environ.get(variable, "")
    return int(text) if text.isascii() and text.isdecimal() else default


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

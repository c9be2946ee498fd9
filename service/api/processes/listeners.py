"""The sockets of the processes: each has its own, and the kernel spreads connections over them."""

import socket

from service.domain.errors import ConfigurationInvalid
from service.listening import why_not

#: As uvicorn's `backlog`.
BACKLOG = 2048


def listen(host: str, port: int, processes: int) -> list[list[socket.socket]]:
    """Listen on each address of the host, once for each process. Raises ConfigurationInvalid.

    One shared socket would serve too, but the process that wakes first accepts all connections that wait.
    The sockets belong to the supervisor: connections to a process that has ended wait for its successor.
    """
    try:
        addresses = list(
            dict.fromkeys(
                (family, address[0])
                for family, _, _, _, address in socket.getaddrinfo(
                    host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
                )
            )
        )
        # SO_REUSEPORT would share the port with other processes of the same user, and without a word.
        for family, address in addresses:
            socket.create_server((address, port), family=family).close()
        listeners: list[list[socket.socket]] = []
        for _ in range(processes):
            own: list[socket.socket] = []
            for family, address in addresses:
                own.append(
                    socket.create_server((address, port), family=family, backlog=BACKLOG, reuse_port=True)
                )
                # With port 0, the first socket picks a port for all.
                port = port or own[0].getsockname()[1]
            listeners.append(own)
        return listeners
    except OSError as error:
        raise ConfigurationInvalid(why_not(error, "TRIAGE_PORT", host, port)) from error

"""Names and addresses: DNS, TCP, UDP, ICMP, IPv6, metadata of clouds, other ports, abstract sockets."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

#: Addresses of documentation (RFC 5737, RFC 3849): nobody is there, but a way out would lead to them.
_FAR, _FAR_6 = "192.0.2.1", "2001:db8::1"
#: Where clouds tell a machine its secrets (AWS, Azure, Google; Alibaba; over IPv6).
_METADATA = (("169.254.169.254", 80), ("100.100.100.200", 80))


def ways(outside: dict[str, Any]) -> Iterator[tuple[str, Callable[[], str]]]:
    yield "dns", partial(_resolve, "example.org")
    yield "dns over https", partial(_connect, (_FAR, 443))
    yield "dns over tls", partial(_connect, (_FAR, 853))
    yield "ipv4", partial(_connect, (_FAR, 443))
    yield "ipv6", partial(_connect, (_FAR_6, 443), socket.AF_INET6)
    yield "udp", partial(_send, (_FAR, 53), socket.AF_INET)
    yield "udp over ipv6", partial(_send, (_FAR_6, 53), socket.AF_INET6)
    yield "broadcast", partial(_send, ("255.255.255.255", 67), socket.AF_INET)
    yield "multicast", partial(_send, ("224.0.0.251", 5353), socket.AF_INET)
    yield "icmp", _echo
    for host, port in _METADATA:
        yield f"metadata {host}", partial(_connect, (host, port))
    yield "metadata over ipv6", partial(_connect, ("fd00:ec2::254", 80), socket.AF_INET6)
    for host, port in outside.get("addresses", []):
        yield f"address {host}:{port}", partial(_connect, (host, port))
    for port in outside.get("ports", []):
        yield f"loopback port {port}", partial(_connect, ("127.0.0.1", port))
        yield f"loopback port {port} over ipv6", partial(_connect, ("::1", port), socket.AF_INET6)
    for name in outside.get("abstract", []):
        yield f"abstract socket {name}", partial(_connect, f"\0{name}", socket.AF_UNIX)


def _resolve(name: str) -> str:
    return str(socket.getaddrinfo(name, 443))


def _connect(to: Any, family: int = socket.AF_INET) -> str:
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.connect(to)
        return f"connected to {to}"


def _send(to: tuple[str, int], family: int) -> str:
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        return f"sent {probe.sendto(b'canary', to)} bytes"


def _echo() -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP) as probe:
        return f"sent {probe.sendto(bytes([8, 0, 0, 0, 0, 0, 0, 0]), (_FAR, 0))} bytes"

"""Packets and sockets: our own messages encoded, everybody else's decoded.

Time tags are never waited for (OSC does not synchronise clocks). A packet of ours never exceeds PACKET bytes.
"""

import errno
import ipaddress
import math
import socket
import struct
import sys

from pythonosc.osc_message import OscMessage

PACKET = 1400  # bytes; the payload of a usual network packet is 1472
BUNDLE = b"#bundle\0"
HEADER = BUNDLE + struct.pack(">Q", 1)  # time tag 1: immediately
NESTED = 8  # bundles in bundles
FULL = (errno.EAGAIN, errno.EWOULDBLOCK, errno.ENOBUFS)  # no room: the next tick says it all again
TYPES = ",ihfdsbrmtTFN[]"  # those of OSC that python-osc reads
SENT = 80  # characters of what was sent that a reason repeats


class Foreign(ValueError):
    """A message of OSC with an argument of a kind that is not read."""


def decoded(packet, refuse=None):
    """The OSC messages in a packet, bundles opened, with `address` and `params`.

    What cannot be read of one message is given to `refuse(error)`, and the others are there: they may be for somebody else. Without
    `refuse` it is raised, as is a packet that is none.
    """
    packet, found = bytearray(packet), []
    for begin, end in list(_messages(packet, 0, len(packet))):
        try:
            _read_types(packet, begin, end)
            found.append(OscMessage(bytes(packet[begin:end])))
        except Exception as error:  # the parser raises many kinds
            if refuse is None:
                raise
            refuse(error)
    return found


def _messages(packet, begin, end, depth=0):
    """(begin, end) of each message, or of what stands in a bundle for one. ValueError where a bundle does not hold what it says."""
    if packet.startswith(b"/", begin, end) or depth and not packet.startswith(BUNDLE, begin, end):
        yield begin, end
        return
    if not packet.startswith(BUNDLE, begin, end):
        raise ValueError("begins neither with / nor with #bundle")
    if depth > NESTED:
        raise ValueError(f"more than {NESTED} bundles in one another")
    at = begin + len(HEADER)
    if at > end:
        raise ValueError(f"a bundle of {end - begin} bytes, which has no time")
    while at < end:
        if end - at < 4:
            raise ValueError(f"{end - at} bytes where a size of four should stand")
        (size,) = struct.unpack_from(">i", packet, at)
        at += 4
        if not 0 <= size <= end - at:
            raise ValueError(f"a part of {size} bytes where {end - at} are left")
        yield from _messages(packet, at, at + size, depth + 1)
        at += size


def _read_types(packet, begin, end):
    """Foreign where an argument is of a type that python-osc does not know: it would warn, without saying of what, and read the
    next one from its bytes. An impulse (I) becomes nothing (N): a press."""
    if not packet.startswith(b"/", begin, end):
        raise ValueError("a part of a bundle that begins neither with / nor with #bundle")
    address = packet.find(b"\0", begin, end)
    at = begin + (address - begin) // 4 * 4 + 4
    last = packet.find(b"\0", at, end)
    if address < 0 or last < 0 or not packet.startswith(b",", at):
        return
    packet[at:last] = types = packet[at:last].replace(b"I", b"N")
    strange = next((tag for tag in types.decode("latin-1") if tag not in TYPES), None)
    if strange:
        raise Foreign(f"{packet[begin:address].decode('utf-8', 'replace')[:60]}: type {strange!r} is none of those read here "
                      "(i, f, d, h, s, T, F): send a number")


def encode(address, *arguments):
    """One OSC message; float, int and str become f, i and s (a bool becomes i)."""
    tags, data = ",", b""
    for value in arguments:
        if isinstance(value, str):
            tags, data = tags + "s", data + padded(value)
        elif isinstance(value, int):
            tags, data = tags + "i", data + struct.pack(">i", as_int(value))
        else:
            tags, data = tags + "f", data + struct.pack(">f", as_float(value))
    return padded(address) + padded(tags) + data


def padded(text):
    """A string of OSC: ended by zeros, a multiple of four bytes."""
    data = text.encode("utf-8", "replace")  # as python-osc reads it: folders have names of all kinds
    return data + b"\0" * (4 - len(data) % 4)


def as_float(value):
    """A float that every receiver takes: 0 for what is none."""
    value = float(value)
    return value if math.isfinite(value) and abs(value) < 3e38 else 0.0


def as_int(value):
    """A whole number brought within 32 bits."""
    return int(min(max(value, -(2**31)), 2**31 - 1))


def bundles(messages):
    """Encoded `messages` as few bundles of at most PACKET bytes; one too large for that travels alone."""
    packets, packet = [], HEADER
    for message in messages:
        if len(packet) + 4 + len(message) > PACKET and packet != HEADER:
            packets.append(packet)
            packet = HEADER
        packet += struct.pack(">i", len(message)) + message
    return packets + [packet] if packet != HEADER else packets


def send(sock, packet, target):
    """Send a packet. OSError where it cannot be."""
    try:
        sock.sendto(packet, target)
    except ConnectionError:  # Windows tells so that an earlier one met a closed port, and does not send this
        sock.sendto(packet, target)


def resolve(target):
    """(IPv4 address, port) of a (host, port); OSError for a host that is not found."""
    host, port = target
    try:
        return socket.getaddrinfo(host, port, socket.AF_INET, socket.SOCK_DGRAM)[0][4]
    except (OSError, UnicodeError) as problem:  # UnicodeError: dots or letters that no name has
        why = getattr(problem, "strerror", None) or problem
        raise OSError(f"OSC target {host}:{port}: no such host ({why}); give an IPv4 address or a name "
                      "that this machine can resolve") from None


def bind(host, port):
    """A UDP socket that receives there; OSError where it may not."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    if sys.platform == "win32":  # there two programs could share the port, and one would hear nothing
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
    try:
        sock.bind((host, port))
    except OSError as problem:
        sock.close()
        taken = problem.errno in (errno.EADDRINUSE, errno.EACCES)
        cure = ("end the program that uses it or choose another port" if taken
                else "give an address of this machine, such as 127.0.0.1, or 0.0.0.0 for all")
        raise OSError(f"OSC port {port} on {host} cannot be opened ({problem.strerror}): {cure}") from None
    return sock


def sent(arguments):
    """What was sent, as a reason repeats it."""
    return str(list(arguments))[:SENT]


def returning(targets, host, ports):
    """Those of `targets` (host, port) that are one of our own `ports` on `host`: what is sent there comes back."""
    return [f"{name}:{port}" for name, port in targets if port in ports and _arrives(name, host)]


def _arrives(name, host):
    """Whether what is sent to `name` comes to who receives on `host`: on all addresses, by each that this machine has."""
    return name in ("127.0.0.1", "localhost", host) or host == "0.0.0.0" and _is_own(name)


def _is_own(name):
    """Whether it is an address of this machine: no other can be bound, but for those of everybody."""
    if _is_for_many(name):
        return False
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((name, 0))
        except (OSError, UnicodeError):  # another's, or no name at all: that is for whoever sends there
            return False
    return True


def _is_for_many(name):
    try:
        address = ipaddress.IPv4Address(name)
    except ValueError:
        return False
    return address.is_multicast or address == ipaddress.IPv4Address("255.255.255.255")

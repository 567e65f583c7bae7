#!/bin/sh
# The local address that IP_PKTINFO gives for a reply (ipi_spec_dst) is 0.0.0.0 for datagrams that came before the option was set.
#
# Guess: ip(7) says that ipi_spec_dst is the local address of the packet, so a UDP server on a wildcard socket copies it into the control message of
# its reply. When the option is set does not matter, as control messages are made when a datagram is read.
# What happens: the kernel works ipi_spec_dst out when the datagram is queued, and only if the option is set then. What was queued before has
# ipi_ifindex 0 and ipi_spec_dst 0.0.0.0, while ipi_addr, which is read from the packet's header, is right. A reply with
# ipi_spec_dst 0.0.0.0 is sent without an error, from whichever address the route prefers.
# Why an AAA gateway cares: a server that gets its sockets from another process (systemd, a supervisor, an upgrade without a gap) sets its options
# when requests wait already. NAS devices drop replies from another address than the one they asked, so just those requests that waited
# through the restart look lost. ipi_addr is right for each datagram to one address.
set -eu
uname -sr
python3 - <<'PY'
import socket, struct, sys
IP_PKTINFO = 8

def ask(server, port):
    c = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    c.bind(("127.0.0.1", 0))
    c.sendto(b"request", ("127.0.0.2", port))
    return c

def answer(server):
    _, control, _, peer = server.recvmsg(100, 128)
    for level, kind, data in control:
        if (level, kind) == (socket.IPPROTO_IP, IP_PKTINFO):
            _, spec, addr = struct.unpack("=I4s4s", data[:12])
            server.sendmsg([b"reply"], [(level, kind, struct.pack("=I4s4s", 0, spec, bytes(4)))], 0, peer)
            return socket.inet_ntoa(spec), socket.inet_ntoa(addr)
    sys.exit("there is no IP_PKTINFO")

server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("0.0.0.0", 0))
port = server.getsockname()[1]
early = ask(server, port)  # it waits in the socket
server.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
late = ask(server, port)
seen = []
for name, client in (("before", early), ("after", late)):
    spec, addr = answer(server)
    client.settimeout(5)
    _, source = client.recvfrom(100)
    print(f"queued {name} the option was set: ipi_spec_dst {spec}, ipi_addr {addr}, reply from {source[0]}")
    seen.append((spec, addr, source[0]))
if seen != [("0.0.0.0", "127.0.0.2", "127.0.0.1"), ("127.0.0.2", "127.0.0.2", "127.0.0.2")]:
    sys.exit("the behaviour has changed")
PY

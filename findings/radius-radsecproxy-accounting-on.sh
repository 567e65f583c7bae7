#!/bin/sh
# radsecproxy answers an Accounting-Request without a User-Name and passes it on to nobody.
#
# Guess: a proxy that has no home server for a record stays silent, so that the device repeats the record or asks another server; an
# Accounting-Response means that somebody has recorded it (RFC 2866 §4.2).
# What happens: Accounting-On and Accounting-Off name no user (RFC 2866 §5.1). radsecproxy answers them, also where a realm "*" has accounting
# servers, and its home server never sees them. The same record with a User-Name arrives.
# Why an AAA gateway cares: it is told that the record was taken, so nothing repeats it. The billing behind the proxy never learns that a device
# was restarted, and its sessions stay open for ever.
set -eu
dir=$(mktemp -d)
pid=
trap 'test -z "$pid" || kill "$pid" 2>/dev/null; rm -rf "$dir"' EXIT
cd "$dir"
apt-get -q download radsecproxy=1.9.2-2+deb12u1 libnettle8=3.8.1-2 libssl3 >/dev/null 2>&1
for package in *.deb; do dpkg -x "$package" root; done
cat >proxy.conf <<'CONF'
ListenUDP 127.0.0.1:28142
Client gateway {
	host 127.0.0.1
	type udp
	secret testing123
}
Server home {
	host 127.0.0.1
	port 28143
	type udp
	secret testing123
}
Realm * {
	server home
	accountingServer home
}
CONF
LD_LIBRARY_PATH=$dir/root/usr/lib/x86_64-linux-gnu
export LD_LIBRARY_PATH
root/usr/sbin/radsecproxy -v 2>&1 | head -1
root/usr/sbin/radsecproxy -f -c proxy.conf 2>log &
pid=$!
python3 - <<'PY' || { cat log; exit 1; }
import hashlib, socket, struct, sys, threading, time
secret, zeros = b"testing123", bytes(16)
seen = []

def attributes(packet):
    at, all = 20, {}
    while at < len(packet):
        all[packet[at]] = packet[at + 2:at + packet[at + 1]]
        at += packet[at + 1]
    return all

def home():  # takes every record
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 28143))
    while True:
        packet, client = server.recvfrom(4096)
        if packet[0] != 4:
            continue
        seen.append(attributes(packet)[44])
        head = struct.pack("!BBH", 5, packet[1], 20)
        server.sendto(head + hashlib.md5(head + packet[4:20] + secret).digest(), client)

threading.Thread(target=home, daemon=True).start()

def tell(number, status, session, user):
    body = struct.pack("!BBI", 40, 6, status) + bytes([44, 2 + len(session)]) + session + bytes([4, 6, 192, 0, 2, 1])
    if user:
        body += bytes([1, 2 + len(user)]) + user
    head = struct.pack("!BBH", 4, number, 20 + len(body))
    packet = head + hashlib.md5(head + zeros + body + secret).digest() + body
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.settimeout(5)
    client.connect(("127.0.0.1", 28142))
    for _ in range(50):
        try:
            client.send(packet)
            return client.recv(4096)[0]
        except ConnectionRefusedError:  # it has not started yet
            time.sleep(0.1)
        except TimeoutError:
            return None
    sys.exit("radsecproxy does not start")

got = []
for number, status, session, user in [(1, 1, b"start", b"bob@example.com"), (2, 7, b"on without a user", b""), (3, 8, b"off without a user", b""), (4, 2, b"stop", b"bob@example.com")]:
    code = tell(number, status, session, user)
    time.sleep(1)  # what is passed on has arrived by then
    got.append((code, session in seen))
    print("%s: answered with code %s, arrived: %s" % (session.decode(), code, session in seen))
sys.exit(0 if got == [(5, True), (5, False), (5, False), (5, True)] else 1)
PY

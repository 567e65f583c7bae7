#!/bin/sh
# radsecproxy signs the rejects that it makes itself, and passes on unsigned what its home server leaves unsigned.
#
# Guess: a proxy signs every reply that it sends, or none.
# What happens: its own reject for a realm that it does not know has a Message-Authenticator. Its own answer to a
# Status-Server has none. An accept or reject of a home server has one if the home server sent one.
# Why an AAA gateway cares: one that asks for the attribute because a few replies had it locks out the users of every home
# server that does not sign: a handful of mistyped realms is enough.
set -eu
dir=$(mktemp -d)
pid=
trap 'test -z "$pid" || kill "$pid" 2>/dev/null; rm -rf "$dir"' EXIT
cd "$dir"
apt-get -q download radsecproxy=1.9.2-2+deb12u1 libnettle8=3.8.1-2 libssl3 >/dev/null 2>&1
for package in *.deb; do dpkg -x "$package" root; done
cat >proxy.conf <<'CONF'
ListenUDP 127.0.0.1:28140
Client gateway {
	host 127.0.0.1
	type udp
	secret testing123
}
Server home {
	host 127.0.0.1
	port 28141
	type udp
	secret testing123
}
Realm known.example {
	server home
}
Realm * {
	replymessage "no such realm"
}
CONF
LD_LIBRARY_PATH=$dir/root/usr/lib/x86_64-linux-gnu
export LD_LIBRARY_PATH
root/usr/sbin/radsecproxy -v 2>&1 | head -1
root/usr/sbin/radsecproxy -f -c proxy.conf 2>log &
pid=$!
python3 - <<'PY' || { cat log; exit 1; }
import hashlib, hmac, os, socket, struct, sys, threading, time
secret, zeros = b"testing123", bytes(16)
mac = lambda b: hmac.new(secret, b, hashlib.md5).digest()

def attributes(packet):
    at, all = 20, []
    while at < len(packet):
        all.append((packet[at], packet[at + 2:at + packet[at + 1]]))
        at += packet[at + 1]
    return all

def home():  # accepts all, and signs for one user
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 28141))
    while True:
        packet, client = server.recvfrom(4096)
        sign = (1, b"signed@known.example") in attributes(packet)
        body = b"".join(bytes([33, 2 + len(v)]) + v for n, v in attributes(packet) if n == 33)
        if sign:
            body = bytes([80, 18]) + zeros + body
        head = struct.pack("!BBH", 2, packet[1], 20 + len(body))
        if sign:
            body = bytes([80, 18]) + mac(head + packet[4:20] + body) + body[18:]
        server.sendto(head + hashlib.md5(head + packet[4:20] + body + secret).digest() + body, client)

threading.Thread(target=home, daemon=True).start()

def ask(code, user):
    auth = os.urandom(16)
    password = bytes(a ^ b for a, b in zip(b"hello".ljust(16, b"\0"), hashlib.md5(secret + auth).digest()))
    body = bytes([80, 18]) + zeros
    if user:
        body += bytes([1, 2 + len(user)]) + user + bytes([2, 18]) + password
    head = struct.pack("!BBH", code, 7, 20 + len(body))
    body = bytes([80, 18]) + mac(head + auth + body) + body[18:]
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.settimeout(5)
    client.connect(("127.0.0.1", 28140))
    for _ in range(50):
        try:
            client.send(head + auth + body)
            reply = client.recv(4096)
            return reply[0], 80 in dict(attributes(reply))
        except ConnectionRefusedError:  # it has not started yet
            time.sleep(0.1)
    sys.exit("radsecproxy does not answer")

got = {}
for name, code, user in [
    ("its own reject", 1, b"bob@unknown.example"), ("its own answer to a Status-Server", 12, b""),
    ("an unsigned accept of the home server", 1, b"plain@known.example"), ("a signed accept of the home server", 1, b"signed@known.example"),
]:
    got[name] = ask(code, user)
    print("%s: code %d, signed: %s" % ((name,) + got[name]))
sys.exit(0 if list(got.values()) == [(3, True), (2, False), (2, False), (2, True)] else 1)
PY

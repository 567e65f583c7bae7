#!/bin/sh
# A FreeRADIUS proxy does not leave a dead home server while its client repeats the request, and rejects a patient client.
#
# Guess: when a home server of a fail-over pool has been silent for response_window, the proxy sends the request to the next one.
# What happens: each repetition by the client goes to the same home server and begins the window anew, so that a client that
# repeats within the window never sees the next home server. A client that waits gets an Access-Reject when the window
# is over. Only then do other requests go to the next home server.
# Why an AAA gateway cares: retransmission keeps the proxy at the dead server, and without retransmission the first users are
# rejected, which ends a login where silence would have let the gateway ask another server.
set -eu
dir=$(mktemp -d)
pid=
trap 'test -z "$pid" || kill "$pid" 2>/dev/null; rm -rf "$dir"' EXIT
cd "$dir"
version=3.2.1+dfsg-4+deb12u1
apt-get -q download "freeradius=$version" "freeradius-common=$version" "libfreeradius3=$version" \
	libtalloc2=2.4.0-f2 libpcap0.8=1.10.3-1 >/dev/null 2>&1
for package in *.deb; do dpkg -x "$package" root; done
mkdir db
: >db/dictionary
home() {
	cat <<CONF
home_server $1 {
	type = auth
	ipaddr = 127.0.0.1
	port = $2
	secret = testing123
	response_window = 6
	zombie_period = 40
	status_check = none
}
CONF
}
cat >db/radiusd.conf <<CONF
raddbdir = $dir/db
localstatedir = $dir/db
logdir = $dir/db
run_dir = $dir/db
libdir = $dir/root/usr/lib/freeradius
name = finding
proxy_requests = yes
security {
	reject_delay = 0
}
thread pool {
	start_servers = 1
	max_servers = 1
	min_spare_servers = 1
	max_spare_servers = 1
	max_requests_per_server = 0
}
client loopback {
	ipaddr = 127.0.0.1
	secret = testing123
}
proxy server {
	default_fallback = no
}
$(home silent 28151)
$(home answering 28152)
home_server_pool both {
	type = fail-over
	home_server = silent
	home_server = answering
}
realm DEFAULT {
	auth_pool = both
}
modules {
}
server default {
	listen {
		type = auth
		ipaddr = 127.0.0.1
		port = 28150
	}
	authorize {
		update control {
			&Proxy-To-Realm := "DEFAULT"
		}
	}
}
CONF
LD_LIBRARY_PATH=$dir/root/usr/lib/freeradius:$dir/root/usr/lib/x86_64-linux-gnu
export LD_LIBRARY_PATH
root/usr/sbin/freeradius -v -D root/usr/share/freeradius | head -1
root/usr/sbin/freeradius -f -l "$dir/log" -d "$dir/db" -D "$dir/root/usr/share/freeradius" &
pid=$!
python3 - <<'PY' || { cat log; exit 1; }
import hashlib, hmac, os, select, socket, struct, sys, threading, time
secret = b"testing123"
asked = {28151: 0, 28152: 0}

def home(port):
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", port))
    while True:
        packet, client = server.recvfrom(4096)
        asked[port] += 1
        if port == 28151:
            continue
        body, at = b"", 20
        while at < len(packet):
            if packet[at] == 33:  # Proxy-State
                body += packet[at:at + packet[at + 1]]
            at += packet[at + 1]
        head = struct.pack("!BBH", 2, packet[1], 20 + len(body))
        server.sendto(head + hashlib.md5(head + packet[4:20] + body + secret).digest() + body, client)

for port in asked:
    threading.Thread(target=home, args=(port,), daemon=True).start()

def login(repeat, limit):
    auth = os.urandom(16)
    password = bytes(a ^ b for a, b in zip(b"hello".ljust(16, b"\0"), hashlib.md5(secret + auth).digest()))
    body = bytes([80, 18]) + bytes(16) + bytes([1, 5]) + b"bob" + bytes([2, 18]) + password
    head = struct.pack("!BBH", 1, 7, 20 + len(body))
    body = bytes([80, 18]) + hmac.new(secret, head + auth + body, hashlib.md5).digest() + body[18:]
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.connect(("127.0.0.1", 28150))
    begun, sent = time.monotonic(), 0
    while time.monotonic() - begun < limit:
        client.send(head + auth + body)
        sent += 1
        if select.select([client], [], [], repeat)[0]:
            return client.recv(4096)[0], sent, round(time.monotonic() - begun)
    return 0, sent, round(time.monotonic() - begun)

def started():
    probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    probe.connect(("127.0.0.1", 28150))
    try:
        probe.send(b"?")
        time.sleep(0.1)
        probe.send(b"?")
        return True
    except ConnectionRefusedError:
        return False

for _ in range(100):
    if started():
        break
else:
    sys.exit("FreeRADIUS does not start")
impatient = login(2, 16)
at_next = asked[28152]
print("repeated every 2 s: code %d after %d packets and %d s; the next home server was asked %d times" % (impatient + (at_next,)))
patient = login(10, 10)
print("not repeated: code %d after %d packet and %d s" % patient)
after = login(10, 10)
print("the login after it: code %d after %d packet and %d s" % after)
sys.exit(0 if impatient[0] == 0 and at_next == 0 and patient[:2] == (3, 1) and patient[2] in (5, 6, 7) and after[:2] == (2, 1) else 1)
PY

#!/bin/sh
# FreeRADIUS takes a TLS record for one RADIUS packet: two whole packets in a record close the connection.
#
# Guess: RADIUS over TLS is a stream framed by the length field (RFC 6613), so it does not matter how the sender cuts packets into
# TLS records.
# What happens: three requests in one record are "bad packet: Length 129 contents 43". None is answered and the connection is closed. The
# same requests in a record each are all answered, however close they follow one another.
# Why an AAA gateway cares: a sender that batches packets to save system calls does well with one request at a time. Under load it loses
# its connection, and every request on it. Each packet needs a TLS record of its own.
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
openssl req -x509 -newkey rsa:2048 -nodes -keyout db/key.pem -out db/cert.pem -days 2 -subj /CN=finding >/dev/null 2>&1
cat >db/radiusd.conf <<CONF
raddbdir = $dir/db
localstatedir = $dir/db
logdir = $dir/db
run_dir = $dir/db
libdir = $dir/root/usr/lib/freeradius
name = finding
proxy_requests = no
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
clients tls {
	client loopback {
		ipaddr = 127.0.0.1
		proto = tls
		secret = radsec
	}
}
modules {
	always ok {
		rcode = ok
	}
}
server default {
	listen {
		type = auth
		ipaddr = 127.0.0.1
		port = 28183
		proto = tcp
		virtual_server = default
		clients = tls
		tls {
			private_key_file = $dir/db/key.pem
			certificate_file = $dir/db/cert.pem
			ca_file = $dir/db/cert.pem
			fragment_size = 8192
			tls_min_version = "1.2"
			tls_max_version = "1.3"
			cipher_list = "DEFAULT"
			ecdh_curve = ""
		}
	}
	authorize {
		update control {
			&Auth-Type := Accept
		}
	}
	authenticate {
	}
}
CONF
export LD_LIBRARY_PATH="$dir/root/usr/lib/freeradius:$(dirname "$(find "$dir/root" -name 'libtalloc.so.2')")"
daemon="$dir/root/usr/sbin/freeradius"
"$daemon" -D "$dir/root/usr/share/freeradius" -v | head -1
"$daemon" -fxx -l stdout -d db -D "$dir/root/usr/share/freeradius" >log 2>&1 &
pid=$!
cat >client.py <<'PY'
import hashlib, hmac, os, socket, ssl, struct, sys, time

def request(identifier):
    auth = os.urandom(16)
    user = b'\x01\x05bob'
    head = struct.pack('>BBH', 1, identifier, 20 + 18 + len(user)) + auth
    mac = hmac.new(b'radsec', head + b'\x50\x12' + bytes(16) + user, hashlib.md5).digest()
    return head + b'\x50\x12' + mac + user

def connect():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.load_cert_chain('db/cert.pem', 'db/key.pem')
    context.load_verify_locations('db/cert.pem')
    for _ in range(100):
        try:
            return context.wrap_socket(socket.create_connection(('127.0.0.1', 28183)))
        except ConnectionRefusedError:
            time.sleep(0.1)
    sys.exit('FreeRADIUS does not listen')

def answers(c, seconds):
    got, closed, end = [], False, time.time() + seconds
    c.settimeout(0.2)
    while time.time() < end:
        try:
            b = c.recv(4096)
        except (TimeoutError, socket.timeout):
            continue
        if not b:
            closed = True
            break
        while b:
            got.append(b[1])
            b = b[struct.unpack('>H', b[2:4])[0]:]
    return got, closed

c = connect()
print(c.version())
for i in (1, 2, 3):
    c.sendall(request(i))
apart, _ = answers(c, 2)
print('a record each: answers to', apart)
c.close()
c = connect()
c.sendall(request(1) + request(2) + request(3))
together, closed = answers(c, 2)
print('one record: answers to', together, '- closed' if closed else '- open')
if sorted(apart) != [1, 2, 3] or together != [] or not closed:
    sys.exit('the behaviour has changed')
PY
python3 client.py
grep 'bad packet' log || true

#!/bin/sh
# FreeRADIUS 3.2.1 signs some replies, and an Accounting-Response in its own way.
#
# Guess: a server that puts a Message-Authenticator into one reply puts it into all, and its value in an
# Accounting-Response is computed as in every other reply, over the request's authenticator.
# What happens: replies to EAP are signed and replies to PAP are not. In an Accounting-Response the value is computed as if the
# packet's authenticator were 16 zero octets.
# Why an AAA gateway cares: one that asks for the attribute since it saw it once locks out all PAP users, and one that
# checks an Accounting-Response as it checks an Access-Accept sends every record again until it gives up.
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
cat >db/radiusd.conf <<CONF
raddbdir = $dir/db
localstatedir = $dir/db
logdir = $dir/db
run_dir = $dir/db
libdir = $dir/root/usr/lib/freeradius
name = finding
security {
	status_server = yes
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
modules {
	pap {
	}
	eap {
		default_eap_type = md5
		md5 {
		}
	}
	always ok {
		rcode = ok
	}
}
server default {
	listen {
		type = auth
		ipaddr = 127.0.0.1
		port = 28130
	}
	listen {
		type = acct
		ipaddr = 127.0.0.1
		port = 28131
	}
	authorize {
		update control {
			&Cleartext-Password := "hello"
		}
		eap {
			ok = return
		}
		pap
	}
	authenticate {
		Auth-Type PAP {
			pap
		}
		eap
	}
	accounting {
		update reply {
			&Message-Authenticator := 0x00
		}
		ok
	}
}
CONF
LD_LIBRARY_PATH=$dir/root/usr/lib/freeradius:$dir/root/usr/lib/x86_64-linux-gnu
export LD_LIBRARY_PATH
root/usr/sbin/freeradius -v -D root/usr/share/freeradius | head -1
root/usr/sbin/freeradius -f -l "$dir/log" -d "$dir/db" -D "$dir/root/usr/share/freeradius" &
pid=$!
python3 - <<'PY' || { cat log; exit 1; }
import hashlib, hmac, os, socket, struct, sys, time
secret, zeros = b"testing123", bytes(16)
mac = lambda b: hmac.new(secret, b, hashlib.md5).digest()

def ask(port, code, attributes, sign):
    auth = os.urandom(16)
    body = (bytes([80, 18]) + zeros if sign else b"") + attributes(auth)
    head = struct.pack("!BBH", code, 7, 20 + len(body))
    if sign:
        body = bytes([80, 18]) + mac(head + auth + body) + body[18:]
    else:
        auth = hashlib.md5(head + zeros + body + secret).digest()
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.settimeout(2)
    client.connect(("127.0.0.1", port))
    for _ in range(60):
        try:
            client.send(head + auth + body)
            return auth, client.recv(4096)
        except (ConnectionRefusedError, socket.timeout):
            time.sleep(0.1)
    sys.exit("FreeRADIUS does not answer")

def signature(reply):  # its offset, 0 without one
    at = 20
    while at < len(reply):
        if reply[at] == 80:
            return at + 2
        at += reply[at + 1]
    return 0

def hidden(auth):
    key = hashlib.md5(secret + auth).digest()
    return bytes(a ^ b for a, b in zip(b"hello".ljust(16, b"\0"), key))

user = bytes([1, 5]) + b"bob"
_, pap = ask(28130, 1, lambda auth: user + bytes([2, 18]) + hidden(auth), True)
_, eap = ask(28130, 1, lambda auth: user + bytes([79, 10]) + bytes([2, 0, 0, 8, 1]) + b"bob", True)
auth, acct = ask(28131, 4, lambda auth: user + bytes([40, 6, 0, 0, 0, 1]) + bytes([44, 4]) + b"s1", False)
at = signature(acct)
blank = acct[20:at] + zeros + acct[at + 16:]
usual = at > 0 and mac(acct[:4] + auth + blank) == acct[at:at + 16]
over_zeros = at > 0 and mac(acct[:4] + zeros + blank) == acct[at:at + 16]
print("reply to PAP: code %d, signed: %s" % (pap[0], signature(pap) > 0))
print("reply to EAP: code %d, signed: %s" % (eap[0], signature(eap) > 0))
print("Accounting-Response: over the request's authenticator: %s, over zeros: %s" % (usual, over_zeros))
expected = pap[0] == 2 and not signature(pap) and eap[0] == 11 and signature(eap) and over_zeros and not usual
sys.exit(0 if expected else 1)
PY

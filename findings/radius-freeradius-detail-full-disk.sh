#!/bin/sh
# FreeRADIUS answers an Accounting-Request although the detail file could not be written, and never syncs the file.
#
# Guess: with a detail file as the only accounting, an Accounting-Response means that the record is in the file: the server is
# silent while its disk is full, so that the client keeps the record and repeats it (RFC 2866 §4.1: no answer to what was not recorded).
# What happens: the record is lost and the client gets its Accounting-Response. The module writes through a buffer and ignores what closing it
# returns. It makes no fsync or fdatasync either, so a loss of power takes records that were answered long before.
# Why an AAA gateway cares: an answer of such a server is no receipt, and a detail file in front of a proxy keeps nothing safe. A gateway that promises
# to lose no record must store it itself before it answers, and sync it.
set -eu
dir=$(mktemp -d)
pid=
trap 'test -z "$pid" || kill "$pid" 2>/dev/null; rm -rf "$dir"' EXIT
cd "$dir"
version=3.2.1+dfsg-4+deb12u1
apt-get -q download "freeradius=$version" "freeradius-common=$version" "libfreeradius3=$version" \
	libtalloc2=2.4.0-f2 libpcap0.8=1.10.3-1 strace=6.1-0.1 libunwind8=1.6.2-3 >/dev/null 2>&1
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
proxy_requests = no
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
	detail healthy {
		filename = $dir/db/detail
	}
	detail full {
		filename = /dev/full
	}
}
server healthy {
	listen {
		type = acct
		ipaddr = 127.0.0.1
		port = 28160
	}
	accounting {
		healthy
	}
}
server full {
	listen {
		type = acct
		ipaddr = 127.0.0.1
		port = 28161
	}
	accounting {
		full
	}
}
CONF
LD_LIBRARY_PATH=$dir/root/usr/lib/freeradius:$dir/root/usr/lib/x86_64-linux-gnu
export LD_LIBRARY_PATH
root/usr/sbin/freeradius -v -D root/usr/share/freeradius | head -1
root/usr/bin/strace -D -f -o calls -e trace=write,fsync,fdatasync,sync,syncfs,sync_file_range,msync \
	root/usr/sbin/freeradius -f -l "$dir/log" -d "$dir/db" -D "$dir/root/usr/share/freeradius" &
pid=$!
python3 - <<'PY' || { cat log; exit 1; }
import hashlib, os, re, socket, struct, sys, time

def ask(port, session):
    """Sends a record as often as a NAS does; the code of the answer, None for silence."""
    body = b"".join(struct.pack("BB", kind, len(value) + 2) + value for kind, value in (
        (1, b"alice"), (4, bytes([192, 0, 2, 1])), (40, struct.pack(">I", 2)), (44, session)))
    head = struct.pack(">BBH", 4, 7, 20 + len(body))
    packet = head + hashlib.md5(head + bytes(16) + body + b"testing123").digest() + body
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.connect(("127.0.0.1", port))
    s.settimeout(1)
    for attempt in range(20):
        try:
            s.send(packet)
            return s.recv(4096)[0]
        except (ConnectionRefusedError, TimeoutError):
            time.sleep(0.2)

answers = {"healthy": ask(28160, b"session-1"), "full": ask(28161, b"session-2")}
print("answers (5 is Accounting-Response):", answers)
text = open("db/detail").read()
calls = open("calls").read()
syncs = re.findall(r"\b(?:fsync|fdatasync|sync|syncfs|sync_file_range|msync)\(.*", calls)
failed = re.findall(r"write\(.*ENOSPC.*", calls)
print("the healthy file has the record:", "session-1" in text)
print("writes that failed:", failed)
print("syncs:", syncs)
log = open("log").read() if os.path.exists("log") else ""
print("the log speaks of it:", "No space" in log)
if answers != {"healthy": 5, "full": 5} or "session-1" not in text or not failed or syncs:
    sys.exit("the behaviour is another one")
PY

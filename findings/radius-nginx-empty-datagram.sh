#!/bin/sh
# A UDP balancer answers for a dead RADIUS server with a datagram of no octets.
#
# Guess: when the machine behind nginx's stream proxy refuses a datagram (ICMP, nobody listens), the client hears nothing,
# or the refusal.
# What happens: nginx sends the client an empty datagram, from the address of the server.
# Why an AAA gateway cares: an empty read is no reply and no end of the stream. A client that takes it for either gives up
# a request that a retransmission would have saved, or counts it as a malformed packet.
set -eu
dir=$(mktemp -d)
pid=
trap 'test -z "$pid" || kill "$pid" 2>/dev/null; rm -rf "$dir"' EXIT
cd "$dir"
version=1.22.1-9+deb12u11
apt-get -q download "nginx=$version" "libnginx-mod-stream=$version" >/dev/null 2>&1
for package in *.deb; do dpkg -x "$package" root; done
cat >nginx.conf <<CONF
load_module $dir/root/usr/lib/nginx/modules/ngx_stream_module.so;
daemon off;
master_process off;
error_log $dir/error.log;
pid $dir/nginx.pid;
events {}
stream {
	server {
		listen 127.0.0.1:28120 udp;
		proxy_pass 127.0.0.1:28121;
	}
}
CONF
root/usr/sbin/nginx -v
root/usr/sbin/nginx -p "$dir" -e "$dir/error.log" -c "$dir/nginx.conf" &
pid=$!
python3 - <<'PY'
import os, socket, sys, time
# A Status-Server of 38 octets; what it is signed with does not matter here.
packet = bytes([12, 1, 0, 38]) + os.urandom(16) + bytes([80, 18]) + os.urandom(16)
for _ in range(50):
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.connect(("127.0.0.1", 28120))
    client.settimeout(5)
    try:
        client.send(packet)
        got = client.recv(4096)
        break
    except ConnectionRefusedError:  # nginx has not started yet
        time.sleep(0.1)
else:
    sys.exit("nginx does not start")
print("nobody listens behind nginx: the client received", len(got), "octets")
sys.exit(0 if got == b"" else 1)
PY

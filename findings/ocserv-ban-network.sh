#!/bin/sh
# ocserv bans the IPv6 /64 of a client, and cuts a banned one off before TLS.
#
# Guess: a ban is of the address that sent wrong passwords, and a banned client is told so: by an HTTP status, or by the login form.
# What happens: eight wrong passwords ban all addresses of the /64, a right password notwithstanding. The client sees a connection that ends in
# the TLS handshake, which looks like a fault of the network. Each connection costs a point by itself, so the score is above 8 × 10.
# Why an AAA gateway cares: users who share a /64, such as those of one hostel or office, lose the VPN together, and no request of theirs
# reaches the AAA server. Who looks for the cause in its log or its bans finds nothing: it is in `occtl show ip bans`.
set -eu
[ "$(id -u)" = 0 ] || { echo 'this needs root: it makes a network namespace' >&2; exit 2; }
if [ "${1:-}" != --inside ]; then
	dir=$(mktemp -d)
	trap 'rm -rf "$dir"' EXIT
	cp "$0" "$dir/finding.sh"
	cd "$dir"
	apt-get -q download ocserv=1.1.6-3 libradcli4=1.2.11-1+b2 liboath0=2.6.7-3.1+deb12u1 libhttp-parser2.9=2.9.4-5 \
		libnl-3-200=3.7.0-0.2+b1 libnl-route-3-200=3.7.0-0.2+b1 >/dev/null 2>&1
	for package in *.deb; do dpkg -x "$package" root; done
	unshare -n sh ./finding.sh --inside
	exit
fi

LD_LIBRARY_PATH=$PWD/root/usr/lib/x86_64-linux-gnu:$PWD/root/lib/x86_64-linux-gnu
export LD_LIBRARY_PATH
ip link set lo up
for address in fd00:0:0:1::1 fd00:0:0:1::2 fd00:0:0:2::1; do ip -6 addr add $address/64 dev lo nodad; done
openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 2 -subj /CN=vpn -batch 2>/dev/null
printf 'right\nright\n' | root/usr/bin/ocpasswd -c users eve 2>/dev/null
cat >conf <<CONF
auth = "plain[passwd=$PWD/users]"
tcp-port = 4443
listen-host = ::
socket-file = $PWD/sock
run-as-user = root
run-as-group = root
server-cert = cert.pem
server-key = key.pem
isolate-workers = false
device = vpns
ipv4-network = 192.168.99.0
ipv4-netmask = 255.255.255.0
max-ban-score = 80
ban-points-wrong-password = 10
ban-points-connection = 1
min-reauth-time = 300
ban-reset-time = 1200
use-occtl = true
occtl-socket-file = $PWD/occtl
CONF
root/usr/sbin/ocserv --version | head -1
root/usr/sbin/ocserv -f -c conf >log 2>&1 &
pid=$!
trap 'kill $pid; wait $pid || true' EXIT

python3 - <<'PY' || { cat log; exit 1; }
import re, socket, ssl, subprocess, sys, time

def connect(source):
    for _ in range(100):
        s = socket.socket(socket.AF_INET6)
        s.settimeout(10)
        s.bind((source, 0))
        try:
            s.connect(("::1", 4443))
            return s
        except ConnectionRefusedError:  # it has yet to begin
            s.close()
            time.sleep(0.1)
    sys.exit("ocserv does not listen")

def login(source, password):
    s = connect(source)
    try:
        s = ssl._create_unverified_context().wrap_socket(s)
        cookie = ""
        for path, kind, inner in (("/", "init", ""), ("/auth", "auth-reply", "<auth><username>eve</username></auth>"),
                                  ("/auth", "auth-reply", f"<auth><password>{password}</password></auth>")):
            body = f'<?xml version="1.0" encoding="UTF-8"?><config-auth client="vpn" type="{kind}"><version who="vpn">1</version>{inner}</config-auth>'
            s.sendall(f"POST {path} HTTP/1.1\r\nHost: vpn\r\nUser-Agent: AnyConnect\r\n{cookie}Content-Length: {len(body)}\r\n\r\n{body}".encode())
            got = b""
            while b"\r\n\r\n" not in got:
                got += s.recv(4096) or sys.exit("ocserv ends a connection")
            head, rest = got.split(b"\r\n\r\n", 1)
            length = int(re.search(rb"Content-Length: (\d+)", head).group(1))
            while len(rest) < length:
                rest += s.recv(4096)
            context = re.findall(rb"Set-Cookie: (webvpncontext=[^;\r]+)", head)
            if context:
                cookie = f"Cookie: {context[-1].decode()}\r\n"
        return "in" if b'id="success"' in rest else "asked again"
    except (ssl.SSLError, ConnectionResetError):
        return "cut off before TLS"
    finally:
        s.close()

seen = [login("fd00:0:0:1::1", "wrong") for _ in range(8)]
print("eight wrong passwords from fd00:0:0:1::1:", ", ".join(sorted(set(seen))))
def bans():
    return subprocess.run(["root/usr/bin/occtl", "-s", "occtl", "show", "ip", "bans"], capture_output=True, text=True).stdout

for _ in range(100):  # the process that bans is not the one that answers
    if "fd00:0:0:1::" in bans():
        break
    time.sleep(0.1)
same, other = login("fd00:0:0:1::2", "right"), login("fd00:0:0:2::1", "right")
print("the right one from fd00:0:0:1::2:", same)
print("the right one from fd00:0:0:2::1:", other)
if set(seen) != {"asked again"} or same != "cut off before TLS" or other != "in":
    sys.exit("the behaviour has changed")
PY
root/usr/bin/occtl -s "$PWD/occtl" show ip bans | tee bans
score=$(awk '$1 == "fd00:0:0:1::" { print $2 }' bans)
[ "${score:-0}" -gt 80 ] || { echo "the behaviour has changed"; exit 1; }

#!/bin/sh
# hostapd refuses a Disconnect-Request that names a session by more than it compares, though all of it is true.
#
# Guess: a Disconnect-Request names a session by as much of its accounting as the server knows (RFC 5176 §3 lists User-Name, NAS-Port,
# Framed-IP-Address, Called-Station-Id, Calling-Station-Id, Acct-Session-Id and others), and a device that does not keep one of them leaves it out of
# the comparison or finds no session (Error-Cause 503).
# What happens: hostapd 2.10 takes User-Name, NAS-IP-Address, NAS-IPv6-Address, NAS-Identifier, Calling-Station-Id, Acct-Session-Id,
# Acct-Multi-Session-Id, Chargeable-User-Identity, Event-Timestamp and Message-Authenticator. With any other attribute, such as Framed-IP-Address, NAS-Port or
# Called-Station-Id, which its own accounting records have, it answers with a Disconnect-NAK and Error-Cause 401 (Unsupported-Attribute), before it
# looks for the session.
# Why an AAA gateway cares: one that copies what it knows from the accounting records disconnects nobody from these access points, and it can't tell from 401
# which attribute was too much. A few attributes that every device compares end more sessions than many.
set -eu
dir=$(mktemp -d)
pid=
trap 'test -z "$pid" || kill "$pid" 2>/dev/null; rm -rf "$dir"' EXIT
cd "$dir"
version=2:2.10-12+deb12u3
freeradius=3.2.1+dfsg-4+deb12u1
apt-get -q download "hostapd=$version" libnl-3-200=3.7.0-0.2+b1 libnl-genl-3-200=3.7.0-0.2+b1 libnl-route-3-200=3.7.0-0.2+b1 \
	"freeradius-utils=$freeradius" "freeradius-common=$freeradius" "libfreeradius3=$freeradius" libtalloc2=2.4.0-f2 libpcap0.8=1.10.3-1 >/dev/null 2>&1
for package in *.deb; do dpkg -x "$package" root; done
LD_LIBRARY_PATH=$dir/root/usr/lib/freeradius:$(echo "$dir"/root/usr/lib/*-linux-gnu):$(echo "$dir"/root/lib/*-linux-gnu)
export LD_LIBRARY_PATH
port=$((20000 + $$ % 20000))
cat >hostapd.conf <<CONF
interface=lo
driver=none
own_ip_addr=127.0.0.1
nas_identifier=ap1
radius_das_port=$port
radius_das_client=127.0.0.1 testing-testing-testing
radius_das_require_event_timestamp=1
CONF
root/usr/sbin/hostapd hostapd.conf >hostapd.log 2>&1 &
pid=$!
for _ in 1 2 3 4 5 6 7 8 9 10; do
	if grep -q AP-ENABLED hostapd.log; then break; fi
	sleep 0.2
done
# ask prints the Error-Cause of the answer to a Disconnect-Request for a session that the access point does not have.
ask() {
	echo "Acct-Session-Id=A27E118DC3272789,User-Name=alice,NAS-Identifier=ap1,Event-Timestamp=$(date +%s)$1" |
		root/usr/bin/radclient -D root/usr/share/freeradius -x "127.0.0.1:$port" disconnect testing-testing-testing 2>&1 |
		sed -n 's/.*Error-Cause = //p'
}
echo "hostapd $version"
failed=0
check() {
	got=$(ask "$1")
	echo "Acct-Session-Id, User-Name, NAS-Identifier, Event-Timestamp${1:+ and ${1#,}}: ${got:-no answer}"
	[ "$got" = "$2" ] || { echo "expected: $2"; failed=1; }
}
check '' Session-Context-Not-Found
check ',Calling-Station-Id=02-00-00-00-00-01' Session-Context-Not-Found
check ',Framed-IP-Address=192.0.2.7' Unsupported-Attribute
check ',NAS-Port=1' Unsupported-Attribute
check ',Called-Station-Id=02-00-00-00-00-02' Unsupported-Attribute
exit $failed

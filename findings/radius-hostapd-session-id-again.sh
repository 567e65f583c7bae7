#!/bin/sh
# hostapd gives a station that it was told to disconnect the same Acct-Session-Id again.
#
# Guess: an Acct-Session-Id is of one session, "a unique Accounting ID to make it easy to match start and stop records in a log file" (RFC 2866
# §5.5), so a second Start with the same one is a repetition of the first, or a record that came late.
# What happens: after a Disconnect-Request hostapd 2.10 sends the Stop, but keeps what it knows of a station on a wire. When the station logs in again
# soon after, the Start of the new session has the Acct-Session-Id of the one that was ended. After a logoff of the station the next one is another.
# Why an AAA gateway cares: who takes a Start for a repetition by Acct-Session-Id alone loses the accounting of everybody who comes back after an
# administrator's disconnection, and who thinks that a session is over for good after its Stop refuses the records. Only the records' times tell the two
# sessions apart, and a Disconnect-Request that is sent once more ends the new one.
set -eu
[ "$(id -u)" -eq 0 ] || { echo "a network of its own needs root"; exit 1; }
if [ -z "${INSIDE:-}" ]; then
	dir=$(mktemp -d)
	trap 'rm -rf "$dir"' EXIT
	cp "$0" "$dir/self"
	(
		cd "$dir"
		version=2:2.10-12+deb12u3
		freeradius=3.2.1+dfsg-4+deb12u1
		apt-get -q download "hostapd=$version" "wpasupplicant=$version" libpcsclite1=1.9.9-2 libdbus-1-3=1.14.10-1~deb12u1 \
			libnl-3-200=3.7.0-0.2+b1 libnl-genl-3-200=3.7.0-0.2+b1 libnl-route-3-200=3.7.0-0.2+b1 \
			"freeradius-utils=$freeradius" "freeradius-common=$freeradius" "libfreeradius3=$freeradius" libtalloc2=2.4.0-f2 libpcap0.8=1.10.3-1 >/dev/null 2>&1
		for package in *.deb; do dpkg -x "$package" root; done
		echo "hostapd $version"
		INSIDE=1 unshare --net --pid --fork --kill-child sh ./self # what runs in there ends with it
	)
	exit
fi

lib=$PWD/root/usr/lib
LD_LIBRARY_PATH=$lib/freeradius:$(echo "$lib"/*-linux-gnu):$(echo "$PWD"/root/lib/*-linux-gnu)
export LD_LIBRARY_PATH
ip link set lo up
ip link add near type veth peer name far
ip link set near up
ip link set far up
echo '"alice" MD5 "wonderland"' >users
cat >hostapd.conf <<CONF
interface=near
driver=wired
ieee8021x=1
use_pae_group_addr=1
own_ip_addr=127.0.0.1
nas_identifier=ap1
eap_server=1
eap_user_file=users
acct_server_addr=127.0.0.1
acct_server_port=1813
acct_server_shared_secret=testing-testing-testing
radius_das_port=3799
radius_das_client=127.0.0.1 testing-testing-testing
CONF
cat >station.conf <<CONF
ap_scan=0
network={
	key_mgmt=IEEE8021X
	eap=MD5
	identity="alice"
	password="wonderland"
	eapol_flags=0
}
CONF
root/usr/sbin/hostapd hostapd.conf >hostapd.log 2>&1 &
# until_said waits for so many lines of hostapd's log.
until_said() {
	for _ in $(seq 100); do
		[ "$(grep -c "$1" hostapd.log)" -lt "$2" ] || return 0
		sleep 0.1
	done
	echo "hostapd does not say: $1"
	cat hostapd.log
	exit 1
}
# login starts a station and waits for so many Starts.
login() {
	root/sbin/wpa_supplicant -D wired -i far -c station.conf >station.log 2>&1 &
	station=$!
	until_said 'starting accounting session' "$1"
}
until_said AP-ENABLED 1
login 1
id=$(sed -n 's/.*starting accounting session //p' hostapd.log)
echo "Acct-Session-Id=$id" | root/usr/bin/radclient -D root/usr/share/freeradius 127.0.0.1:3799 disconnect testing-testing-testing >/dev/null 2>&1
until_said 'stopped accounting session' 1
kill "$station"
wait "$station" || true
login 2
kill "$station" # it logs off
wait "$station" || true
until_said 'stopped accounting session' 2
login 3
sed -n 's/.*RADIUS: \(.* accounting session .*\)/\1/p' hostapd.log
set -- $(sed -n 's/.*starting accounting session //p' hostapd.log)
[ "$1" = "$2" ] || { echo "expected: the same after the Disconnect-Request"; exit 1; }
[ "$2" != "$3" ] || { echo "expected: another after the logoff"; exit 1; }

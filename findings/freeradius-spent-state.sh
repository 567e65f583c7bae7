#!/bin/sh
# FreeRADIUS 3.2.1: a State that the server does not know, or that is spent, is no error.
#
# One would guess: State ties the answer to its challenge (RFC 2865 §5.24), so a server refuses an answer whose State it
# never gave or has already taken.
#
# What happens: FreeRADIUS looks the State up to find the list session-state. If it finds nothing, the list is empty and
# the request runs through the policy as if it had no State: a correct answer with a spent State is to the server the
# first round of another login, and a right password with an invented State is accepted.
#
# Why an AAA gateway cares: a server of this kind says nothing about a repeated answer. It takes a one-time code for a
# password, or a password for a code, and may count it against the user. The gateway itself has to hand each State back
# once, and must not let a login go back to a challenge whose State was sent.
set -eu
VERSION=3.2.1+dfsg-4+deb12u1
dir=$(mktemp -d)
pid=
cleanup() {
	if [ -n "$pid" ]; then kill "$pid" 2>/dev/null || true; wait "$pid" 2>/dev/null || true; fi
	rm -rf "$dir"
}
trap cleanup EXIT
cd "$dir"
for p in freeradius=$VERSION freeradius-common=$VERSION freeradius-utils=$VERSION libfreeradius3=$VERSION \
	libtalloc2=2.4.0-f2 libwbclient0 libct4 libpcap0.8 libdbus-1-3; do
	apt-get download -qq "$p" >/dev/null 2>&1 || case $p in *=*) echo "cannot download $p"; exit 2 ;; esac
done
for deb in *.deb; do dpkg -x "$deb" root; done
triplet=$(dpkg-architecture -qDEB_HOST_MULTIARCH 2>/dev/null || echo x86_64-linux-gnu)
export LD_LIBRARY_PATH="$dir/root/usr/lib/freeradius:$dir/root/usr/lib/$triplet:$dir/root/lib/$triplet"
dicts=$dir/root/usr/share/freeradius

mkdir etc
cat >etc/radiusd.conf <<CONF
prefix = $dir
logdir = $dir
libdir = $dir/root/usr/lib/freeradius
pidfile = $dir/pid
security { allow_vulnerable_openssl = yes }
thread pool { start_servers = 1
 max_servers = 4
 min_spare_servers = 1
 max_spare_servers = 3 }
client loopback { ipaddr = 127.0.0.1
 secret = testing123 }
modules {
 pap {
 }
 always handled {
  rcode = handled
 }
}
server default {
 listen { type = auth
  ipaddr = 127.0.0.1
  port = 0 }
 authorize {
  update control { Cleartext-Password := "%{User-Name}-password" }
  if (&User-Password == "424242") {
   if (&session-state:Tmp-String-0) {
    update reply { Reply-Message := "second round of %{session-state:Tmp-String-0}" }
    update control { Auth-Type := Accept }
   }
   else {
    update reply { Reply-Message := "no session-state" }
    update control { Auth-Type := Reject }
   }
  }
  elsif (&User-Name == "two-rounds") {
   update session-state { Tmp-String-0 := "%{User-Name}" }
   update control { Auth-Type := ask }
  }
  else {
   pap
  }
 }
 authenticate {
  Auth-Type ask {
   update reply { Reply-Message := "the code?" }
   update control { Response-Packet-Type := Access-Challenge }
   handled
  }
  pap
 }
}
CONF
port=$(awk 'BEGIN { srand(); print 20000 + int(rand() * 20000) }')
sed -i "s/port = 0/port = $port/" etc/radiusd.conf
root/usr/sbin/freeradius -v | head -1
root/usr/sbin/freeradius -f -d etc -D "$dicts" -n radiusd -l stdout >log 2>&1 &
pid=$!
i=0
until grep -q "Ready to process requests" log; do
	i=$((i + 1))
	if [ $i -gt 100 ] || ! kill -0 $pid; then cat log; exit 2; fi
	sleep 0.1
done

# ask sends an Access-Request and prints the reply's code and its Reply-Message; State goes to the file state.
ask() {
	printf '%s\n' "$1" | root/usr/bin/radclient -D "$dicts" -x -r 1 -t 3 127.0.0.1:$port auth testing123 >out 2>&1 || true
	sed -n '/^Received/,$ s/^[[:space:]]*State = //p' out >state
	printf '%s: %s\n' "$(sed -n 's/^Received \(Access-[A-Za-z]*\).*/\1/p' out)" "$(sed -n '/^Received/,$ s/^[[:space:]]*Reply-Message = "\(.*\)"/\1/p' out)"
}
failed=0
expect() { # WHAT WANT GOT
	echo "$1: $3"
	if [ "$2" != "$3" ]; then echo "   expected $2"; failed=1; fi
}
expect "first round" "Access-Challenge: the code?" "$(ask 'User-Name = two-rounds, User-Password = x')"
state=$(cat state)
expect "answer with its State" "Access-Accept: second round of two-rounds" "$(ask "User-Name = two-rounds, User-Password = 424242, State = $state")"
expect "the same answer again" "Access-Reject: no session-state" "$(ask "User-Name = two-rounds, User-Password = 424242, State = $state")"
expect "a first round with the spent State" "Access-Challenge: the code?" "$(ask "User-Name = two-rounds, User-Password = x, State = $state")"
expect "right password, invented State" "Access-Accept: " "$(ask 'User-Name = plain, User-Password = plain-password, State = 0x00112233445566778899aabbccddeeff')"
if [ $failed -ne 0 ]; then cat log; exit 1; fi
echo "as described"

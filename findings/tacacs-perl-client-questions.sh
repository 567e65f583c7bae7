#!/bin/sh
# Authen::TacacsPlus takes a question of an ASCII login other than for name and password for a failure of the server.
#
# Guess: a client of TACACS+ sends the user's name in START, as devices do, and answers GETDATA (RFC 8907 §5.2) as it answers GETPASS:
# an ASCII login is a dialogue of any length. At the least it says that the login failed.
# What happens: START has no name, so that a server must ask for it, and always the port "Virtual00". A GETDATA ends the login with
# "Protocol error", which is what the client says of the status ERROR too. It then asks its next server, as it does only if a server can't answer.
# Why an AAA gateway cares: a server that challenges (a one-time code, an expired password) looks broken to scripts that use this client, and
# they move all logins to the next server. And bounds or bans by port see one port for all users.
set -eu
package=libauthen-tacacsplus-perl version=0.28-2
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
apt-get download -qq "$package=$version" >/dev/null
dpkg -x "$package"_*.deb root
echo "$package $version, perl $(perl -e 'print $^V')"

cat >server.pl <<'PL'
# A TACACS+ server that sends these replies (status:flags:message), one for each packet, and prints what it gets.
use strict; use IO::Socket::INET; use Digest::MD5 'md5';
$| = 1;
my ($name, @replies) = @ARGV;
sub body { my ($h, $b) = @_; my ($pad, $last) = ("", "");
	while (length $pad < length $b) { $last = md5(substr($h, 4, 4) . "key" . substr($h, 0, 1) . substr($h, 2, 1) . $last); $pad .= $last }
	return $b ^ substr($pad, 0, length $b) }
my $listen = IO::Socket::INET->new(LocalAddr => "127.0.0.1:0", Listen => 5) or die;
print $listen->sockport, "\n";
my $c = $listen->accept or die;
for (@replies) {
	my ($status, $flags, $message) = split /:/;
	read($c, my $h, 12) == 12 or exit;
	read $c, my $b, unpack "N", substr $h, 8;
	$b = body($h, $b);
	if (ord substr($h, 2, 1) == 1) { my ($user, $port) = unpack "x4 C C", $b;
		print "$name START user=", substr($b, 8, $user), " port=", substr($b, 8 + $user, $port), "\n" }
	else { print "$name CONTINUE ", substr($b, 5, unpack "n", $b), "\n" }
	my $reply = pack "C C n n a*", $status, $flags, length $message, 0, $message;
	my $head = substr($h, 0, 2) . chr(1 + ord substr $h, 2, 1) . "\0" . substr($h, 4, 4) . pack "N", length $reply;
	print $c $head . body($head, $reply); $c->flush;
}
read $c, my $rest, 1;
PL
serve() { # name replies…
	perl server.pl "$@" >"$1.out" &
	pids="${pids:-} $!"
	until [ -s "$1.out" ]; do sleep 0.1; done
}
trap 'kill ${pids:-} 2>/dev/null || :; rm -rf "$dir"' EXIT

login() { # ports
	timeout 30 perl -I root/usr/lib/x86_64-linux-gnu/perl5/5.36 -MAuthen::TacacsPlus -e '
		my @s = map { [Host => "127.0.0.1", Port => $_, Key => "key", Timeout => 5] } @ARGV;
		my $t = new Authen::TacacsPlus(@s) or die Authen::TacacsPlus::errmsg();
		print $t->authen("bob", "secret") ? "granted" : Authen::TacacsPlus::errmsg(), "\n"' "$@"
}

# GETUSER 4, GETPASS 5, GETDATA 3, FAIL 2, ERROR 7
serve asks 4:0:Name 5:1:Password 3:1:Code
asks=$(login "$(head -n 1 asks.out)")
serve broken 4:0:Name 5:1:Password 7:0:broken
broken=$(login "$(head -n 1 broken.out)")
serve first 4:0:Name 5:1:Password 3:1:Code
serve second 4:0:Name 5:1:Password 2:0:wrong
both=$(login "$(head -n 1 first.out)" "$(head -n 1 second.out)")
echo "a server that asks for a code: $asks"
echo "a server that answers ERROR:   $broken"
echo "one that asks, and a next one: $both"
cat first.out second.out | grep -v '^[0-9]*$'

[ "$asks" = "Protocol error" ] && [ "$broken" = "$asks" ]
grep -qx 'asks START user= port=Virtual00' asks.out
grep -qx 'asks CONTINUE bob' asks.out
[ "$both" = "Authentication failed" ] && grep -qx 'second CONTINUE secret' second.out

#!/bin/sh
# Finds what the tests need beside Go: a C compiler for -race, PostgreSQL, FreeRADIUS,
# PgBouncer, a Kerberos server, clients of network devices and curl. What is missing is installed where the machine is Debian and we are root;
# else the packages are named and this fails. No test is left out in silence.
set -eu

found() { command -v "$1" >/dev/null 2>&1 || [ -x "/usr/sbin/$1" ]; }
postgres() { found initdb || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1; }

missing() {
	found gcc || echo gcc libc6-dev
	found curl || echo curl
	postgres || echo postgresql
	found pgbouncer || echo pgbouncer
	found freeradius || found radiusd || echo freeradius
	found radclient || echo freeradius-utils
	[ -d /usr/share/freeradius ] || echo freeradius-common
	found krb5kdc && found kdb5_util || echo krb5-kdc
	found eapol_test || echo eapoltest
	found hostapd || echo hostapd
	found wpa_supplicant || echo wpasupplicant
	found ip || echo iproute2
	found ocserv || echo ocserv
	found openconnect || echo openconnect
	found pamtester || echo pamtester libpam-radius-auth
	found radsecproxy || echo radsecproxy
	found kadmin.local || echo krb5-admin-server
	perl -MAuthen::TacacsPlus -e 1 2>/dev/null || echo libauthen-tacacsplus-perl
}

packages=$(missing | tr '\n' ' ')
if [ -z "$packages" ]; then
	exit 0
fi
if [ ! -e /etc/debian_version ] || [ "$(id -u)" -ne 0 ] || ! found apt-get; then
	echo "the tests need these packages (by their Debian names): $packages" >&2
	exit 1
fi

echo "installing $packages"
# The tests run servers of their own. Those of the packages are not to be started:
# a policy that says so, for the time of the installation, unless the machine has one.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
	printf '#!/bin/sh\nexit 101\n' >"$policy"
	chmod 755 "$policy"
	trap 'rm -f "$policy"' EXIT
	trap 'exit 1' HUP INT TERM
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
# shellcheck disable=SC2086 # a list of names
apt-get install -q -y --no-install-recommends $packages
packages=$(missing | tr '\n' ' ')
if [ -n "$packages" ]; then
	echo "still missing after the installation: $packages" >&2
	exit 1
fi

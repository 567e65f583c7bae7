#!/bin/sh
# FreeRADIUS with SQL accounting opens a second session if a record of a session names another port or NAS than its Start.
#
# Guess: Acct-Session-Id names a session (RFC 2866 §5.5), with the NAS at the most. So a Stop with the same Acct-Session-Id and the same
# User-Name ends the row that the Start made, also if the client has changed its port or its NAS since.
# What happens: the row is found by a hash that the policy acct_unique makes of User-Name, Acct-Session-Id, the NAS's address and identifier, NAS-Port-Id
# and NAS-Port. A record that differs in one of them is another session: its Stop makes a second row with all of the use, and the first row stays open
# for ever, so Simultaneous-Use counts it. Only a Class of the form "ai:" and 32 hex digits, which the policy insert_acct_class puts into an
# Access-Accept, replaces all of that but the Acct-Session-Id. Another Class is not looked at.
# Why an AAA gateway cares: a session that a client resumes elsewhere may keep its Acct-Session-Id, but what names the NAS has to stay what it was in
# the Start, or the Class has to be one of these and to come back with each record.
set -eu
dir=$(mktemp -d)
pid=
trap 'test -z "$pid" || kill "$pid" 2>/dev/null; rm -rf "$dir"' EXIT
cd "$dir"
version=3.2.1+dfsg-4+deb12u1
apt-get -q download "freeradius=$version" "freeradius-common=$version" "freeradius-config=$version" "libfreeradius3=$version" \
	libtalloc2=2.4.0-f2 libpcap0.8=1.10.3-1 libsqlite3-0=3.40.1-2+deb12u2 >/dev/null 2>&1
for package in *.deb; do dpkg -x "$package" root; done
shipped=$dir/root/etc/freeradius/3.0
mkdir db
cp "$shipped/dictionary" db/dictionary
cat >db/radiusd.conf <<CONF
raddbdir = $shipped
localstatedir = $dir/db
logdir = $dir/db
run_dir = $dir/db
modconfdir = $shipped/mods-config
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
	\$INCLUDE $shipped/mods-available/expr
	sql {
		dialect = "sqlite"
		driver = "rlm_sql_sqlite"
		sqlite {
			filename = "$dir/db/radius.db"
			busy_timeout = 200
			bootstrap = "$shipped/mods-config/sql/main/sqlite/schema.sql"
		}
		radius_db = "radius"
		client_table = "nas"
		authcheck_table = "radcheck"
		groupcheck_table = "radgroupcheck"
		authreply_table = "radreply"
		groupreply_table = "radgroupreply"
		usergroup_table = "radusergroup"
		postauth_table = "radpostauth"
		acct_table1 = "radacct"
		acct_table2 = "radacct"
		read_clients = no
		pool {
			start = 1
			min = 1
			max = 1
			spare = 0
		}
		group_attribute = "SQL-Group"
		\$INCLUDE $shipped/mods-config/sql/main/sqlite/queries.conf
	}
}
policy {
	class_value_prefix = 'ai:'
	\$INCLUDE $shipped/policy.d/accounting
}
server accounting {
	listen {
		type = acct
		ipaddr = 127.0.0.1
		port = 28162
	}
	preacct {
		acct_unique
	}
	accounting {
		sql
	}
}
CONF
LD_LIBRARY_PATH=$dir/root/usr/lib/freeradius:$dir/root/usr/lib/x86_64-linux-gnu
export LD_LIBRARY_PATH
root/usr/sbin/freeradius -v -D root/usr/share/freeradius | head -1
root/usr/sbin/freeradius -f -l "$dir/log" -d "$dir/db" -D "$dir/root/usr/share/freeradius" &
pid=$!
python3 - <<'PY' || { cat log; exit 1; }
import hashlib, socket, sqlite3, struct, sys, time

START, STOP = 1, 2

def record(session, status, nas, port, cls=b""):
    """Sends a record as often as a NAS does, until it is answered."""
    pairs = [(1, b"alice"), (4, socket.inet_aton(nas)), (5, struct.pack(">I", port)), (40, struct.pack(">I", status)), (44, session),
             (55, struct.pack(">I", int(time.time())))]
    if status == STOP:
        pairs += [(42, struct.pack(">I", 1000)), (46, struct.pack(">I", 60)), (49, struct.pack(">I", 1))]
    if cls:
        pairs.append((25, cls))
    body = b"".join(struct.pack("BB", kind, len(value) + 2) + value for kind, value in pairs)
    head = struct.pack(">BBH", 4, 7, 20 + len(body))
    packet = head + hashlib.md5(head + bytes(16) + body + b"testing123").digest() + body
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.connect(("127.0.0.1", 28162))
    s.settimeout(2)
    for attempt in range(30):
        try:
            s.send(packet)
            if s.recv(4096)[0] == 5:
                return
        except (ConnectionRefusedError, TimeoutError):
            time.sleep(0.2)
    sys.exit("no answer")

ours = b"ai:" + b"0123456789abcdef" * 2
cases = {  # what changes between Start and Stop: the NAS, its port, the Class of both
    b"stays": ("192.0.2.1", 1, b""),
    b"other port": ("192.0.2.1", 2, b""),
    b"other NAS": ("192.0.2.2", 1, b""),
    b"other NAS and some Class": ("192.0.2.2", 1, b"gold"),
    b"other NAS and a Class of FreeRADIUS": ("192.0.2.2", 1, ours),
}
for session, (nas, port, cls) in cases.items():
    record(session, START, "192.0.2.1", 1, cls)
    record(session, STOP, nas, port, cls)
db = sqlite3.connect("db/radius.db")
got = {}
for session in cases:
    got[session] = db.execute("SELECT acctstoptime IS NOT NULL, acctinputoctets FROM radacct WHERE acctsessionid = ? ORDER BY radacctid",
                              (session.decode(),)).fetchall()
    print(session.decode() + ": rows (ended, octets)", got[session])
one, two = [(1, 1000)], [(0, 0), (1, 1000)]
if list(got.values()) != [one, two, two, two, one]:
    sys.exit("the behaviour is another one")
PY

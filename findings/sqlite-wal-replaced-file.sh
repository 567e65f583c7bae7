#!/bin/sh
# SQLite says that a database file was replaced under an open connection, but not in WAL mode.
#
# Guess: a write on a connection whose file was renamed away fails with SQLITE_READONLY_DBMOVED, as its documentation says, whatever
# the journal mode: so a service need not look at the file itself when an operator puts a backup in its place.
# What happens: with a rollback journal the write fails so. In WAL mode it succeeds and the connection reads it back. The log stays
# beside the new file, and the next connection applies it there: to a file that it was not written for.
# Why an AAA gateway cares: its embedded store runs in WAL mode. A node that goes on after an operator put a backup in place
# acknowledges revocations and accounting without an error, and then mixes two files: the service has to compare the file itself.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
version=3.40.1-2+deb12u2
apt-get -q download "sqlite3=$version" "libsqlite3-0=$version" >/dev/null 2>&1
for package in *.deb; do dpkg -x "$package" root; done
sqlite() { LD_LIBRARY_PATH=$(echo "$dir"/root/usr/lib/*-linux-gnu) "$dir/root/usr/bin/sqlite3" "$@"; }
sqlite --version

# replaced MODE prints what an open connection says of a write after another file has taken the name of its own.
replaced() {
	rm -f a.db a.db-wal a.db-shm
	sqlite a.db >/dev/null "PRAGMA journal_mode = $1; CREATE TABLE revoked (token); INSERT INTO revoked VALUES ('first'); PRAGMA wal_checkpoint(TRUNCATE);"
	cp a.db backup.db
	sqlite a.db 2>&1 <<-SQL || true
		SELECT 'rows before: ' || count(*) FROM revoked;
		.system mv backup.db a.db
		INSERT INTO revoked VALUES ('second');
		SELECT 'rows after: ' || count(*) FROM revoked;
	SQL
	sqlite a.db "SELECT 'rows that the next connection finds: ' || count(*) FROM revoked"
}
echo "-- journal_mode = DELETE"
replaced DELETE | tee delete.out
echo "-- journal_mode = WAL"
replaced WAL | tee wal.out
grep -q readonly delete.out && grep -q 'rows after: 1' delete.out
! grep -qi error wal.out && ! grep -q readonly wal.out && grep -q 'rows after: 2' wal.out
grep -q 'finds: 1' delete.out && grep -q 'finds: 2' wal.out

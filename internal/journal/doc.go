// Package journal keeps entries on the local disk until they are moved elsewhere. An entry whose Append returned nil survives a kill of the
// process and a loss of power.
//
// No library does all of it: tidwall/wal has no checksums and writes on in a file whose last write or sync failed; etcd's wal and
// hashicorp/raft-wal store Raft entries alone and refuse a log that is damaged in the middle.
//
// # Files
//
// Several processes may share one directory. Each has a folder of its own in it, node-<database>-<random>, and holds a lock (flock) on the
// folder's file "owner". A folder whose lock is free belongs to a process that is gone: the next Open or Drain of the same database takes its
// files over. Folders of another database are left where they are, counted and logged.
//
// A folder holds segments, <number>-<random>.seg; the numbers grow, within a folder and nearly so between folders (they are nanoseconds of the
// clock). A segment is a header and records, all integers big-endian:
//
//	header  64 octets  magic (8), version (4), zero (4), database (32), salt (12), CRC32C of the 60 octets before
//	record  12 octets  length (4), CRC32C of the payload (4), CRC32C of the segment's seed, the record's offset (8) and the 8 octets before
//	                   payload (0 … 1 MiB)
//
// The seed is the header's checksum, and the salt is random: no record is valid in another file or at another place, so octets that a file
// system shows from earlier use are never taken for a record.
//
// # Writing
//
// All entries that wait while the disk is busy are one group (at most 4 MiB): one write and one fdatasync. A header is synced, and so is the
// folder, before the first group. If a write or a sync fails, nobody in the group is acknowledged, the file is cut to its last
// acknowledged length and closed, and the next group begins another file: the kernel may report a failed sync only once, and drop the pages.
//
// # Torn or damaged
//
// A group can be cut short by a crash, and its octets can reach the disk in any order. In the newest segment of a process that is gone, what
// follows the last valid record is a torn tail if no valid record comes after it and it is no longer than a group: it was never
// acknowledged, or it is unreadable. The tail is cut and logged. A segment without a whole header is torn too, and removed: headers are
// synced before any record. Everything else is damage:
//
//   - a record with a wrong checksum that valid records follow, in any segment;
//   - an invalid end of a segment that is not the newest, or one longer than a group;
//   - a read error.
//
// Of a damaged segment the records before and after the damage are used. If a record's own header is wrong, the next valid header is searched
// for octet by octet. Once its good records are drained, the file is renamed to aside-damaged-<name>. A file whose header is
// wrong is renamed at once: aside-no-journal-, aside-header-, aside-version-, aside-database- or aside-unreadable-<name>. Files that are put aside are never
// deleted.
package journal

// Package spool keeps accounting records until a server has taken them.
//
// A record is stored before its caller is answered: in the store, or in this node's journal while the store is away. The way of a record is
// intake (limits, sealing, group, store or journal), delivery (claim, turn, attempt, verdict) and settlement (the outcome is written). The
// first attempt may be the caller's own (Held). A node that is killed leaves its lease, and any other node goes on after it.
//
// Records of one session are delivered in their order, those of different sessions side by side. A silent server is tried with one record at a
// time: each second if it answered before, otherwise less and less often. When it answers, it gets all of them. A record that no server takes
// until its time is over is parked. Records are dropped by hand, or with their account, and in no other way.
package spool

// Package spool keeps accounting records until a server has taken them.
//
// A record is stored before anybody is told that it is taken: in the store, or in this node's journal while the store is away. Whichever
// node is up delivers it: nodes claim records with a lease (package claims). Records of one session go out in their order, and those of different
// sessions side by side. A server that is silent is tried with one record each second if it answered before, else ever more rarely, and gets all of them when it is back. What no
// server has taken until its time is over is parked. Nothing is dropped but by hand, or with its account.
package spool

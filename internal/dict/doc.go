// Package dict holds attribute dictionaries: their entries in two spellings
// (JSON and FreeRADIUS text), the compiled form that requests use, and the
// dictionaries that the service ships.
//
// The life of a dictionary:
//
//	bytes --ParseJSON/ParseText--> []Entry --Compile--> *Compiled --NewSet--> *Set
//
// Entries are what is stored and shown. A Compiled is immutable and compact, and
// keeps no entry. A Set is an ordered list of Compileds, searched left to right;
// the first that holds a name, number or value name wins. Many Sets share one
// Compiled.
//
// # Identity
//
// An attribute is identified by its vendor, the chain of its parents and its
// number, never by its name or its address in memory: a value name that one
// dictionary gives to Service-Type serves the Service-Type of every other.
//
// # What a dictionary may not do
//
// Within one dictionary a name stands for one identity (ASCII case aside). A
// second name for an identity already defined has to be marked "alias": true in
// JSON, so that a redefinition is never an accident. An alias may have a type of
// its own. A search by number finds the name that is no alias, or else the first.
// Text has no such mark; its parser sets it as FreeRADIUS reads the lines (see
// textParser.define). Two dictionaries of a Set may contradict each other in
// everything. The formats of vendors hold for all of a Set: see Set.Vendor.
package dict

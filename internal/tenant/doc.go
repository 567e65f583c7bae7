// Package tenant keeps what requests need of every warm account in memory.
//
// Three layers, each made from the one before:
//
//   - A state is what the store holds of one account: its row, its AAA document (sealed),
//     its dictionaries and state machine tables, compiled, and its users files, parsed. Only
//     loading a cold account and a change of it read the store.
//   - A Level is one document compiled: servers with their clients, rules bound to
//     each server's dictionaries, the tables that it names. It belongs to the account that owns the document and is
//     shared by all accounts that inherit it.
//   - A Plan is what one account's requests run by: for each operation the Levels to
//     try, in order. It is read through an atomic pointer.
//
// A change of an account drops the Levels and Plans that were made of it; they are
// made anew from the states, without the store, when next asked for. A request
// keeps the Plan that it started with.
package tenant

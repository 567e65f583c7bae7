// Package bans scores refused logins and bans who has too many.
//
// A subject is one value of one request key, of the requests of one account: a document's member bans names the keys. A refused
// login adds points to each of its subjects. At the document's max_score the subject's ban begins: its points are spent, and until
// the ban ends its logins are answered at once. Points are forgotten reset_time after the last one. Neither a request during a ban
// nor an accepted login changes points or bans.
//
// A Board keeps the subjects of all accounts in memory, within bounds, and decides by memory alone. Once a second it writes what it
// has counted to the store, in batches, and reads what other nodes have. While the store is away it goes on counting by itself.
//
// The store knows a subject by a MAC. Its value is stored from the beginning of a ban only: it may be a password in the wrong field.
package bans

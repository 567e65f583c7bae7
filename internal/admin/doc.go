// Package admin holds the use cases of configuration: accounts, documents, dictionaries, tables, users files, clients and tokens; and
// those of the accounting records that no server has taken yet, and of bans. What it takes and returns is plain data, with secrets masked. It knows no HTTP: the API is one of its callers.
//
// A caller has passed the gate of package operations, which checks its token, that the account is within its reach, that its scope allows the
// operation, and the form of what it sent. What depends on more than that is checked here, by the Caller. Errors unwrap to an *aaa.Error.
package admin

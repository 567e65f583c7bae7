// Package tacquitotest runs tacquito, a TACACS+ server made by others, with its own
// authenticators, authorizers and accounter, and tries the TACACS+ connection manager against
// it. It is a module of its own so that the server and what it needs are no dependency of aaa-api.
//
//	cd internal/engines/tacacs/tacquitotest && go test -race ./...
//
// The command in server is that server as a process.
package tacquitotest

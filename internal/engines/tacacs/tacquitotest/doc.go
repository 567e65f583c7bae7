// Package tacquitotest tries the TACACS+ connection manager against tacquito, a TACACS+ server
// made by others, run inside the test with its own users, authenticators and
// authorizers. It is a module of its own so that the server and what it needs are no dependency of aaa-api.
//
//	cd internal/engines/tacacs/tacquitotest && go test -race ./...
package tacquitotest

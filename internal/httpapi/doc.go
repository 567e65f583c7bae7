// Package httpapi is the HTTP API of the service: its routes and their handlers. A handler reads its request, calls one use case, of
// configuration (package admin) or of AAA (gateway.Service), and writes what that returns. How a request comes to its handler, who may
// send it and how errors are answered is package web's part.
package httpapi

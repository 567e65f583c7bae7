// Package httpapi is the HTTP API of the service: its routes, their handlers, and what those say. It holds no rule of AAA:
// documents are checked by package document, requests are run by gateway.Service. How a request comes to its handler, who may
// send it and how errors are answered is package web's part.
package httpapi

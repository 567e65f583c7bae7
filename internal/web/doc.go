// Package web takes HTTP requests to the handlers of a table of routes, and knows nothing of what those do. A Server holds
// what requests share, a Door is one listener's handler with its routes, and a Call is one request.
//
// A request passes, in this order: the prelude (request id, panic guard, verb tunnelling), chi's routing, and the gate (token,
// rate, reach, scope, query, body) of the route found. A handler is a func(*Call) error: it gives an answer, or returns an
// error, and fail in render.go is the one place that turns errors into answers.
//
// A token reaches its own account and the descendants. Whatever else a URL names answers exactly as if it did not exist.
package web

// Package httpapi is the HTTP side of the service: routes, credentials, tenancy,
// the envelope of answers and the rendering of errors. It holds no rule of AAA:
// documents are checked by package document, requests are run by gateway.Service.
//
// A request passes, in this order: the prelude (request id, panic guard, verb
// tunnelling), chi's routing by the table in routes.go, and the gate (token, rate,
// reach, scope, query, body) of the route found. Its handler returns an error or
// gives an answer; render.go is the one place that turns errors into answers.
//
// A token reaches its own account and the descendants. Whatever else a URL names
// answers exactly as if it did not exist.
package httpapi

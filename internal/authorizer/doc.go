// Package authorizer asks external authorisers: the names in a document's
// authz_apps other than circlemaker, registered with a URL in the system
// configuration.
//
// The question is a POST of JSON:
//
//	{"name": "jonny5", "account_id": "…", "request_id": "…", "op": "authz", "data": {…}}
//
// data holds the caller's keys. Left out are those whose name says that they
// are secrets ([aaa.SensitiveName]) and those that the account's rules put into
// hidden attributes (Question.Hidden).
//
// Two headers sign it: X-AAA-Timestamp is the time in whole seconds since 1970,
// and X-AAA-Signature is "v1=" and the hexadecimal HMAC-SHA256, keyed with the
// provider's secret, of the timestamp's text, a full stop, and the body.
// [Verify] is the receiver's side.
//
// A question whose connection turns out to be closed goes out again over another one, with the same X-Request-ID.
//
// The answer is status 200 with a JSON object of at most 64 KiB whose member
// authorized is true or false; other members are ignored. Everything else refuses:
// another status (a redirect, too, none is followed), a body that is
// not such an object, a TLS alert, silence past the time limit. A provider that is registered
// fail_open authorises by silence and by a status of 5xx, and by nothing else.
package authorizer

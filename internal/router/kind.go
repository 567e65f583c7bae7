package router

import (
	"strings"

	"aaa-api/internal/aaa"
	"aaa-api/internal/fsm"
)

// kindOf is the kind of request that enters a table: by its operation, and by what it
// brings. Tables without a line for a special kind are asked with the general one.
func kindOf(req *aaa.Request, continued bool) fsm.Event {
	switch req.Op {
	case aaa.Authn:
		switch {
		case continued:
			return fsm.REACCESS
		case req.Values["New-Password"] != nil, req.Device != nil && req.Values["new_password"] != nil:
			return fsm.PASSWD
		case only(req.Values["Service-Type"]):
			return fsm.AuthOnly
		}
		return fsm.AUTHEN
	case aaa.Authz:
		return fsm.AUTHZ
	case aaa.Accounting:
		return acctKind(req.Values["Acct-Status-Type"])
	default:
		return fsm.CUSTOM
	}
}

// only tells a Service-Type of Authenticate-Only or Authorize-Only (RFC 2865 §5.6, RFC 5176 §3.2).
func only(v any) bool {
	s, ok := v.(string)
	return ok && (strings.EqualFold(s, "Authenticate-Only") || strings.EqualFold(s, "Authorize-Only"))
}

// acctKind goes by Acct-Status-Type (RFC 2866 §5.1), in words as the dictionaries have them. Of a start that is an update too
// (RFC 8907 §7.2) the last word counts.
func acctKind(v any) fsm.Event {
	if list, ok := v.([]any); ok && len(list) > 0 {
		v = list[len(list)-1]
	}
	s, _ := v.(string)
	switch strings.ToLower(s) {
	case "start":
		return fsm.AcctStart
	case "stop":
		return fsm.AcctStop
	case "interim-update", "alive":
		return fsm.AcctAlive
	case "accounting-on":
		return fsm.AcctOn
	case "accounting-off":
		return fsm.AcctOff
	}
	return fsm.ACCT
}

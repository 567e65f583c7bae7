package router

import (
	"encoding/base64"
	"slices"
	"strings"

	"aaa-api/internal/aaa"
	"aaa-api/internal/plans"
)

// pin holds a request to the server that sent the challenge which it answers.
type pin struct {
	level   *plans.CompiledDocument
	servers [1]*plans.Server
	state   []byte // the server's own State
}

// statePrefix marks a State that this service gave out.
const statePrefix = "c1."

// stateKey is the member of requests and answers that carries it.
const stateKey = "State"

// pack makes the State of an answer: whose server it was, and the server's own State.
// It is opaque to callers but no secret: it only chooses among servers that the account has anyway.
func pack(account aaa.AccountID, server string, state []byte) string {
	b := make([]byte, 0, len(account)+len(server)+len(state)+2)
	b = append(append(b, account...), 0)
	b = append(append(b, server...), 0)
	b = append(b, state...)
	return statePrefix + base64.RawURLEncoding.EncodeToString(b)
}

// StateOf is the State of an answer whose server's own State is given.
func StateOf(account aaa.AccountID, server string, state []byte) string {
	return pack(account, server, state)
}

// takePin reads the State of a request that goes on after a challenge. A State of another form is left to the documents'
// rules; a login that brings one which no rule reads is refused, since it would go out as the first of its kind.
func takePin(plan *plans.Plan, req *aaa.Request) (*pin, error) {
	given, ok := req.Values[stateKey]
	if !ok {
		return nil, nil
	}
	text, _ := given.(string)
	wrong := func(message string) error {
		return aaa.Invalid(aaa.Field{Path: stateKey, Rule: "state", Message: message})
	}
	if !strings.HasPrefix(text, statePrefix) {
		reads := func(l *plans.CompiledDocument) bool { return l.Reads(req.Op, stateKey) }
		if req.Op == aaa.Authn && given != "" && !slices.ContainsFunc(plan.Routes[req.Op].Levels, reads) {
			return nil, wrong("is not a State of a challenge: send it back unchanged")
		}
		return nil, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(text[len(statePrefix):])
	if err != nil {
		return nil, wrong("is not a State of a challenge: send it back unchanged")
	}
	account, rest, ok1 := strings.Cut(string(b), "\x00")
	server, state, ok2 := strings.Cut(rest, "\x00")
	if !ok1 || !ok2 {
		return nil, wrong("is not a State of a challenge: send it back unchanged")
	}
	delete(req.Values, stateKey)
	for _, l := range plan.Routes[req.Op].Levels {
		if string(l.Account) != account {
			continue
		}
		if s := l.Server(server); s != nil && s.Rules[req.Op] != nil {
			return &pin{level: l, servers: [1]*plans.Server{s}, state: []byte(state)}, nil
		}
	}
	return nil, wrong("is of a server that the AAA document no longer has: begin anew without it")
}

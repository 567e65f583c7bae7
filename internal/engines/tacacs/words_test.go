package tacacs

import (
	"errors"
	"strings"
	"testing"

	"aaa-api/internal/aaa"
	"aaa-api/internal/tacacs"
)

// TestErrorWords: what a server says with an ERROR is in the error: printable, bounded, and without what the request
// holds of secrets. Where an earlier request brought an answer, nothing of it is told.
func TestErrorWords(t *testing.T) {
	t.Parallel()
	p := script(t, func(b tacacs.Body) tacacs.Body {
		switch b := b.(type) {
		case *tacacs.AuthenStart:
			if len(b.Data) == 0 {
				return getPass
			}
			return &tacacs.AuthenReply{Status: tacacs.AuthenError, ServerMsg: "no\x1b backend for " + string(b.Data), Data: tacacs.Sensitive("ldap \xff" + strings.Repeat("x", 500))}
		case *tacacs.AuthenContinue:
			if string(b.UserMsg) == "first" {
				return getData
			}
			return &tacacs.AuthenReply{Status: tacacs.AuthenError, ServerMsg: "can't check first " + string(b.UserMsg)}
		case *tacacs.AuthorRequest:
			return &tacacs.AuthorReply{Status: tacacs.AuthorError, ServerMsg: "no rules", Data: tacacs.Sensitive("line 7")}
		default:
			return &tacacs.AcctReply{Status: tacacs.AcctError, ServerMsg: "disk full"}
		}
	})
	c := open(t, p.peer, EngineOptions{})
	fails := func(err error, want string, not ...string) {
		t.Helper()
		if !errors.Is(err, errStatus) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
		for _, word := range append(not, "\x1b") {
			if strings.Contains(err.Error(), word) {
				t.Errorf("%q is in %v", word, err)
			}
		}
	}
	_, err := c.Exchange(t.Context(), request(t, aaa.Authn, "user=bob", "password=hush-hush"))
	fails(err, `server_msg "no  backend for ********", data "ldap `+"\uFFFD", "hush-hush", strings.Repeat("x", 201))
	_, err = c.Exchange(t.Context(), request(t, aaa.Authz, "user=bob"))
	fails(err, `server_msg "no rules", data "line 7"`)
	_, err = c.Exchange(t.Context(), request(t, aaa.Accounting, "user=bob"))
	fails(err, `server_msg "disk full"`)

	_, err = resume(t, c, begin(t, c), "password=second")
	fails(err, `server_msg "can't check first ********"`)
	r, err := c.Exchange(t.Context(), request(t, aaa.Authn, "user=bob", "authen_type=ascii", "password=first"))
	if err != nil || r.Outcome != aaa.Challenge {
		t.Fatal(r, err)
	}
	_, err = resume(t, c, r.State, "password=second")
	fails(err, "ERROR", "first", "second")
}

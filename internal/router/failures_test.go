package router_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
)

// complaints are the lines of the log about servers.
func (l *lab) complaints() (list []map[string]any) {
	l.t.Helper()
	for line := range bytes.Lines(l.log.Bytes()) {
		var m map[string]any
		if err := json.Unmarshal(line, &m); err != nil {
			l.t.Fatal(err)
		}
		if m["msg"] == "a server gave no answer" {
			delete(m, "time")
			delete(m, "took_us")
			list = append(list, m)
		}
	}
	return list
}

// TestFailuresAreLogged: the log says why a server gave no answer, once a second, and loudly where somebody has to mend
// something.
func TestFailuresAreLogged(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err   engines.Failure
		level string
	}{
		{engines.Failure{Reason: engines.BadReply, Attempts: 2, Err: engines.ErrUnverified}, "WARN"},
		{engines.Failure{Reason: engines.ServerError, Attempts: 1, Err: errors.New("the server answered ERROR")}, "WARN"},
		{engines.Failure{Reason: engines.Unreachable, Err: fmt.Errorf("can't resolve: %w", &net.DNSError{Name: "aaa.example", IsNotFound: true})}, "WARN"},
		{engines.Failure{Reason: engines.Unreachable, Err: syscall.ECONNREFUSED}, "DEBUG"},
		{engines.Failure{Reason: engines.NoAnswer, Attempts: 3, Err: errors.New("no reply")}, "DEBUG"},
	} {
		l := newLab(t, 10*time.Second, "a")
		l.servers["a"].err = &c.err
		for range 3 { // well within a second
			_, _ = l.ask(t.Context(), &aaa.Request{ID: "r1", Op: aaa.Authn, Values: map[string]any{"User-Name": "alice"}})
		}
		want := []map[string]any{{
			"level": c.level, "msg": "a server gave no answer", "engine": "radius", "server": "a", "address": "a:1812",
			"document": string(l.level.Account), "account": string(l.level.Account), "request_id": "r1", "operation": "authn",
			"reason": c.err.Reason.String(), "attempts": float64(c.err.Attempts), "error": c.err.Err.Error(),
		}}
		if d := cmp.Diff(want, l.complaints()); d != "" {
			t.Errorf("%v: logged (-want +got):\n%s", &c.err, d)
		}
	}
}

// TestWhatIsWrongWithReplies: the shared secret is suspected where it can be to blame, and nowhere else.
func TestWhatIsWrongWithReplies(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err  error
		want string
	}{
		{engines.ErrUnverified, "could not be verified: check the shared secret"},
		{engines.ErrNoAuthenticator, "lack the Message-Authenticator"},
		{engines.ErrMalformed, "malformed"},
		{nil, "could not be used"},
	} {
		l := newLab(t, 10*time.Second, "a")
		l.servers["a"].err = &engines.Failure{Reason: engines.BadReply, Attempts: 1, Err: c.err}
		_, err := l.ask(t.Context(), &aaa.Request{Op: aaa.Authn})
		if aaa.KindOf(err) != aaa.KindBadReply || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret") != (c.err == engines.ErrUnverified) { //nolint:errorlint // the case, not a chain
			t.Errorf("%v: %v", c.err, err)
		}
	}
}

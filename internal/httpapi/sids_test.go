package httpapi

import (
	"strings"
	"testing"

	"aaa-api/internal/aaa"
)

func TestPathsAreLoggedWithoutSIDs(t *testing.T) {
	t.Parallel()
	sid := strings.Repeat("aB3-_", 9)[:sidLength]
	id := aaa.SessionID(aaa.HashSID(sid))
	at := "/v2/accounts/" + strings.Repeat("a", 32) + "/aaa"
	for path, want := range map[string]string{
		"": "", "/": "/", at + "/authn": at + "/authn", at + "/sessions": at + "/sessions", at + "/sessions/": at + "/sessions/",
		at + "/sessions/" + sid:                at + "/sessions/" + id,
		at + "/sessions/" + sid + "/continue":  at + "/sessions/" + id + "/continue",
		at + "/sessions//" + sid + "/x/" + sid: at + "/sessions//" + id + "/x/" + id,
		at + "/sessions/" + id:                 at + "/sessions/" + id,
		at + "/sessions/" + sid[:20]:           at + "/sessions/" + aaa.SessionID(aaa.HashSID(sid[:20])),
		"/" + sid:                              "/" + id,
		at + "/fsm/" + sid + "/" + sid + "/":   at + "/fsm/" + id + "/" + id + "/",
		at + "/Sessions/" + sid + "=;x":        at + "/Sessions/" + aaa.SessionID(aaa.HashSID(sid+"=;x")),
		at + "/fsm/" + strings.Repeat("t", 42): at + "/fsm/" + strings.Repeat("t", 42),
		at + "/sessions/x/sessions/y":          at + "/sessions/" + aaa.SessionID(aaa.HashSID("x")) + "/sessions/" + aaa.SessionID(aaa.HashSID("y")),
	} {
		if got := withoutSIDs(path); got != want {
			t.Errorf("%s: got %s, want %s", path, got, want)
		}
	}
}

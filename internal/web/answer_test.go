package web

import (
	"encoding/json"
	"testing"
)

func TestAppendString(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"", "plain ~!", `a"b\c`, "<&>", "é\u2028\x00\x1f\x7f", "\xff"} {
		want, err := json.Marshal(s)
		ok(t, err)
		if got := string(AppendString(nil, s)); got != string(want) {
			t.Errorf("%q: got %s, want %s", s, got, want)
		}
	}
}

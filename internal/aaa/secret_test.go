package aaa

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

// TestSecretsArePrintedNowhere: neither fmt nor JSON nor a log shows a Secret, be it by itself, in a struct or behind a pointer.
func TestSecretsArePrintedNowhere(t *testing.T) {
	t.Parallel()
	s := NewSecret("hush")
	type holder struct {
		Shown  Secret
		hidden Secret
	}
	h := holder{s, s}
	for _, v := range []any{s, &s, h, &h, []Secret{s}, map[string]Secret{"x": s}, fmt.Errorf("wrong: %v", s)} {
		var shown strings.Builder
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			fmt.Fprintf(&shown, verb+"\n", v)
		}
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		shown.Write(text)
		for _, log := range []slog.Handler{slog.NewTextHandler(&shown, nil), slog.NewJSONHandler(&shown, nil)} {
			slog.New(log).Info("about", "what", v)
		}
		if strings.Contains(shown.String(), "hush") || strings.Contains(shown.String(), "68757368") {
			t.Errorf("%T: %s", v, shown.String())
		}
	}
}

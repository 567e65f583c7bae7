package schema

import (
	"strings"
	"testing"
)

func TestNear(t *testing.T) {
	t.Parallel()
	known := []string{"nas_port", "nas_address", "workers", "to"}
	for name, want := range map[string]string{
		"nas_prot": "nas_port", "nasport": "nas_port", "worker": "workers", "wrkrs": "", "x": "", "ot": "", "timeout": "",
		"workers": "", strings.Repeat("nas_port", 1000): "",
	} {
		if got := Near(name, known); got != want {
			t.Errorf("%.20s: %q, want %q", name, got, want)
		}
	}
}

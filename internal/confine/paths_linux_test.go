package confine

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestWiden: a path gives the folders that it leads through after a change of its files, and no more.
func TestWiden(t *testing.T) {
	t.Parallel()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	in := func(name string) string { return filepath.Join(dir, name) }
	err = errors.Join(
		os.MkdirAll(in("certs/release-1/pem"), 0o700), os.MkdirAll(in("live"), 0o700), os.MkdirAll(in("home/data"), 0o700),
		os.WriteFile(in("certs/release-1/pem/tls.crt"), nil, 0o600),
		os.Symlink("release-1", in("certs/current")),
		os.Symlink("../certs/current/pem/tls.crt", in("live/tls.crt")),
		os.Symlink(in("certs/release-1"), in("home/out")),
		os.Symlink(in("certs/release-1"), in("certs/absolute")),
		os.Symlink("b", in("loop")), os.Symlink("loop", in("b")),
	)
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string][]string{
		"home/data":                     {"home/data"},
		"certs/release-1/pem/tls.crt":   {"certs/release-1/pem"},
		"certs/current/pem/tls.crt":     {"certs", "certs/current/pem", "certs/release-1/pem"},
		"certs/absolute/pem/tls.crt":    {"certs", "certs/absolute/pem", "certs/release-1/pem"},
		"live/tls.crt":                  {"certs", "live", "certs/release-1/pem"},
		"home/out/pem/tls.crt":          {"home/out/pem", "certs/release-1/pem"}, // it leads elsewhere
		"certs/release-1/../current":    {"certs", "certs/current"},
		"live/../certs/current/pem/../": {"certs", "certs/current"},
	} {
		given, err := widen(in(path))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, g := range given {
			name, err := filepath.Rel(dir, g.path)
			if err != nil || !g.folder {
				t.Errorf("%s: %+v %v", path, g, err)
			}
			got = append(got, name)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s gives %v, not %v", path, got, want)
		}
	}
	if _, err := widen(in("loop")); err == nil {
		t.Error("a link to itself leads somewhere")
	}
}

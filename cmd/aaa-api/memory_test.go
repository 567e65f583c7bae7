package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestContainerLimit(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		files map[string]string
		group string
		want  int64
	}{
		"none":             {want: 0},
		"no bound":         {files: map[string]string{"memory.max": "max\n"}, want: 0},
		"a container":      {files: map[string]string{"memory.max": "536870912\n"}, group: "0::/\n", want: 512 << 20},
		"a unit":           {files: map[string]string{"system.slice/aaa/memory.max": "1073741824\n"}, group: "0::/system.slice/aaa\n", want: 1 << 30},
		"the least counts": {files: map[string]string{"memory.max": "1073741824", "a/memory.max": "536870912"}, group: "0::/a\n", want: 512 << 20},
		"version 1":        {files: map[string]string{"memory/memory.limit_in_bytes": "536870912\n"}, group: "4:memory:/\n", want: 512 << 20},
		"version 1, none":  {files: map[string]string{"memory/memory.limit_in_bytes": "9223372036854771712\n"}, want: 0},
		"nonsense":         {files: map[string]string{"memory.max": "-5"}, want: 0},
	} {
		root := t.TempDir()
		for file, text := range c.files {
			path := filepath.Join(root, file)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		groups := filepath.Join(root, "groups")
		if err := os.WriteFile(groups, []byte(c.group), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := containerLimit(root, groups); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

func TestIsTight(t *testing.T) {
	t.Parallel()
	const limit = 1000
	for _, c := range []struct {
		before         bool
		live, resident int64
		want           bool
	}{
		{false, 700, 960, false},
		{false, 750, 800, true},
		{false, 100, 970, true},
		{true, 700, 800, true},
		{true, 600, 920, false},
		{true, 600, 960, true},
	} {
		if got := isTight(c.before, memory{live: c.live, resident: c.resident}, limit); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
	if m := readMemory(); m.live <= 0 || m.resident < m.live/2 {
		t.Errorf("%+v", m)
	}
}

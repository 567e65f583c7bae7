package confine

import (
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestLookupUser compares every user of this system with what id(1) says of them.
func TestLookupUser(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("/etc/passwd")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for line := range strings.Lines(string(text)) {
		fields := strings.Split(line, ":")
		if len(fields) < 4 || fields[2] == "0" {
			continue
		}
		seen++
		u, err := LookupUser(fields[0])
		if err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command("id", "-G", fields[0]).Output()
		if err != nil {
			t.Fatal(err)
		}
		want := strings.Fields(string(out)) // the primary group is first
		var got []string
		for _, gid := range append([]uint32{u.GID}, u.Groups...) {
			got = append(got, strconv.FormatUint(uint64(gid), 10))
		}
		slices.Sort(want[1:])
		slices.Sort(got[1:])
		if !slices.Equal(got, want) || strconv.FormatUint(uint64(u.UID), 10) != fields[2] {
			t.Errorf("%s: %d, %v, not %v", fields[0], u.UID, got, want)
		}
		byNumber, err := LookupUser(fields[2])
		if err != nil || byNumber.UID != u.UID {
			t.Errorf("%s: %v %v", fields[2], byNumber, err)
		}
		c := u.Credential()
		if c.Uid != u.UID || c.Gid != u.GID || !slices.Equal(c.Groups, u.Groups) || c.NoSetGroups {
			t.Errorf("%v of %v", c, u)
		}
	}
	if seen == 0 {
		t.Fatal("there is no user but root")
	}
}

func TestLookupUserAndGroup(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]User{
		"54321:54322":    {UID: 54321, GID: 54322},
		"nobody:1":       {UID: 65534, GID: 1},
		"nobody:nogroup": {UID: 65534, GID: 65534},
		"54321:nogroup":  {},
	} {
		u, err := LookupUser(name)
		if (want.UID == 0) != (err != nil) || err == nil && (u.UID != want.UID || u.GID != want.GID || len(u.Groups) > 0) {
			t.Errorf("%s: %v %v", name, u, err)
		}
	}
}

func TestUserThatIsNotThere(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"":                     "the name is empty",
		"no-such-user":         "'useradd --system --no-create-home --shell /usr/sbin/nologin no-such-user'",
		"no-such-user:nogroup": "useradd",
		"54321":                "as in 54321:54321",
		"nobody:":              "the name of the group is empty",
		"nobody:no-such-group": "'groupadd --system no-such-group'",
		"54321:no-such-group":  "54321",
		"root":                 "is root",
		"0":                    "is root",
		"0:0":                  "is root",
		"4294967295:1":         "useradd",
		"18446744073709551617": "useradd",
		"-1":                   "useradd",
		"nobody:4294967295":    "4294967295",
	} {
		if _, err := LookupUser(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

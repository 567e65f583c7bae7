package main

import (
	"io"
	"strings"
	"testing"
	"time"

	"aaa-api/internal/operations"
)

// TestClientTables: what devices are called and why they are unknown can't break a table.
func TestClientTables(t *testing.T) {
	t.Parallel()
	lines := func(table func(p *page) error) []string {
		t.Helper()
		var out strings.Builder
		if err := table(&page{out: &out}); err != nil {
			t.Fatal(err)
		}
		return strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	}
	at := time.Date(2027, 1, 31, 12, 0, 0, 0, time.Local)
	uses := []operations.ClientUse{
		{Account: demoTenant, Name: "office-ap", Enabled: true, Address: "127.3.1.0/24", Requests: 17, Previous: 2, LastSeen: at},
		{Account: demoTenant, Name: "vpn"},
	}
	got := lines(func(p *page) error { return p.print(uses, func(w io.Writer) { clientTable(w, uses) }) })
	if len(got) != 3 || strings.Join(strings.Fields(got[1]), " ") != string(demoTenant)+" office-ap 127.3.1.0/24 true 17 2 2027-01-31 12:00:00" ||
		strings.Join(strings.Fields(got[2]), " ") != string(demoTenant)+" vpn - false 0 0 -" {
		t.Errorf("%q", got)
	}
	unknown := []operations.UnknownDevice{{Address: "192.0.2.7", Protocol: "radius", Packets: 3, Last: at, Reason: "a\x1b[2Jb"}}
	got = lines(func(p *page) error { return p.print(unknown, func(w io.Writer) { unknownTable(w, unknown) }) })
	if len(got) != 2 || !strings.HasSuffix(got[1], `"a\x1b[2Jb"`) {
		t.Errorf("%q", got)
	}
}

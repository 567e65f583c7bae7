package operations

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"aaa-api/internal/aaa"
	"aaa-api/internal/line"
)

// clientsInOrder are some clients in order.
type clientsInOrder []ClientUse

func (d clientsInOrder) Clients(start ClientKey, limit int) (list []ClientUse, next ClientKey) {
	for _, c := range d {
		switch key := (ClientKey{c.Account, c.Name}); {
		case c.Account < start.Account || c.Account == start.Account && c.Name < start.Name:
		case len(list) == limit:
			return list, key
		default:
			list = append(list, c)
		}
	}
	return list, ClientKey{}
}

func (d clientsInOrder) Unknown() []UnknownDevice {
	return []UnknownDevice{{Address: "192.0.2.7", Protocol: "radius", Packets: 3, Last: time.Unix(9, 0).UTC(), Reason: "no client has this address"}}
}

// TestOperatorsSeeClients: those of one account and of all below it, in pages, and the addresses that nobody knows.
func TestOperatorsSeeClients(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	all := make(clientsInOrder, 0, 3*clientPage/2)
	for i := range 3 * clientPage / 2 {
		account := s.root
		if i%2 == 1 {
			account = s.child
		}
		all = append(all, ClientUse{Account: account, Name: fmt.Sprintf("c%04d", i), Requests: uint64(i)}) //nolint:gosec // small
	}
	slices.SortFunc(all, func(a, b ClientUse) int {
		return cmp.Or(strings.Compare(string(a.Account), string(b.Account)), strings.Compare(a.Name, b.Name))
	})
	parts := *s.parts
	parts.Local = &Local{Devices: all}
	read := func(account aaa.AccountID) (list clientsInOrder) {
		t.Helper()
		for q := (AskClients{Account: account}); ; {
			page, err := OperatorClients.Call(t.Context(), parts.Operators(), line.From{}, q)
			ok(t, err)
			list = append(list, page.Clients...)
			if q.Start = page.Next; q.Start == (ClientKey{}) {
				return list
			}
		}
	}
	if diff := gocmp.Diff(all, read("")); diff != "" {
		t.Errorf("all clients (-want +got):\n%s", diff)
	}
	if got := read(s.child); len(got) != len(all)/2 || got[0].Account != s.child {
		t.Errorf("%d clients of the child", len(got))
	}
	got, err := OperatorUnknownDevices.Call(t.Context(), parts.Operators(), line.From{}, None{})
	ok(t, err)
	if diff := gocmp.Diff(all.Unknown(), got.Devices); diff != "" {
		t.Errorf("unknown devices (-want +got):\n%s", diff)
	}
	parts.Local = &Local{}
	if got := read(""); len(got) != 0 {
		t.Errorf("a node without listeners for devices has %v", got)
	}
}

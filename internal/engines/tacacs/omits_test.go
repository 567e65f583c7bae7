package tacacs

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aaa-api/internal/aaa"
	"aaa-api/internal/tacacs"
)

// TestOmits: what is said to be omitted changes no packet, whatever its value.
func TestOmits(t *testing.T) {
	t.Parallel()
	p := script(t, func(b tacacs.Body) tacacs.Body {
		switch b.(type) {
		case *tacacs.AuthenStart:
			return &tacacs.AuthenReply{Status: tacacs.AuthenPass}
		case *tacacs.AuthorRequest:
			return &tacacs.AuthorReply{Status: tacacs.AuthorPassAdd}
		default:
			return &tacacs.AcctReply{Status: tacacs.AcctSuccess}
		}
	})
	c := open(t, p.peer, EngineOptions{})
	attributes := []*aaa.Attribute{
		aaa.NewArgument("cmd"),
		{Name: "priv-lvl", Vendor: &vendor, Number: aaa.FirstArgument, Type: aaa.TypeString},
		{Name: "Cisco-AVPair", Vendor: &aaa.Vendor{Number: 9}, Number: 1},
		{Name: "inner", Parent: &aaa.Attribute{Number: 241, Type: aaa.TypeExtended}, Number: radiusUserName},
	}
	for n := uint32(1); n <= fieldCHAPResponse; n++ {
		attributes = append(attributes, &aaa.Attribute{Name: "field", Vendor: &vendor, Number: n})
	}
	for n := uint32(1); n <= 255; n++ {
		attributes = append(attributes, &aaa.Attribute{Name: "standard", Number: n})
	}
	for op, base := range map[aaa.Op][]string{
		aaa.Authn:      {"user=bob", "password=hush"},
		aaa.Authz:      {"user=bob", "service=shell"},
		aaa.Accounting: {"user=bob", "task_id=1", "Event-Timestamp=1"},
		aaa.Custom:     {"user=bob", "service=shell"},
	} {
		plain := request(t, op, base...)
		body := func(more ...aaa.AVP) tacacs.Body {
			r := *plain
			r.AVPs = slices.Concat(plain.AVPs, more)
			if _, err := c.Exchange(t.Context(), &r); err != nil {
				t.Fatalf("%s with %s: %v", op, more[0].Attr.Name, err)
			}
			p.mu.Lock()
			defer p.mu.Unlock()
			return p.got[len(p.got)-1]
		}
		want, omitted := body(), 0
		for _, a := range attributes {
			if !c.Omits(op, a) {
				continue
			}
			omitted++
			if d := cmp.Diff(want, body(aaa.AVP{Attr: a, Value: []byte("1234")})); d != "" {
				t.Errorf("%s omits %s %d, and yet its packet changes: %s", op, a.Name, a.Number, d)
			}
		}
		if omitted < 200 {
			t.Errorf("%s omits %d attributes of RADIUS, which nothing of it has room for", op, omitted)
		}
	}
	for _, name := range []string{"user", "User-Name", "priv_lvl", "Calling-Station-Id"} {
		for op := range aaa.Op(aaa.NumOps) {
			if c.Omits(op, plainAttribute(t, name)) {
				t.Errorf("%s omits %s", op, name)
			}
		}
	}
	for op, names := range map[aaa.Op][]string{
		aaa.Authn: {"password", "User-Password", "State", "action"}, aaa.Authz: {"cmd", "authen_method"},
		aaa.Accounting: {"cmd", "Acct-Status-Type", "Acct-Session-Id", "Acct-Input-Octets"},
	} {
		for _, name := range names {
			if c.Omits(op, plainAttribute(t, name)) {
				t.Errorf("%s omits %s", op, name)
			}
		}
	}
}

func plainAttribute(t *testing.T, name string) *aaa.Attribute {
	t.Helper()
	a := testDicts(t).ByName(name)
	if a == nil {
		t.Fatalf("no attribute %s", name)
	}
	return a
}

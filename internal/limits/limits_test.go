package limits

import (
	"net/netip"
	"slices"
	"testing"

	"aaa-api/internal/aaa"
)

func set(pairs ...int64) *aaa.Limits {
	l := aaa.NoLimits()
	for i := 0; i < len(pairs); i += 2 {
		l[pairs[i]] = pairs[i+1]
	}
	return &l
}

func TestResolution(t *testing.T) {
	t.Parallel()
	const tokens, packets, tables = aaa.LimitTokens, aaa.LimitPacketsPerRequest, aaa.LimitTables
	check := func(what string, v *Values, l aaa.Limit, allowed int64, from aaa.AccountID) {
		t.Helper()
		if got := v.Of(l); got != (Value{allowed, from}) {
			t.Errorf("%s of %s is %+v, want %d of %q", l.Name(), what, got, allowed, from)
		}
	}
	root := Root("root", nil)
	check("root", root, tokens, Unlimited, "")
	check("root", root, packets, 64, "")
	reseller := root.Below("reseller", nil)
	check("reseller", reseller, tokens, 1000, "")
	reseller = root.Below("reseller", set(int64(tokens), 5000, int64(tables), 0, int64(packets), 100))
	check("reseller", reseller, tokens, 5000, "reseller") // more than the default, as the root account has no limit
	check("reseller", reseller, packets, 100, "reseller")
	customer := reseller.Below("customer", set(int64(tokens), 9000, int64(tables), 3))
	check("customer", customer, tokens, 5000, "reseller") // no more than the account above has
	check("customer", customer, tables, 0, "reseller")
	customer = reseller.Below("customer", set(int64(tokens), 7))
	check("customer", customer, tokens, 7, "customer")
	check("customer", customer, packets, 100, "reseller")
	if customer.Below("leaf", nil) != customer {
		t.Error("an account that sets nothing has limits of its own")
	}

	root = Root("root", set(int64(tokens), 50, int64(packets), 8))
	check("root", root, tokens, Unlimited, "")
	check("root", root, packets, 8, "root")
	check("reseller", root.Below("reseller", nil), tokens, 50, "root")
	check("reseller", root.Below("reseller", set(int64(tokens), 60)), tokens, 60, "reseller") // the root's are defaults, no bounds
	check("customer", root.Below("reseller", nil).Below("customer", set(int64(tokens), 60)), tokens, 50, "root")
}

func TestAccountBeforeItsLimitsAreKnown(t *testing.T) {
	t.Parallel()
	a := NewAccount("a")
	if got := a.Of(aaa.LimitTokens); got != 1000 {
		t.Errorf("%d", got)
	}
}

func TestWithin(t *testing.T) {
	t.Parallel()
	list := func(texts ...string) []netip.Prefix {
		var l []netip.Prefix
		for _, s := range texts {
			l = append(l, netip.MustParsePrefix(s))
		}
		return l
	}
	for _, c := range []struct{ granted, above, want []netip.Prefix }{
		{list("127.0.0.0/8", "fd00::/8"), Everywhere, list("127.0.0.0/8", "fd00::/8")},
		{list("127.0.0.1/32"), list("127.0.0.0/8"), list("127.0.0.1/32")},
		{list("127.0.0.0/8"), list("127.0.0.1/32", "127.0.0.2/32"), list("127.0.0.1/32", "127.0.0.2/32")},
		{list("10.0.0.0/8"), list("127.0.0.0/8"), nil},
		{list("0.0.0.0/0"), list("::/0"), nil},
		{list("10.0.0.0/8", "10.1.0.0/16"), list("10.1.0.0/16"), list("10.1.0.0/16")},
		{nil, Everywhere, nil},
		{list("10.0.0.0/8"), nil, nil},
	} {
		if got := Within(c.granted, c.above); !slices.Equal(got, c.want) {
			t.Errorf("%v within %v is %v, want %v", c.granted, c.above, got, c.want)
		}
	}
}

package document

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func rule(key, attribute, out, back string) string {
	return `{"request_key":"` + key + `","attribute":"` + attribute + `","request_value_regexp":"` + out + `","attr_value_regexp":"` + back + `"}`
}

func TestWarnings(t *testing.T) {
	t.Parallel()
	const all = "^(.*)$"
	for name, c := range map[string]struct {
		patch string
		want  []string
	}{
		"none": {`"authz_apps":["circlemaker"]`, nil},
		"authorisers": {
			`"authz_apps":["known","jonny5","circlemaker"]`, []string{"authz_apps.1 unregistered"},
		},
		"engines, unused servers": {
			`"authz_apps":[],"authorization":[],"servers":[` + serverWith(`{"aaa_engine":"tacacs"}`) + `,` + serverWith(`{"name":"b","enabled":false}`) + `],"custom":["s"]`,
			[]string{"servers.0.aaa_engine engine", "servers.1.name unused"},
		},
		"unknown attributes": {
			`"authz_apps":[],"authn_avp_translation":[` + rule("k", "user-name", all, all) + `,` + rule("k", "Nope", all, all) + `],
			 "accounting_avp_translation":[` + rule("k", "3GPP-IMSI", all, all) + `]`,
			[]string{"authn_avp_translation.1.attribute unknown_attribute"},
		},
		// An attribute that one of the operation's strict servers has is sent there.
		"one server has it": {
			`"authz_apps":[],"authorization":["a","b"],"authentication":["a"],"accounting":["c"],"servers":[` + serverWith(`{"name":"a"}`) + `,` + serverWith(`{"name":"b","dicts":["dictionary_3gpp"]}`) + `,` + serverWith(`{"name":"c","avp":"custom"}`) + `],
			 "authz_avp_translation":[` + rule("k", "3GPP-IMSI", all, all) + `,` + rule("k", "User-Name", all, all) + `],
			 "authn_avp_translation":[` + rule("k", "3GPP-IMSI", all, all) + `],
			 "accounting_avp_translation":[` + rule("k", "Attr-26.1.1", all, all) + `]`,
			[]string{"authn_avp_translation.0.attribute unknown_attribute"},
		},
		"no servers": {
			`"authz_apps":[],"authorization":[],"servers":[],"authz_avp_translation":[` + rule("k", "Nope", all, all) + `]`, nil,
		},
		"deadline": {
			`"authz_apps":[],"authorization":["a","b","c","d"],"servers":[` + serverWith(`{"name":"a","timeout":10000,"retries":2}`) + `,` +
				serverWith(`{"name":"b","timeout":9999,"retries":2}`) + `,` + serverWith(`{"name":"c","timeout":30000,"retries":0}`) + `,` + serverWith(`{"name":"d","retries":5}`) + `]`,
			[]string{"servers.0.timeout deadline", "servers.2.timeout deadline", "servers.3.timeout deadline"},
		},
		"reserved": {
			`"authz_apps":[],"authz_avp_translation":[` + rule("server", "User-Name", all, all) + `,` + rule("Server", "User-Name", all, all) + `,` + rule("trace", "User-Name", all, all) + `]`,
			[]string{"authz_avp_translation.0.request_key reserved", "authz_avp_translation.2.request_key reserved"},
		},
		"shadowed": {
			`"authz_apps":[],"authz_avp_translation":[` +
				rule("k", "User-Name", all, "^a(.*)$") + `,` + // 0: the value goes out again with 2
				rule("k", "User-Password", all, all) + `,` + // one key, two attributes: meant
				rule("k", "user-name", all, "^b(.*)$") + `,` +
				rule("l", "User-Name", all, all) + `,` + // another key for the attribute: meant
				rule("m", "User-Name", "^c(.*)$", all) + `,` + // 4: comes back again with 5
				rule("m", "User-Name", "^d(.*)$", all) + `,` +
				rule("n", "User-Name", "^e(.*)$", "^e(.*)$") + `,` + // alternatives: meant
				rule("n", "User-Name", "^f(.*)$", "^f(.*)$") + `]`,
			[]string{"authz_avp_translation.0 shadowed", "authz_avp_translation.4 shadowed"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := NewPreparer(newCatalog(t), vault{}, radiusOnly{},
				WithAuthorizers(func(_ context.Context, name string) bool { return name == "known" }), WithDeadline(30*time.Second))
			got, err := p.Prepare(t.Context(), account, patched(t, "{"+c.patch+"}"), nil)
			if err != nil {
				t.Fatal(err)
			}
			var list []string
			for _, w := range got.Warnings {
				if w.Message == "" {
					t.Errorf("%+v has no message", w)
				}
				list = append(list, w.Path+" "+w.Rule)
			}
			if diff := cmp.Diff(c.want, list); diff != "" {
				t.Errorf("warnings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	long := "a23456789012345678901234567890123456789012345678901234567890123"
	for address, want := range map[string]bool{
		"127.0.0.1": true, "::1": true, "2001:db8::1": true, "::ffff:192.0.2.1": true, "radius.example.org": true, "radius": true,
		"radius.example.org.": true, "3com.example": true, "a-b.c-d": true, "xn--bcher-kva.example": true, long: true, long + ".a": true,
		"": false, ".": false, "a..b": false, ".a": false, "-a.b": false, "a-.b": false, "a_b": false, "a b": false, long + "4": false,
		"bücher.example": false, "256.1.1.1": false, "1.2.3": false, "10": false, "127.0.0.1:1812": false, "[::1]": false, "fe80::1%eth0": false,
		"0.0.0.0": false, "::": false, "224.0.0.1": false, "ff02::1": false, "255.255.255.255": false, "a\n": false, "http://a": false,
		long + "." + long + "." + long + "." + long: false,
	} {
		if got := validAddress(address); got != want {
			t.Errorf("validAddress(%q) = %v, want %v", address, got, want)
		}
	}
}

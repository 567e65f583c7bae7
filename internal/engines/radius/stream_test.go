package radius

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
	"aaa-api/internal/engines/enginetest"
	"aaa-api/internal/radius"
	"aaa-api/internal/translate"
)

// TestFilterRules: rules go out as one stream, joined by a zero octet and cut at 253 (RFC 4849 §2), and come back as an array; rules
// of a server that writes one an attribute do so too.
func TestFilterRules(t *testing.T) {
	t.Parallel()
	set := system(t)
	long := "permit in ip from any to " + strings.Repeat("x", 300)
	p, err := translate.Compile("authn_avp_translation", []aaa.Rule{
		{RequestKey: "filter", Attribute: "NAS-Filter-Rule", RequestValue: `^(.*)$`, AttrValue: `^(.*)$`},
		{RequestKey: "last", Attribute: "NAS-Filter-Rule", RequestValue: `^(.*)$`, AttrValue: `^(deny .*)$`},
	})
	if err != nil {
		t.Fatal(err)
	}
	b := p.Bind(set, aaa.Strict)
	rules := []any{"permit in tcp from any to any 80", long, "deny out ip from any to any"}
	avps, err := b.Out(t.Context(), nil, map[string]any{"filter": rules[:2], "last": rules[2]}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	packet, err := built(t, &engines.Request{Dict: set, AVPs: avps})
	if err != nil {
		t.Fatal(err)
	}
	var stream []byte
	for rest := packet.enc.Packet[radius.HeaderLen:]; len(rest) > 0; rest = rest[rest[1]:] {
		if rest[0] == 92 {
			stream = append(stream, rest[2:rest[1]]...)
			if more := rest[rest[1]:]; len(more) > 0 && more[0] == 92 && rest[1] != 255 {
				t.Errorf("cut at %d octets", rest[1]-2)
			}
		}
	}
	if want := fmt.Sprintf("%s\x00%s\x00%s", rules...); string(stream) != want {
		t.Errorf("%q", stream)
	}
	keys, _, _ := b.Back(t.Context(), back(packet, set), nil, nil)
	if got, ok := keys["filter"].([]any); !ok || !slices.Equal(got, rules) || keys["last"] != rules[2] {
		t.Errorf("came back as %q", keys)
	}
	if shown := set.JSON(set.ByName("NAS-Filter-Rule"), stream); !slices.Equal(shown.([]any), rules) {
		t.Errorf("shown as %q", shown)
	}
	_, err = b.Out(t.Context(), nil, map[string]any{"filter": slices.Repeat([]any{long}, 20)}, nil, nil)
	if aaa.KindOf(err) != aaa.KindBadInput {
		t.Errorf("more than a packet holds: %v", err)
	}
	for _, value := range []any{"permit\x00deny", []any{"permit", "deny\x00"}} { // would arrive as other rules than were asked for
		if _, err = b.Out(t.Context(), nil, map[string]any{"filter": value}, nil, nil); aaa.KindOf(err) != aaa.KindBadInput {
			t.Errorf("%q: %v", value, err)
		}
	}
}

// TestFreeRADIUSValues: FreeRADIUS writes and reads filter rules as one stream, and its prefix without zero octets is one.
func TestFreeRADIUSValues(t *testing.T) {
	t.Parallel()
	s, d := enginetest.FreeRADIUS(t), system(t)
	c := freeRADIUSClient(t, s, s.AuthAddr, s.Secret)
	second := "permit in ip from any to 192.0.2.1 " + strings.Repeat("x", 200)
	r, err := c.Exchange(t.Context(), &engines.Request{Op: aaa.Authn, Dict: d, AVPs: list(t, d, "User-Name", "values", "User-Password", "correct horse")})
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Join([]string{
		"Framed-IPv6-Prefix=2001:db8:a::/64", "Attr-123=0x008120010db8", "Reply-Message=Grüße",
		"NAS-Filter-Rule=permit in tcp from any to any 80", "NAS-Filter-Rule=" + second, "NAS-Filter-Rule=deny out ip from any to any",
	}, "\n")
	if got := texts(d, r.AVPs); r.Outcome != aaa.Accept || got != want {
		t.Errorf("%v\n%s\nwant\n%s", r.Outcome, got, want)
	}
	p, err := translate.Compile("authn_avp_translation", []aaa.Rule{{RequestKey: "filter", Attribute: "NAS-Filter-Rule", RequestValue: `^(.*)$`, AttrValue: `^(.*)$`}})
	if err != nil {
		t.Fatal(err)
	}
	avps, err := p.Bind(d, aaa.Strict).Out(t.Context(), list(t, d, "User-Name", "filters", "User-Password", "correct horse"), map[string]any{"filter": []any{"permit in tcp from any to any 80", second, "deny out ip from any to any"}}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err = c.Exchange(t.Context(), &engines.Request{Op: aaa.Authn, Dict: d, AVPs: avps})
	if err != nil || r.Outcome != aaa.Accept {
		t.Errorf("FreeRADIUS does not find the rule in the request: %+v, %v", r, err)
	}
}

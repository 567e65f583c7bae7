package gateway

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
)

// quiet is a client that answers at once and allocates nothing.
type quiet struct {
	health engines.Health
	reply  engines.Reply
	avps   int
}

func (q *quiet) Exchange(_ context.Context, req *engines.Request) (*engines.Reply, error) {
	q.avps = len(req.AVPs)
	return &q.reply, nil
}
func (q *quiet) Encode(*engines.Request) ([]byte, error) { return nil, nil }
func (q *quiet) Health() *engines.Health                 { return &q.health }
func (q *quiet) Retire()                                 {}

// tenRules is a document with ten rules for authn, of the common types.
func tenRules() (document string, values map[string]any) {
	values = map[string]any{}
	var rules []string
	for i, attribute := range []string{
		"User-Name", "User-Password", "Called-Station-Id", "Calling-Station-Id", "NAS-Identifier",
		"NAS-Port", "Service-Type", "Framed-IP-Address", "Acct-Session-Id", "Connect-Info",
	} {
		key, text := fmt.Sprintf("key%d", i), "some text"
		switch attribute {
		case "NAS-Port":
			text = "17"
		case "Service-Type":
			text = "Framed-User"
		case "Framed-IP-Address":
			text = "192.0.2.1"
		}
		values[key] = text
		rules = append(rules, fmt.Sprintf(`{"attribute":%q,"request_key":%q,"request_value_regexp":"^(.*)$","attr_value_regexp":"^(.*)$"}`, attribute, key))
	}
	document = strings.Replace(doc("on", "a"), `"authn_avp_translation":[`, `"authn_avp_translation":[`+strings.Join(rules, ",")+",", 1)
	return document, values
}

// TestWarmPathAllocations: from the request to the engine and back at most ten allocations.
func TestWarmPathAllocations(t *testing.T) {
	f, req, client := warmFixture(t)
	n := math.Inf(1)
	for range 5 { // what else the process does meanwhile, such as following the document's change, only adds
		n = min(n, testing.AllocsPerRun(200, func() {
			if _, err := f.gateway.Handle(f.ctx, req); err != nil {
				t.Fatal(err)
			}
		}))
	}
	if client.avps != 10 {
		t.Errorf("%d AVPs reached the engine, want 10", client.avps)
	}
	if n > 10 {
		t.Errorf("%v allocations, want at most 10", n)
	}
	t.Logf("%v allocations", n)
}

func warmFixture(t testing.TB) (*fixture, *aaa.Request, *quiet) {
	f := newFixture(t)
	document, values := tenRules()
	f.put("reseller", document)
	p, err := f.tenants.Plan(f.ctx, f.ids["customer"])
	f.must(err)
	client := &quiet{reply: engines.Reply{Outcome: aaa.Accept, Attempts: 1}}
	p.Routes[aaa.Authn].Levels[0].Lists[aaa.Authn][0].Client = client
	return f, &aaa.Request{ID: "x", Account: f.ids["customer"], Op: aaa.Authn, Values: values}, client
}

func BenchmarkWarmPath(b *testing.B) {
	f, req, _ := warmFixture(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := f.gateway.Handle(f.ctx, req); err != nil {
			b.Fatal(err)
		}
	}
}

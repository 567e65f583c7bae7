package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"

	"aaa-api/internal/aaa"
	"aaa-api/internal/dict"
	"aaa-api/internal/document"
	"aaa-api/internal/engines"
	engine "aaa-api/internal/engines/radius"
	"aaa-api/internal/plans"
	"aaa-api/internal/secmod"
	"aaa-api/internal/store"
	"aaa-api/internal/store/sqlite"
	"aaa-api/internal/translate"
)

// measureWarmPath counts the allocations of a warm request before its engine:
// the plan, the translation of ten rules, the encoding of their values.
func measureWarmPath(ctx context.Context, _ settings, dir string) []row {
	r := row{name: "warm path before the engine, 10 rules", format: "%.0f allocs", target: 10, atMost: true}
	w, err := newWarmPath(ctx, dir)
	if err != nil {
		r.err = err
		return []row{r}
	}
	defer w.store.Close()
	if r.err = w.run(); r.err != nil {
		return []row{r}
	}
	r.value = testing.AllocsPerRun(1000, func() { _ = w.run() })
	took := testing.Benchmark(func(b *testing.B) {
		for b.Loop() {
			_ = w.run()
		}
	})
	r.detail = fmt.Sprintf("%d ns, %d octets", took.NsPerOp(), took.AllocedBytesPerOp())
	return []row{r}
}

// warmPath is an account with a document of ten rules, in a store that the path must not ask.
type warmPath struct {
	store   store.Store
	tenants *plans.Cache
	account aaa.AccountID
	values  map[string]any
	tracer  translate.Tracer
	budget  translate.Budget
}

func (w *warmPath) run() error {
	plan, err := w.tenants.Plan(context.Background(), w.account)
	if err != nil {
		return err
	}
	server := plan.Routes[aaa.Authn].Levels[0].Lists[aaa.Authn][0]
	w.budget.Begin(plan.Limits, nil, plan.Limits.Of(aaa.LimitExpressionSteps))
	avps, err := server.Rules[aaa.Authn].Out(context.Background(), nil, w.values, &w.budget, &w.tracer)
	if err == nil && len(avps) != 10 {
		err = fmt.Errorf("%d attributes came of ten rules", len(avps))
	}
	return err
}

// warmRules are ten rules as a gateway of telephone and network access has them.
var warmRules = []struct{ key, attribute, re, cast, value string }{
	{"User-Name", "User-Name", `^([^@]+)`, "", "bob@example.com"},
	{"User-Password", "User-Password", `^(.*)$`, "", "hello-password"},
	{"Calling", "Calling-Station-Id", `^(.+)$`, "", "00-11-22-33-44-55"},
	{"Called", "Called-Station-Id", `^(.*)$`, "", "66-77-88-99-aa-bb"},
	{"NAS", "NAS-IP-Address", `^(.*)$`, "", "192.0.2.1"},
	{"Service", "Service-Type", `^(.*)$`, "", "Framed-User"},
	{"Port", "NAS-Port", `^([0-9]+)$`, aaa.StringToInteger, "17"},
	{"Group", "Tunnel-Private-Group-Id:1", `^([0-9]+)$`, "", "42"},
	{"Medium", "Tunnel-Medium-Type:1", `^(.*)$`, "", "IEEE-802"},
	{"Class", "Class", `^(.*)$`, "", "0x00010203"},
}

func newWarmPath(ctx context.Context, dir string) (_ *warmPath, err error) {
	path := filepath.Join(dir, "warm.db")
	if err := sqlite.Migrate(ctx, path); err != nil {
		return nil, err
	}
	w := &warmPath{account: aaa.NewAccountID(), values: make(map[string]any)}
	if w.store, err = sqlite.Open(ctx, path); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			w.store.Close()
		}
	}()
	kek, err := secmod.CreateKeyFile(filepath.Join(dir, "key"))
	if err != nil {
		return nil, err
	}
	system, err := dict.LoadSystem("")
	if err != nil {
		return nil, err
	}
	vault := secmod.New(kek, w.store.Keys())
	registry := engines.NewRegistry(engine.New(engine.Options{}))
	w.tenants = plans.New(plans.Options{
		Store: w.store, Opener: vault, System: system, Engines: registry, Log: slog.New(slog.DiscardHandler),
	})
	if _, err := w.store.Accounts().Create(ctx, store.Account{ID: w.account, Name: "warm", Enabled: true}); err != nil {
		return nil, err
	}
	doc, err := tenantDocument("127.0.0.1:1812", 32)
	if err != nil {
		return nil, err
	}
	var rules []map[string]string
	for _, r := range warmRules {
		w.values[r.key] = r.value
		rule := map[string]string{"request_key": r.key, "attribute": r.attribute, "request_value_regexp": r.re, "attr_value_regexp": `^(.*)$`}
		if r.cast != "" {
			rule["cast"] = r.cast
		}
		rules = append(rules, rule)
	}
	doc["authn_avp_translation"] = rules
	body, err := json.Marshal(doc)
	if err != nil {
		return nil, err
	}
	prepared, err := document.NewPreparer(w.tenants, vault, registry).Prepare(ctx, w.account, json.RawMessage(body), nil)
	if err != nil {
		return nil, err
	}
	_, err = w.store.Documents().Create(ctx, store.Document{Account: w.account, Body: prepared.Body}, prepared.Uses)
	return w, err
}

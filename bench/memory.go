package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"aaa-api/internal/aaa"
)

// The tenants of the memory measurement.
const (
	dictionaryEvery = 100 // one account in so many has a dictionary of its own
	regexpEvery     = 10  // one in so many has a regexp of its own
	entries         = 100 // of a dictionary
	coldAccounts    = 200 // whose first request is timed
	residentTarget  = 400 // MiB
	leavesChanged   = 200 // accounts whose document is changed while all are warm

	storedAccounts = 1_000_000 // of the measurement of a large store
	usedAccounts   = 10_000    // of those, that are asked for
)

// measureMemory lets the service make its store, fills that, starts the service
// anew, and looks at its memory when it has resolved every account. Documents differ in
// their secret, their NAS and, some of them, their regexps and dictionaries. The accounts
// are resolved by dry runs, which make everything that a request needs but its packet on the network.
func measureMemory(ctx context.Context, s settings, dir string) []row {
	rows := []row{
		{name: fmt.Sprintf("resident, %d accounts warm", s.accounts), format: "%.0f MiB", target: residentTarget, atMost: true},
		{name: "first request of a cold account", format: "%.2f ms", target: 5, atMost: true},
		{name: "change of a leaf's document, all warm, until it is in force", format: "%.2f ms", target: 10, atMost: true},
	}
	fail := func(err error) []row {
		for i := range rows {
			rows[i].err = err
		}
		return rows
	}
	full, err := openFull(ctx, s, dir, s.accounts, 0, mixed)
	if err != nil {
		return fail(err)
	}
	defer full.close()
	cold, warm, err := coldRequests(ctx, full.svc, full.ids)
	if err != nil {
		return fail(err)
	}
	rows[1].value = median(cold)
	rows[1].detail = fmt.Sprintf("median of %d; 95 %% within %.2f ms; the second request %.2f ms", len(cold), slices.Sorted(slices.Values(cold))[len(cold)*95/100], median(warm))

	octets, resolved, err := full.warm(ctx)
	if err != nil {
		return fail(err)
	}
	rows[0].value = float64(octets) / (1 << 20)
	rows[0].detail = fmt.Sprintf("%d with a dictionary of %d entries; written in %.0f s, resolved in %.0f s", len(full.ids)/dictionaryEvery, entries, full.filled.Seconds(), resolved.Seconds())
	changes, err := changeLeaves(ctx, full.svc, full.ids)
	if err != nil {
		return fail(err)
	}
	rows[2].value = median(changes)
	rows[2].detail = fmt.Sprintf("median of %d PATCHes, one after another; 95 %% within %.2f ms", len(changes), slices.Sorted(slices.Values(changes))[len(changes)*95/100])
	return rows
}

// changeLeaves times changes of documents, in ms: each is answered once it is in force on the node.
func changeLeaves(ctx context.Context, svc *service, ids []string) (took []float64, err error) {
	for i := range min(leavesChanged, len(ids)) {
		begun := time.Now()
		if err := svc.call(ctx, http.MethodPatch, "/v2/accounts/"+ids[i]+"/aaa", map[string]any{"nas_port": i + 1}, nil); err != nil {
			return nil, err
		}
		took = append(took, float64(time.Since(begun).Microseconds())/1000)
	}
	return took, nil
}

// measureLargeStore starts the service on a store of a million accounts and looks at its memory when it has resolved some.
func measureLargeStore(ctx context.Context, s settings, dir string) []row {
	used := min(usedAccounts, s.accounts)
	rows := []row{
		{name: fmt.Sprintf("resident, %d accounts stored, %d warm", storedAccounts, used), format: "%.0f MiB", target: 300, atMost: true},
		{name: "start on that store", format: "%.2f s", target: 1, atMost: true},
	}
	fail := func(err error) []row {
		rows[0].err, rows[1].err = err, err
		return rows
	}
	full, err := openFull(ctx, s, dir, used, storedAccounts-used, mixed)
	if err != nil {
		return fail(err)
	}
	defer full.close()
	rows[1].value = full.svc.started.Seconds()
	octets, resolved, err := full.warm(ctx)
	if err != nil {
		return fail(err)
	}
	rows[0].value = float64(octets) / (1 << 20)
	rows[0].detail = fmt.Sprintf("written in %.0f s, resolved in %.0f s", full.filled.Seconds(), resolved.Seconds())
	return rows
}

// full is the service, newly started on a store that holds many accounts.
type full struct {
	svc       *service
	responder *process
	ids       []string
	filled    time.Duration // what writing them took
	memory    string        // folder in memory, to be removed
}

// openFull lets the service make its store, fills that, also with bare accounts without a document, and starts the service anew. Close
// it afterwards.
func openFull(ctx context.Context, s settings, dir string, accounts, bare int, with dress) (_ *full, err error) {
	f := &full{}
	defer func() {
		if err != nil {
			f.close()
		}
	}()
	if memory, err := os.MkdirTemp("/dev/shm", "aaa-api-bench-"); err == nil {
		f.memory, dir = memory, memory // hundreds of thousands of commits wait for no disk there; elsewhere it takes longer
	}
	responder, backend, err := startSelf(ctx, "responder")
	if err != nil {
		return nil, err
	}
	f.responder = responder
	svc, err := startService(ctx, s.binary, dir)
	if err != nil {
		return nil, err
	}
	if err := svc.stop(); err != nil {
		return nil, err
	}
	begun := time.Now()
	if f.ids, err = fill(ctx, filepath.Join(dir, dataDir), aaa.AccountID(svc.root), backend, accounts, with); err != nil {
		return nil, err
	}
	if err := fillBare(ctx, filepath.Join(dir, dataDir), aaa.AccountID(svc.root), bare); err != nil {
		return nil, err
	}
	f.filled = time.Since(begun)
	f.svc, err = startService(ctx, s.binary, dir)
	return f, err
}

func (f *full) close() {
	if f.svc != nil {
		_ = f.svc.stop() // it ends by our signal
	}
	if f.responder != nil {
		_ = f.responder.stop() // it ends by our signal
	}
	if f.memory != "" {
		_ = os.RemoveAll(f.memory)
	}
}

// warm lets the service resolve all accounts and returns its resident octets then.
func (f *full) warm(ctx context.Context) (octets int64, took time.Duration, err error) {
	tokens, err := f.svc.tokens(ctx, f.svc.root, restClients)
	if err != nil {
		return 0, 0, err
	}
	l := load{Address: f.svc.address, Clients: restClients, Want: `"packets":[{`}
	for i, id := range f.ids {
		l.Requests = append(l.Requests, postRequest(f.svc.address, "/v2/accounts/"+id+"/aaa/translate?op=authn", tokens[i%len(tokens)], []byte(requestBody)))
	}
	var t tally
	if err := runSelf(ctx, l, &t, "http-load"); err != nil {
		return 0, 0, err
	}
	if t.Bad > 0 {
		return 0, 0, fmt.Errorf("%d of %d dry runs were bad, the first: %s", t.Bad, t.Requests, t.FirstBad)
	}
	octets, err = f.svc.resident()
	return octets, time.Duration(t.Seconds * float64(time.Second)), err
}

// coldRequests times the first and the second request of accounts that nobody
// has asked for since the start, in ms; half of them have a dictionary.
func coldRequests(ctx context.Context, svc *service, ids []string) (first, second []float64, err error) {
	n := min(coldAccounts, len(ids)/dictionaryEvery)
	for i := range n {
		id := ids[i*dictionaryEvery+i%2]
		for j := range 2 {
			begun := time.Now()
			var answer struct {
				Result string `json:"AAA-Result"`
			}
			if err := svc.send(ctx, http.MethodPost, "/v2/accounts/"+id+"/aaa/authn", strings.NewReader(requestBody), &answer); err != nil {
				return nil, nil, err
			}
			took := float64(time.Since(begun).Microseconds()) / 1000
			if answer.Result != "accept" {
				return nil, nil, fmt.Errorf("account %s was answered %q", id, answer.Result)
			}
			if j == 0 {
				first = append(first, took)
			} else {
				second = append(second, took)
			}
		}
	}
	return first, second, nil
}

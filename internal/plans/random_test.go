package plans

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// TestRandomChanges: after any sequence of changes, applied late and in pieces, with requests, resets and the idle pass in between, each
// account runs by what a cache made anew would have, and the index has what is warm and nothing else.
func TestRandomChanges(t *testing.T) {
	t.Parallel()
	for seed := range uint64(randomRuns) {
		randomChanges(t, seed)
	}
}

const randomRuns = 3

func randomChanges(t *testing.T, seed uint64) {
	f := newFixture(t)
	r := rand.New(rand.NewPCG(seed, 7))
	accounts := []string{"root", "reseller", "customer", "sibling"}
	pick := func() string { return accounts[r.IntN(len(accounts))] }
	names := []string{"mine", "other"}
	server := func(dict string) string {
		return `"servers":[{"enabled":true,"name":"a","address":"192.0.2.1","port":1812,"retries":0,"timeout":1000,"secret":"s3cr3t","aaa_engine":"radius","dicts":["` + dict + `"]}]`
	}
	for _, n := range names {
		f.dict("root", n, `[{"attr":{"id":200,"type":"string","name":"First"}}]`)
	}
	stop := make(chan struct{})
	var requests sync.WaitGroup
	for _, account := range accounts {
		requests.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					runtime.Gosched()
				}
				if _, err := f.tenants.Plan(f.ctx, f.ids[account]); err != nil && aaa.KindOf(err) != aaa.KindUnavailable {
					t.Error(err)
					return
				}
			}
		})
	}
	for i := range 40 {
		switch r.IntN(9) {
		case 0, 1:
			f.put(pick(), server(names[r.IntN(2)]))
		case 2:
			f.put(pick(), `"aaa_mode":"inherit"`)
		case 3, 4:
			f.dict(pick(), names[r.IntN(2)], fmt.Sprintf(`[{"attr":{"id":200,"type":"string","name":"Of-%d"}}]`, i))
		case 5:
			_, err := f.store.Accounts().Move(f.ctx, f.ids["customer"], f.ids[[]string{"root", "reseller", "sibling"}[r.IntN(3)]])
			if err == nil && r.IntN(2) == 0 {
				f.sync()
			}
		case 6:
			f.tenants.Changed(f.ctx, nil, true)
		case 7:
			f.step(idleSteps + 1)
		case 8:
			a, err := f.store.Accounts().Get(f.ctx, f.ids[pick()])
			f.must(err)
			a.Enabled = !a.Enabled
			_, err = f.store.Accounts().Update(f.ctx, a.ID, store.AnyRevision, a)
			f.must(err)
		}
	}
	f.sync()
	close(stop)
	requests.Wait()
	fresh := f.cache(actions())
	show := func(p *Plan) string {
		text := fmt.Sprint(p.Enabled, p.Workers)
		for _, l := range p.Routes[0].Levels {
			text += fmt.Sprint(" ", l.Account, l.Revision, l.Dicts)
			for _, s := range l.Servers {
				text += fmt.Sprint(" ", s.Dict.ByName("First") != nil)
				for i := range 40 {
					text += fmt.Sprint(s.Dict.ByName(fmt.Sprintf("Of-%d", i)) != nil)
				}
			}
		}
		return text
	}
	for _, account := range accounts {
		p, err := fresh.Plan(f.ctx, f.ids[account])
		f.must(err)
		if got, want := show(f.plan(account)), show(p); got != want {
			t.Errorf("seed %d: %s runs by\n%s, want\n%s", seed, account, got, want)
		}
	}
	children, users := 0, 0
	f.tenants.mu.Lock()
	defer f.tenants.mu.Unlock()
	f.tenants.nodes.Range(func(_ aaa.AccountID, n *node) bool {
		s := n.state.Load()
		if s == nil {
			t.Errorf("seed %d: a cold account is in the map", seed)
			return true
		}
		if p := s.parent(); p != "" {
			children++
			if _, ok := f.tenants.index.children[p][n]; !ok {
				t.Errorf("seed %d: an account is not below its parent", seed)
			}
		}
		if l := n.level.Load(); l != nil {
			seen := map[used]bool{}
			for u := range l.uses {
				if !seen[u] {
					seen[u] = true
					users++
				}
				if _, ok := f.tenants.index.users[u][n]; !ok {
					t.Errorf("seed %d: a document is not among the users of %v", seed, u)
				}
			}
		}
		return true
	})
	for _, set := range f.tenants.index.children {
		children -= len(set)
	}
	for _, set := range f.tenants.index.users {
		users -= len(set)
	}
	if children != 0 || users != 0 {
		t.Errorf("seed %d: the index has %d accounts and %d users that are not there", seed, -children, -users)
	}
}

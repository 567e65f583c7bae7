package plans

import (
	"context"
	"crypto/sha256"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/puzpuzpuz/xsync/v4"

	"aaa-api/internal/aaa"
	"aaa-api/internal/dict"
	"aaa-api/internal/egress"
	"aaa-api/internal/engines"
	"aaa-api/internal/fsm"
	"aaa-api/internal/intern"
	"aaa-api/internal/limits"
	"aaa-api/internal/secmod"
	"aaa-api/internal/store"
	"aaa-api/internal/translate"
	"aaa-api/internal/usersfile"
)

// DefaultWorkers is how many requests of an account are at backends at once
// where its document does not say.
const DefaultWorkers = 32

// queueLength bounds the requests of one account that wait for a worker.
const queueLength = 1024

// maxDepth bounds a walk up the account tree, should stored parents ever form a ring.
const maxDepth = 1024

// Options are the parts that Cache works with.
type Options struct {
	Store   store.Store
	Opener  secmod.Opener
	System  *dict.Catalog
	Engines *engines.Registry
	Egress  *egress.Rules
	Actions *fsm.Actions // what tables may do; nil: every table is refused
	Log     *slog.Logger

	HashCost usersfile.Cost // ceiling of a hash in a users file; 0: the default
}

// Cache is the cache of all warm accounts. It is safe for use by many goroutines.
type Cache struct {
	store   store.Store
	opener  secmod.Opener
	system  *dict.Catalog
	engines *engines.Registry
	egress  *egress.Rules
	actions *fsm.Actions
	log     *slog.Logger

	hashCost usersfile.Cost

	retry time.Duration // between attempts to apply a change while the store is away

	nodes *xsync.Map[aaa.AccountID, *node]
	mu    sync.RWMutex // see the package's text; held for memory alone, never for the store
	index index
	epoch atomic.Uint32 // counts idleStep

	lessons map[aaa.AccountID][]lesson // under mu: of accounts that left memory

	refusals limits.Counts

	programs intern.Table[[sha256.Size]byte, translate.Program] // by the hash of the rules
	sets     intern.Table[string, dict.Set]
	bindings intern.Table[bindingKey, translate.Binding]
	tallies  intern.Table[tallyKey, Tally]
	limits   intern.Table[limits.Values, limits.Values]
	tables   intern.Table[[sha256.Size]byte, fsm.Table]     // by the hash of the text
	dicts    intern.Table[[sha256.Size]byte, dict.Compiled] // by dictKey
}

// New makes an empty cache. Subscribe Changed to the store's change log.
func New(o Options) *Cache {
	return &Cache{
		store: o.Store, opener: o.Opener, system: o.System, engines: o.Engines, egress: o.Egress, actions: o.Actions, log: o.Log,
		hashCost: o.HashCost,

		retry: 200 * time.Millisecond,
		nodes: xsync.NewMap[aaa.AccountID, *node](), index: newIndex(), lessons: make(map[aaa.AccountID][]lesson),
	}
}

// Account returns an account from memory, loading it when it is cold. Errors
// are an *aaa.Error of KindNotFound or KindUnavailable.
func (t *Cache) Account(ctx context.Context, id aaa.AccountID) (store.Account, error) {
	chain, err := t.chain(ctx, id)
	if err != nil {
		return store.Account{}, err
	}
	t.touch(chain[0].node)
	a := chain[0].state.account
	ancestors := chain[1 : len(chain)-1] // without the system configuration
	a.Path = make([]aaa.AccountID, len(ancestors))
	for i, l := range ancestors {
		a.Path[len(ancestors)-1-i] = l.node.id
	}
	return a, nil
}

// Within reports whether id is ancestor itself or one of its descendants, by
// the tree in memory. The system configuration is within the root account
// alone: nobody below the root sees it.
func (t *Cache) Within(ctx context.Context, ancestor, id aaa.AccountID) (bool, error) {
	if id == aaa.SystemConfig {
		_, s, err := t.load(ctx, ancestor)
		if err != nil {
			return false, err
		}
		return s.account.ParentID == "", nil
	}
	for range maxDepth {
		_, s, err := t.load(ctx, id)
		if err != nil {
			return false, err
		}
		if id == ancestor {
			return true, nil
		}
		if s.account.ParentID == "" {
			return false, nil
		}
		id = s.account.ParentID
	}
	return false, nil
}

// Enabled reports whether an account and all of its ancestors are enabled.
func (t *Cache) Enabled(ctx context.Context, id aaa.AccountID) (bool, error) {
	for range maxDepth {
		_, s, err := t.load(ctx, id)
		if err != nil || !s.account.Enabled {
			return false, err
		}
		if s.account.ParentID == "" {
			return true, nil
		}
		id = s.account.ParentID
	}
	return false, nil
}

// Pools calls fn with the pool of every account that has requests running or waiting.
func (t *Cache) Pools(fn func(id aaa.AccountID, running, waiting int)) {
	t.nodes.Range(func(id aaa.AccountID, n *node) bool {
		if p := n.pool.Load(); p != nil {
			if running, waiting := p.Depth(); running+waiting > 0 {
				fn(id, running, waiting)
			}
		}
		return true
	})
}

// Warm returns how many accounts are in memory.
func (t *Cache) Warm() int { return t.nodes.Size() }

package clients

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/singleflight"
	"golang.org/x/time/rate"

	"aaa-api/internal/aaa"
	"aaa-api/internal/secmod"
	"aaa-api/internal/store"
)

// Store is what a Registry reads clients from.
type Store interface {
	// Each visits the clients of all accounts.
	Each(ctx context.Context, visit func(store.Client) error) error
	// Get returns store.ErrNotFound for a client that is not there.
	Get(ctx context.Context, account aaa.AccountID, name string) (store.Client, error)
}

// Tree is what a Registry asks about accounts: store.Accounts has it.
type Tree interface {
	Get(ctx context.Context, id aaa.AccountID) (store.Account, error)
	ByRealm(ctx context.Context, top aaa.AccountID, realm string) (store.Account, error)
}

// Options are the parts that a Registry works with.
type Options struct {
	Store   Store
	Tree    Tree
	Opener  secmod.Opener
	Log     *slog.Logger
	Metrics prometheus.Registerer
}

// Registry holds the clients of all accounts in memory. It is safe for use by many goroutines; only one may be in Load or Changed.
type Registry struct {
	store  Store
	tree   Tree
	opener secmod.Opener
	log    *slog.Logger
	retry  time.Duration // between attempts to apply a change while the store is away
	now    func() time.Time

	table atomic.Pointer[table]
	mu    sync.Mutex                  // guards held against Find and List
	held  map[aaa.AccountID][]*Client // by name; disabled ones too
	lists map[string][]string         // of the writer alone: see shared

	opening singleflight.Group
	realms  realms
	unknown unknown
	metrics metrics

	damaged, sealed rate.Sometimes // lines in the log: documents that can't be read, secrets that can't be opened
}

// New makes a Registry without clients. Subscribe Changed to the store's change log.
func New(o Options) *Registry {
	r := &Registry{
		store: o.Store, tree: o.Tree, opener: o.Opener, log: o.Log, retry: 200 * time.Millisecond, now: time.Now,
		held: make(map[aaa.AccountID][]*Client), lists: make(map[string][]string), realms: newRealms(), unknown: newUnknown(),
		damaged: rate.Sometimes{First: 10, Interval: time.Second}, sealed: rate.Sometimes{First: 10, Interval: time.Second},
	}
	r.table.Store(newTable())
	r.metrics = newMetrics(o.Metrics, r)
	return r
}

// Find returns a client by its name, disabled or not; nil: there is none.
func (r *Registry) Find(account aaa.AccountID, name string) *Client {
	r.mu.Lock()
	defer r.mu.Unlock()
	return find(r.held, account, name)
}

func find(held map[aaa.AccountID][]*Client, account aaa.AccountID, name string) *Client {
	list := held[account]
	if i, ok := slices.BinarySearchFunc(list, name, byName); ok {
		return list[i]
	}
	return nil
}

func byName(c *Client, name string) int { return strings.Compare(c.Name, name) }

// Status is a client as operators see it.
type Status struct {
	Account  aaa.AccountID `json:"account"`
	Name     string        `json:"name"`
	Address  netip.Prefix  `json:"address,omitzero"`
	Disabled bool          `json:"disabled,omitempty"`
	Requests uint64        `json:"requests"`           // that this node has verified since the client was created, or the node began
	Previous uint64        `json:"previous"`           // of them with the previous secret
	LastSeen time.Time     `json:"last_seen,omitzero"` // to the second
}

// Start is where a List begins: the key of a client.
type Start struct {
	Account aaa.AccountID `json:"account"`
	Name    string        `json:"name"`
}

// List gives a page of up to limit clients by account and name, from start on, and where the next page begins, the zero Start at the end.
func (r *Registry) List(limit int, start Start) (list []Status, next Start) {
	page := r.page(limit+1, start)
	if len(page) > limit {
		next = Start{page[limit].Account, page[limit].Name}
		page = page[:limit]
	}
	list = make([]Status, len(page))
	for i, c := range page {
		list[i] = c.status()
	}
	return list, next
}

func (r *Registry) page(limit int, start Start) (page []*Client) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, account := range slices.Sorted(maps.Keys(r.held)) {
		list := r.held[account]
		switch cmp.Compare(account, start.Account) {
		case -1:
			continue
		case 0:
			i, _ := slices.BinarySearchFunc(list, start.Name, byName)
			list = list[i:]
		}
		page = append(page, list[:min(len(list), limit-len(page))]...)
		if len(page) == limit {
			break
		}
	}
	return page
}

// size returns how many clients there are.
func (r *Registry) size() (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, list := range r.held {
		n += len(list)
	}
	return n
}

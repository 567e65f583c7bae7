// Package intern keeps one copy of equal immutable values: a hundred thousand
// tenants with the same rules and dictionaries share them.
package intern

import (
	"runtime"
	"sync"
	"weak"
)

// Table shares one V among all who ask for the same key for as long as anyone
// holds it: the map alone keeps nothing alive, so it is bounded by what is in use. The zero Table is
// empty; it is safe for use by many goroutines.
type Table[K comparable, V any] struct {
	mu sync.Mutex
	m  map[K]weak.Pointer[V]
}

// Get returns the V of key, made by build where none is alive. build runs
// outside the lock: two callers may build the same V, and one of the two is then dropped.
func (in *Table[K, V]) Get(key K, build func() (*V, error)) (*V, error) {
	if v := in.Find(key); v != nil {
		return v, nil
	}
	made, err := build()
	if err != nil {
		return nil, err
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	if v := in.m[key].Value(); v != nil {
		return v, nil
	}
	if in.m == nil {
		in.m = make(map[K]weak.Pointer[V])
	}
	in.m[key] = weak.Make(made)
	runtime.AddCleanup(made, in.forget, key)
	return made, nil
}

// Find returns the V of key, nil where none is alive.
func (in *Table[K, V]) Find(key K) *V {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.m[key].Value()
}

// forget removes the entry of a V that is gone, unless another V has taken its place.
func (in *Table[K, V]) forget(key K) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if p, ok := in.m[key]; ok && p.Value() == nil {
		delete(in.m, key)
	}
}

// Values returns what is alive, in no order.
func (in *Table[K, V]) Values() []*V {
	in.mu.Lock()
	defer in.mu.Unlock()
	list := make([]*V, 0, len(in.m))
	for _, p := range in.m {
		if v := p.Value(); v != nil {
			list = append(list, v)
		}
	}
	return list
}

// Len is the number of entries; one whose V has just gone may still be among them.
func (in *Table[K, V]) Len() int {
	in.mu.Lock()
	defer in.mu.Unlock()
	return len(in.m)
}

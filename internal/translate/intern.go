package translate

import (
	"runtime"
	"sync"
	"weak"
)

// interner shares one V among all who ask for the same key for as long as anyone
// holds it: the map alone keeps nothing alive, so it is bounded by what is in use.
type interner[K comparable, V any] struct {
	mu sync.Mutex
	m  map[K]weak.Pointer[V]
}

// get returns the V of key, made by build where none is alive. build runs
// outside the lock: two callers may build the same V, and one of the two is then dropped.
func (in *interner[K, V]) get(key K, build func() (*V, error)) (*V, error) {
	if v := in.find(key); v != nil {
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

func (in *interner[K, V]) find(key K) *V {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.m[key].Value()
}

// forget removes the entry of a V that is gone, unless another V has taken its place.
func (in *interner[K, V]) forget(key K) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if p, ok := in.m[key]; ok && p.Value() == nil {
		delete(in.m, key)
	}
}

func (in *interner[K, V]) len() int {
	in.mu.Lock()
	defer in.mu.Unlock()
	return len(in.m)
}

package tenant

import (
	"runtime"
	"sync"
	"weak"
)

// interned keeps one copy of equal immutable values for as long as somebody
// uses it: a hundred thousand tenants with the same rules and dictionaries share them.
type interned[K comparable, V any] struct {
	mu     sync.Mutex
	values map[K]weak.Pointer[V]
}

func newInterned[K comparable, V any]() *interned[K, V] {
	return &interned[K, V]{values: make(map[K]weak.Pointer[V])}
}

// get returns the value of key, made by make where there is none alive.
func (c *interned[K, V]) get(key K, make func() (*V, error)) (*V, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if v := c.values[key].Value(); v != nil {
		return v, nil
	}
	v, err := make()
	if err != nil {
		return nil, err
	}
	w := weak.Make(v)
	c.values[key] = w
	runtime.AddCleanup(v, func(key K) {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.values[key] == w { // not yet taken over by a successor
			delete(c.values, key)
		}
	}, key)
	return v, nil
}

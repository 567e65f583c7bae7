package spool

// recent is a bounded memory: of the last values put in, it knows at least most/2. It is not safe for use by many goroutines.
type recent[K comparable, V any] struct {
	most     int
	now, old map[K]V
	lost     bool // values were forgotten
}

func (r *recent[K, V]) put(k K, v V) {
	if len(r.now) >= r.most/2 {
		r.turn()
	}
	if r.now == nil {
		r.now = make(map[K]V)
	}
	r.now[k] = v
}

// turn forgets the older half.
func (r *recent[K, V]) turn() {
	r.lost = r.lost || len(r.old) > 0
	r.old, r.now = r.now, nil
}

func (r *recent[K, V]) get(k K) (V, bool) {
	v, ok := r.now[k]
	if !ok {
		v, ok = r.old[k]
	}
	return v, ok
}

func (r *recent[K, V]) has(k K) bool {
	_, ok := r.get(k)
	return ok
}

func (r *recent[K, V]) remove(k K) {
	delete(r.now, k)
	delete(r.old, k)
}

// reset forgets everything. Nothing is lost then.
func (r *recent[K, V]) reset() { r.now, r.old, r.lost = nil, nil, false }

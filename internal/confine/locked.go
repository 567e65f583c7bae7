package confine

// Locked is memory for keys: outside the Go heap, so that the garbage collector copies nothing, and wiped by Free. On Linux it is never in swap
// or in a core dump, as far as the kernel grants that.
//
// Each takes whole pages of what RLIMIT_MEMLOCK lets a user lock, 8 MiB as a rule. A cipher that is made of a key keeps its
// own copy of it on the heap.
type Locked struct {
	octets []byte // of whole pages
	n      int
}

// Bytes returns the memory. It must not be used after Free.
func (l *Locked) Bytes() []byte { return l.octets[:l.n:l.n] }

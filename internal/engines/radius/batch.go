package radius

import (
	"errors"
	"runtime"
	"sync"
	"syscall"

	"golang.org/x/net/ipv4"
)

const (
	batchSize = 32 // datagrams a system call carries at most
	batchFrom = 8  // requests out on a socket from which reading in batches pays off
	keepQueue = 64 << 10
)

// batch is what one sendmmsg or recvmmsg works on.
type batch struct {
	messages [batchSize]ipv4.Message
	buffers  [batchSize][1][]byte
}

var (
	sendBatches = sync.Pool{New: func() any { return newBatch(0) }}
	readBatches = sync.Pool{New: func() any { return newBatch(maxPacket + 1) }}
)

func newBatch(size int) *batch {
	b := new(batch)
	for i := range b.messages {
		if size > 0 {
			b.buffers[i][0] = make([]byte, size)
		}
		b.messages[i].Buffers = b.buffers[i][:]
	}
	return b
}

// queue collects packets while another goroutine is at sending. It needs no
// goroutine of its own: whoever finds nobody sending sends for all.
type queue struct {
	mu      sync.Mutex
	sending bool
	octets  []byte // the packets one after the other
	ends    []int  // where each ends in octets
	spare   []byte // octets and ends of the turn before
	used    []int
}

// send writes one packet, or leaves it to the goroutine that is at sending. Errors
// reach the requests through trouble.
func (s *socket) send(b []byte) {
	q := &s.queue
	q.mu.Lock()
	q.octets = append(q.octets, b...)
	q.ends = append(q.ends, len(q.octets))
	if q.sending {
		q.mu.Unlock()
		return
	}
	q.sending = true
	q.mu.Unlock()

	// Requests that are ready to run join this system call. With none, this is nothing.
	runtime.Gosched()
	for {
		q.mu.Lock()
		octets, ends := q.octets, q.ends
		if len(ends) == 0 {
			q.sending = false
			q.mu.Unlock()
			return
		}
		q.octets, q.ends = q.spare[:0], q.used[:0]
		q.mu.Unlock()
		s.flush(octets, ends)
		if cap(octets) > keepQueue {
			octets = nil
		}
		q.mu.Lock()
		q.spare, q.used = octets, ends
		q.mu.Unlock()
	}
}

// flush writes the packets in octets.
func (s *socket) flush(octets []byte, ends []int) {
	if len(ends) == 1 {
		if _, err := s.conn.Write(octets); err != nil {
			s.trouble(err)
		}
		return
	}
	out := sendBatches.Get().(*batch)
	start := 0
	for len(ends) > 0 {
		n := min(len(ends), batchSize)
		for i, end := range ends[:n] {
			out.buffers[i][0] = octets[start:end]
			start = end
		}
		ends = ends[n:]
		for messages := out.messages[:n]; len(messages) > 0; {
			done, err := s.packets.WriteBatch(messages, 0)
			if err != nil {
				s.trouble(err)
				done = 1 // the first of them is the one that failed
			}
			messages = messages[max(done, 1):]
		}
	}
	for i := range out.buffers {
		out.buffers[i][0] = nil
	}
	sendBatches.Put(out)
}

// more reads what else has arrived, without waiting. Only then is memory for many datagrams in use.
func (s *socket) more() {
	in := readBatches.Get().(*batch)
	defer readBatches.Put(in)
	for {
		n, err := s.packets.ReadBatch(in.messages[:], syscall.MSG_DONTWAIT)
		if err != nil {
			if !errors.Is(err, syscall.EAGAIN) {
				s.trouble(err)
			}
			return
		}
		for i := range n {
			s.reply(in.messages[i].Buffers[0][:in.messages[i].N])
		}
		if n < batchSize {
			return
		}
	}
}

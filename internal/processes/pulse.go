package processes

import "time"

// Main asks each child now and then whether it is there, which the channel of the child answers by itself. A process that is stopped or hangs
// as a whole answers nothing, and is ended, to be started anew: nobody else would notice.
const (
	pulse     = 5 * time.Second // between two questions
	mostUnmet = 6               // unanswered questions in a row; they are counted, so that a machine that slept ends no process
)

// Kinds of messages that Receive and Family keep to themselves.
const (
	ask   = "ask"   // main to a child
	alive = "alive" // the answer
)

// watch asks all children until the family stops.
func (f *Family) watch() {
	every := f.o.Pulse
	if every == 0 {
		every = pulse
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for range tick.C {
		f.mu.Lock()
		if f.stopping {
			f.mu.Unlock()
			return
		}
		for _, m := range f.all() {
			if m.child == nil || !m.ready {
				continue
			}
			if m.unmet >= mostUnmet {
				f.o.Log.Warn("a process does not answer and is ended", "process", m.name, "pid", m.child.PID, "questions", m.unmet)
				m.child.Kill()
				continue
			}
			m.unmet++
			f.tell(m, ask, struct{}{})
		}
		f.mu.Unlock()
	}
}

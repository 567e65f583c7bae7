package aaa

// Counter is one of a session's counters.
type Counter uint8

// The counters of a session.
const (
	InputOctets Counter = iota
	OutputOctets
	InputPackets
	OutputPackets
	SessionTime // seconds
	NumCounters
)

// CounterTable describes each Counter: its attribute (RFC 2866 §5.3 to §5.8), the attribute of what is over 32 bits
// (RFC 2869 §5.1, §5.2), if there is one, and its member in the API's counters.
var CounterTable = [NumCounters]struct{ Attribute, Carry, Member string }{
	InputOctets:   {"Acct-Input-Octets", "Acct-Input-Gigawords", "input_octets"},
	OutputOctets:  {"Acct-Output-Octets", "Acct-Output-Gigawords", "output_octets"},
	InputPackets:  {"Acct-Input-Packets", "", "input_packets"},
	OutputPackets: {"Acct-Output-Packets", "", "output_packets"},
	SessionTime:   {"Acct-Session-Time", "", "session_time"},
}

// Of is the place of a counter.
func (c *Counters) Of(k Counter) *uint64 {
	switch k {
	case InputOctets:
		return &c.InputOctets
	case OutputOctets:
		return &c.OutputOctets
	case InputPackets:
		return &c.InputPackets
	case OutputPackets:
		return &c.OutputPackets
	default:
		return &c.SessionTime
	}
}

// Usage is what a caller reports of a session's counters.
type Usage [NumCounters]Reported

// Reported is one counter as a caller reports it.
type Reported struct {
	Count uint64
	Path  string // where the caller wrote it, by which a fault names it; empty where the counter was not reported
}

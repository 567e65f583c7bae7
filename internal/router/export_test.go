package router

// Arrived is how many entries have answered that the machine has yet to take.
func (m *Machine) Arrived() int { return len(m.pending.arrivals) }

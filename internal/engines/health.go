package engines

// Health is a server's health as its exchanges and probes found it.
type Health struct{}

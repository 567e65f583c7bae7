package radius

import "aaa-api/internal/engines"

// Traits implements engines.Engine. Servers drop a request that does not verify (RFC 2865 §3).
func (e *Engine) Traits() engines.Traits {
	return engines.Traits{
		DropsUnverified: true, Members: []string{"connections", "previous_secret", "tls", "transport"}, Transports: []string{"udp", "tls"},
	}
}

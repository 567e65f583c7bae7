package radius

import (
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
)

// What a client tells beside exchanging requests.
var (
	_ engines.Timed   = (*client)(nil)
	_ engines.Omitter = (*client)(nil)
)

// Longest implements engines.Timed. A name may have to be resolved first, for which there is no bound here.
func (c *client) Longest() time.Duration {
	if c.overTLS {
		return time.Duration(1+c.retries) * c.timeout
	}
	if !c.literal {
		return 0
	}
	// The wait for an identifier takes the time of attempts, of one perhaps only a part. Jitter
	// makes an attempt at most ten per cent longer.
	return c.timeout + time.Duration(1+c.retries)*c.timeout*11/10
}

// Omits implements engines.Omitter.
func (c *client) Omits(op aaa.Op, attr *aaa.Attribute) bool { return omits(codeOf(op), attr) }

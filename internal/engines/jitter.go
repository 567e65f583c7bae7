package engines

import (
	"math/rand/v2"
	"time"
)

// Jitter spreads a duration by ±10 %, so that what begins together is not done again together.
func Jitter(d time.Duration) time.Duration {
	return d - d/10 + time.Duration(rand.Int64N(int64(d/5)+1))
}

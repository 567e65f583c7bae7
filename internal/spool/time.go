package spool

import (
	"encoding/json"
	"maps"
	"math"
	"strconv"
	"time"

	"aaa-api/internal/aaa"
)

// valuesAt returns the values of a record as they are sent at a time. Event-Timestamp (RFC 2869 §5.3) is when it happened and never changes.
// Acct-Delay-Time (RFC 2866 §5.2) is the whole seconds since then. EventAt includes the delay that the caller gave, so this delay is counted
// once. The record's own values are returned if nothing differs, and never changed.
func valuesAt(r *Record, now time.Time) aaa.Values {
	v := r.Values
	own := false
	set := func(key string, n int64) {
		value := number(r.Values[key], n)
		if v[key] == value {
			return
		}
		if !own {
			v, own = maps.Clone(v), true
			if v == nil {
				v = make(aaa.Values)
			}
		}
		v[key] = value
	}
	if r.TimeKey != "" && r.Values[r.TimeKey] == nil {
		set(r.TimeKey, max(r.EventAt.Unix(), 0))
	}
	if r.DelayKey != "" {
		delay := min(max(now.Sub(r.EventAt), 0)/time.Second, math.MaxUint32)
		if r.Values[r.DelayKey] != nil || delay >= 1 {
			set(r.DelayKey, int64(delay))
		}
	}
	return v
}

// number writes a number as the caller wrote the one in its place: rules may tell a text from a number.
func number(before any, n int64) any {
	text := strconv.FormatInt(n, 10)
	if _, ok := before.(string); ok {
		return text
	}
	return json.Number(text)
}

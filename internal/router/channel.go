package router

import (
	"slices"
	"strings"

	"aaa-api/internal/aaa"
	"aaa-api/internal/plans"
)

// blocked reports whether a document bypasses the request for its channel.
func blocked(level *plans.CompiledDocument, req *aaa.Request) bool {
	var entries []plans.Channels
	switch req.Op {
	case aaa.Authz:
		entries = level.BlockAuthz
	case aaa.Accounting:
		entries = level.BlockAccounting
	}
	if len(entries) == 0 {
		return false
	}
	set, ok := channels(req.Values)
	return ok && slices.Contains(entries, set)
}

// channels reads a request's channel set: Call-Direction and Channel-Locality, or the list
// channel. ok is false where the set holds what no entry can: it then equals none.
func channels(values map[string]any) (set plans.Channels, ok bool) {
	for _, key := range [...]string{"Call-Direction", "Channel-Locality", "channel"} {
		switch value := values[key].(type) {
		case nil:
		case []any:
			for _, v := range value {
				if !set.Add(channelName(v)) {
					return 0, false
				}
			}
		default:
			if !set.Add(channelName(value)) {
				return 0, false
			}
		}
	}
	return set, true
}

func channelName(value any) string {
	s, _ := value.(string)
	return strings.ToLower(s)
}

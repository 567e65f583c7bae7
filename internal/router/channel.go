package router

import (
	"slices"
	"strings"

	"aaa-api/internal/aaa"
	"aaa-api/internal/tenant"
)

// blocked reports whether a document bypasses the request for its channel.
func blocked(level *tenant.Level, req *aaa.Request) bool {
	var entries []tenant.Channels
	switch req.Op {
	case aaa.Authz:
		entries = level.BlockAuthz
	case aaa.Accounting:
		entries = level.BlockAccounting
	}
	if len(entries) == 0 {
		return false
	}
	return slices.Contains(entries, channels(req.Values))
}

// channels reads a request's channel set: Call-Direction and Channel-Locality,
// or the list channel.
func channels(values map[string]any) tenant.Channels {
	var names []string
	for _, key := range [...]string{"Call-Direction", "Channel-Locality"} {
		if s, ok := values[key].(string); ok {
			names = append(names, strings.ToLower(s))
		}
	}
	if list, ok := values["channel"].([]any); ok {
		for _, v := range list {
			if s, ok := v.(string); ok {
				names = append(names, strings.ToLower(s))
			}
		}
	}
	return tenant.ChannelsOf(names...)
}

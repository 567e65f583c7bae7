package httpapi

import "aaa-api/internal/aaa"

// sidLength is how long a SID is: 256 bits in base64url.
const sidLength = 43

// withoutSIDs is a path as logs may show it: what follows a segment "sessions", unless it is a derived id, and
// whatever else is as long as a SID, is shown by the id derived of it. It goes by the text rather than by the
// route, since a SID in a path that no route serves is one too.
func withoutSIDs(path string) string {
	segment := 0 // where it begins
	after := ""  // the segment before
	for i := 0; i <= len(path); i++ {
		if i < len(path) && path[i] != '/' {
			continue
		}
		text := path[segment:i]
		if text != "" && after == "sessions" && !aaa.IsSessionID(text) || len(text) >= sidLength {
			id := aaa.SessionID(aaa.HashSID(text))
			path = path[:segment] + id + path[i:]
			i = segment + len(id)
		}
		if text != "" {
			after = text
		}
		segment = i + 1
	}
	return path
}

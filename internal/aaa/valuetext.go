package aaa

import (
	"encoding/json"
	"strconv"
)

// ValueText is a request's value as text, the first element's of a list; empty for what is none.
func ValueText(v Value) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	case []any:
		if len(v) > 0 {
			if _, nested := v[0].([]any); !nested {
				return ValueText(v[0])
			}
		}
	}
	return ""
}

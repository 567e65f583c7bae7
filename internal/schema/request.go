package schema

import "encoding/json"

// The bounds of request.json, for plainRequest. A test holds the two together.
const (
	requestKeys    = 256
	requestKey     = 256   // characters
	requestValue   = 16384 // characters
	requestElement = 256   // elements of an array
)

// plainRequest accepts what nearly every AAA request looks like without the cost
// of the schema's interpreter. What it does not accept may still be valid: lengths
// are counted in octets here.
func plainRequest(v any) bool {
	m, ok := v.(map[string]any)
	if !ok || len(m) > requestKeys {
		return false
	}
	for key, v := range m {
		if key == "" || len(key) > requestKey {
			return false
		}
		list, ok := v.([]any)
		if !ok {
			if !plainScalar(v) {
				return false
			}
			continue
		}
		if len(list) > requestElement {
			return false
		}
		for _, v := range list {
			if !plainScalar(v) {
				return false
			}
		}
	}
	return true
}

func plainScalar(v any) bool {
	switch v := v.(type) {
	case string:
		return len(v) <= requestValue
	case bool, json.Number:
		return true
	default:
		return false
	}
}

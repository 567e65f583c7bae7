package document

import "maps"

// MergePatch applies a JSON merge patch (RFC 7396) to values decoded from JSON:
// null removes, objects merge, all else replaces. Neither argument is changed;
// the result shares parts of both.
func MergePatch(target, patch any) any {
	p, ok := patch.(map[string]any)
	if !ok {
		return patch
	}
	t, _ := target.(map[string]any)
	merged := make(map[string]any, len(t)+len(p))
	maps.Copy(merged, t)
	for name, v := range p {
		if v == nil {
			delete(merged, name)
		} else {
			merged[name] = MergePatch(merged[name], v)
		}
	}
	return merged
}

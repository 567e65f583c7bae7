package schema

// maxNear is how long a name may be to be compared with known ones: the cost is the product of both lengths.
const maxNear = 64

// Near returns the candidate that name is most likely a misspelling of, empty if none is near. The bound is one edit for
// each three characters, two at most.
func Near(name string, candidates []string) string {
	best, least := "", min(2, len(name)/3)+1
	if len(name) > maxNear {
		return ""
	}
	for _, candidate := range candidates {
		if len(candidate) > maxNear || candidate == name {
			continue
		}
		if d := distance(name, candidate); d < least || (d == least && best != "" && candidate < best) {
			best, least = candidate, d
		}
	}
	return best
}

// Unknown is the message for a name that is none of the known ones.
func Unknown(message, name string, candidates []string) string {
	if near := Near(name, candidates); near != "" {
		return message + "; did you mean " + near + "?"
	}
	return message
}

// distance counts the octets to insert, delete or replace, and neighbours to swap, that make b of a.
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}

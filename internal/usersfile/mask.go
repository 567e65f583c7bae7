package usersfile

import (
	"bytes"
	"regexp"
	"strings"
)

// hashLike finds in comments what may be the hash of an entry that was commented out.
var hashLike = regexp.MustCompile(`\$[0-9A-Za-z-]+\$[^\s"']+|\{[A-Za-z0-9]+\}[^\s"']+`)

// Mask returns the text with ******** in the place of each hash, those in comments too.
// Locks (! and *) stay, unless they hold the hash that was locked. A line that can't be read is masked as a whole.
func Mask(text []byte) []byte {
	var out bytes.Buffer
	for raw := range strings.Lines(string(text)) {
		body := strings.TrimRight(raw, "\r\n")
		out.WriteString(maskLine(body, scan(body)))
		out.WriteString(raw[len(body):])
	}
	return out.Bytes()
}

func maskLine(body string, l line) string {
	switch l.kind {
	case blank:
		return hashLike.ReplaceAllLiteralString(body, mask)
	case broken:
		return mask
	case entry:
		if strings.Trim(l.secret.value, "!*") != "" { // a bare lock is no secret
			return body[:l.secret.start] + mask + maskTail(body[l.secret.end:])
		}
	}
	return body
}

// maskTail masks the comment behind an entry.
func maskTail(tail string) string { return hashLike.ReplaceAllLiteralString(tail, mask) }

// Merge returns the text with the hashes of stored in the place of ********: an entry keeps the hash of
// its name, a masked comment that is otherwise unchanged its own text. So Merge(Mask(stored), stored) is
// stored. A masked entry without a stored hash is a fault; whether the text is a users file is for
// Parse to say.
func Merge(text, stored []byte) ([]byte, []Fault) {
	if len(text) > MaxText {
		_, faults := Parse(text)
		return nil, faults
	}
	hashes := map[string]string{}
	before := map[string][]string{} // lines as they are shown, and what they were
	for raw := range strings.Lines(string(stored)) {
		body := strings.TrimRight(raw, "\r\n")
		l := scan(body)
		if l.kind == entry {
			hashes[l.name] = l.secret.value
		}
		if masked := maskLine(body, l); strings.Contains(masked, mask) {
			before[masked] = append(before[masked], body)
		}
	}
	var out bytes.Buffer
	var faults []Fault
	no := 0
	for raw := range strings.Lines(string(text)) {
		no++
		body := strings.TrimRight(raw, "\r\n")
		l := scan(body)
		switch was := before[body]; {
		case len(was) > 0: // the line as it was shown
			out.WriteString(was[0])
			before[body] = was[1:]
		case l.kind == entry && l.secret.value == mask:
			hash, ok := hashes[l.name]
			if !ok || hash == mask {
				if len(faults) < MaxFaults {
					faults = append(faults, Fault{no, "masked", mask + " stands for a stored hash, and the stored file has none for this name"})
				}
				break
			}
			if !l.colon && !l.secret.quoted && strings.ContainsAny(hash, ",#") {
				hash = `"` + hash + `"`
			}
			out.WriteString(body[:l.secret.start] + hash + body[l.secret.end:])
		default:
			out.WriteString(body)
		}
		out.WriteString(raw[len(body):])
	}
	return out.Bytes(), faults
}

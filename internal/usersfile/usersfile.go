package usersfile

import (
	"crypto/sha256"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/go-crypt/crypt/algorithm"
)

// Bounds of a file.
const (
	MaxText    = 1 << 20 // octets
	MaxEntries = 10_000
	MaxReplies = 64  // reply items of an entry
	MaxChecks  = 16  // check items of an entry beside its password
	MaxFaults  = 200 // that one answer tells of
	maxName    = 253 // octets of a user's or an attribute's name: what a User-Name can carry
	maxValue   = 1024
)

// Item is an attribute with its value, both as written; what quotes enclosed is taken out of them.
type Item struct {
	Name, Value string
}

// Entry is what a file says of a user beside the password. It shares its items with the
// File: they are not to be changed.
type Entry struct {
	Name string
	// Check are items that the request has to have, each equal, for the login to count.
	// Verify does not know the request: its caller compares them.
	Check []Item
	// Reply are the items to answer with, in their order; a name may come several times.
	Reply []Item
	// Rights are what the user may do on network devices; nil: the entry does not say.
	Rights *Rights
}

// File is a users file, compiled. It is never changed, and prints as the number of its entries.
type File struct {
	entries []user
	byName  map[string]int32
	hashed  []int32 // the entries that are not locked
	// salt picks the entry whose hash an unknown name is tried against.
	salt [sha256.Size]byte
}

type user struct {
	Entry
	digest algorithm.Digest // nil: nobody logs in
	locked bool             // nobody is authorised either
}

// Fault is an error of a file. It never shows anything of a password or a hash.
type Fault struct {
	Line int `json:"line,omitempty"` // of the text, from 1; 0 for the file as a whole
	// Rule is one of syntax, too_long, too_many, required, duplicate, default, fall_through, operator,
	// orphan, password, clear_text, hash, cost, masked, level, regexp, regexp_cost.
	Rule    string `json:"rule"`
	Message string `json:"message"`
}

// Parse reads a users file. It tells all faults at once, by their lines. The File holds
// what has no fault, so that who can't refuse a file has something to go on with; it is never nil.
func Parse(text []byte) (*File, []Fault) { return ParseUpTo(text, DefaultCost) }

// ParseUpTo is Parse with another ceiling of what a hash may cost.
func ParseUpTo(text []byte, most Cost) (*File, []Fault) {
	r := reader{
		most:  most,
		file:  &File{byName: map[string]int32{}, salt: sha256.Sum256(text)},
		lines: map[string]int{},
		open:  -1,
	}
	if len(text) > MaxText {
		return r.file, []Fault{{Rule: "too_long", Message: fmt.Sprintf("the file has more than %d octets", MaxText)}}
	}
	no := 0
	for text := range strings.Lines(string(text)) {
		no++
		if !r.take(no, scan(strings.TrimRight(text, "\r\n"))) {
			break
		}
	}
	return r.file, r.faults
}

// reader builds a File line by line.
type reader struct {
	file   *File
	most   Cost
	faults []Fault
	lines  map[string]int // where a name was written first
	open   int            // the entry that reply items belong to; -1: none, or one with a fault
	seen   bool           // an entry was begun

	steps, allSteps int // of the expressions of the open entry, and of the file
	expressions     map[string]expression
}

// take adds a line; false: there is no use in going on.
func (r *reader) take(no int, l line) bool {
	switch l.kind {
	case broken:
		r.open, r.seen = -1, true // what follows may belong to it
		r.fault(no, l.fault.rule, "%s", l.fault.message)
	case entry:
		r.seen = true
		r.open = r.entry(no, l)
	case replies:
		if !r.seen {
			r.fault(no, "orphan", "reply items follow a name, which stands in column one")
		}
		r.replies(no, l.items)
	}
	switch {
	case len(r.file.entries) > MaxEntries:
		r.fault(no, "too_many", "a file has at most %d entries", MaxEntries)
		return false
	case len(r.faults) >= MaxFaults:
		r.fault(no, "too_many", "there are more faults than are told")
		return false
	}
	return true
}

func (r *reader) fault(no int, rule, format string, args ...any) {
	r.faults = append(r.faults, Fault{no, rule, fmt.Sprintf(format, args...)})
}

// entry checks and adds one, and returns its place, -1 where it has a fault.
func (r *reader) entry(no int, l line) int {
	before := len(r.faults)
	switch {
	case l.name == "":
		r.fault(no, "required", "the name is empty")
	case len(l.name) > maxName:
		r.fault(no, "too_long", "a name has at most %d octets", maxName)
	case strings.ContainsFunc(l.name, func(c rune) bool { return c < ' ' || c == 0x7f }):
		r.fault(no, "syntax", "the name has a control character")
	case l.name == "DEFAULT":
		r.fault(no, "default", "%s", noDefault)
	case falls(l.items):
		r.fault(no, "fall_through", "%s", noFallThrough)
	case r.lines[l.name] != 0:
		r.fault(no, "duplicate", "the name is on line %d already", r.lines[l.name])
	default:
		r.lines[l.name] = no
	}
	digest, refused := readHash(l.secret.value, r.most)
	if refused != nil {
		r.fault(no, refused.rule, "%s", refused.message)
	}
	u := user{Entry: Entry{Name: strings.Clone(l.name)}, digest: digest, locked: digest == nil && l.secret.value != enableUnlisted}
	r.steps = 0
	if len(l.items) > MaxChecks {
		r.fault(no, "too_many", "an entry has at most %d check items", MaxChecks)
	}
	for _, item := range l.items {
		// An item that is not understood must not be one that is not checked.
		if item.op != "=" && item.op != "==" {
			r.fault(no, "operator", "a check item is compared with = or ==")
			break
		}
		u.Check = append(u.Check, item.item())
	}
	if len(r.faults) > before {
		return -1
	}
	f := r.file
	at := len(f.entries)
	f.entries = append(f.entries, u)
	f.byName[u.Name] = int32(at)
	if digest != nil {
		f.hashed = append(f.hashed, int32(at))
	}
	return at
}

// replies adds reply items to the entry above.
func (r *reader) replies(no int, items []written) {
	var into []Item
	if r.open >= 0 {
		into = r.file.entries[r.open].Reply
	}
	if falls(items) {
		r.fault(no, "fall_through", "%s", noFallThrough)
		return
	}
	for _, item := range items {
		switch item.op {
		case "=", "+=":
		case ":=":
			into = without(into, item.name)
		default:
			r.fault(no, "operator", "a reply item is written with =, := or +=")
			return
		}
		var e Entry // of a faulty entry, whose items are checked all the same
		to := &e
		if r.open >= 0 {
			to = &r.file.entries[r.open].Entry
		}
		if len(into)+to.commands() >= MaxReplies {
			r.fault(no, "too_many", "an entry has at most %d reply items", MaxReplies)
			return
		}
		taken, refused := r.rights(to, &item)
		if refused != nil {
			r.fault(no, refused.rule, "%s", refused.message)
			r.open, r.steps = -1, 0 // what is denied here must not be permitted below
			return
		}
		if taken {
			continue
		}
		into = append(into, item.item())
	}
	if r.open >= 0 {
		r.file.entries[r.open].Reply = into
	}
}

const noDefault = "DEFAULT entries are not supported: every user has an entry of their own"

const noFallThrough = "Fall-Through is not supported: every user has one entry, which is all that holds"

// falls reports whether items hold Fall-Through, which is no attribute but tells FreeRADIUS to read on.
func falls(items []written) bool {
	return slices.ContainsFunc(items, func(w written) bool { return strings.EqualFold(w.name, "Fall-Through") })
}

// without drops the items of a name.
func without(items []Item, name string) []Item {
	var kept []Item
	for _, item := range items {
		if item.Name != name {
			kept = append(kept, item)
		}
	}
	return kept
}

func (w *written) item() Item { return Item{strings.Clone(w.name), strings.Clone(w.value)} }

// Len is the number of entries.
func (f *File) Len() int { return len(f.entries) }

// Format prints the number of entries, whatever the verb: a File holds hashes.
func (f *File) Format(s fmt.State, _ rune) {
	if f == nil {
		_, _ = io.WriteString(s, "no users file")
		return
	}
	_, _ = fmt.Fprintf(s, "users file of %d entries", len(f.entries))
}

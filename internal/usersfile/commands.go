package usersfile

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"strconv"
	"strings"
	"unicode"
)

// Reply items that say what a user may do on network devices. They are read without regard to case.
const (
	privLvl       = "Priv-Lvl"
	commandPermit = "Command-Permit"
	commandDeny   = "Command-Deny"
)

// Bounds of commands. Those of expressions are in steps of their programs: matching one takes at most as many for each octet.
const (
	MaxCommand     = 4096    // octets of a command that is looked at: a longer one is permitted to nobody
	maxPattern     = 256     // octets of an expression
	maxEntrySteps  = 2_000   // of all expressions of an entry
	maxFileSteps   = 100_000 // of all different expressions of a file
	maxLevel       = 15      // RFC 8907 §9
	defaultLevel   = 1
	endOfCommand   = "<cr>" // what devices send behind the last word
	enableUnlisted = "*"    // a password that nobody has, of a user who logs in elsewhere
)

// Rights are what an entry permits on network devices.
type Rights struct {
	Level int // privilege level: 0 to 15
	rules []rule
}

// rule permits or denies the commands that an expression matches as a whole.
type rule struct {
	permits bool
	matches *regexp.Regexp
}

// Command makes a command line of a command and its words, as rules see it: one blank between two words, and no <cr>. A control character, which
// no command has, stays, so that the line is permitted to nobody.
func Command(cmd string, words []string) string {
	kept := make([]string, 0, 1+len(words))
	for _, w := range append([]string{cmd}, words...) {
		if w != endOfCommand {
			kept = append(kept, w)
		}
	}
	blank := func(c rune) bool { return unicode.IsSpace(c) && !unicode.IsControl(c) }
	return strings.Join(strings.FieldsFunc(strings.Join(kept, " "), blank), " ")
}

// Permit reports whether a command line is permitted: the first rule that matches decides, and without one it is not.
func (r *Rights) Permit(command string) bool {
	if r == nil || len(command) > MaxCommand || strings.ContainsFunc(command, unicode.IsControl) {
		return false
	}
	for _, rule := range r.rules {
		if rule.matches.MatchString(command) {
			return rule.permits
		}
	}
	return false
}

// Find returns the entry of a user who may be authorised, with nil Rights where it has none of the items for devices. A locked user has
// none; the password * locks nobody out who logged in elsewhere.
func (f *File) Find(name string) (Entry, bool) {
	at, ok := f.byName[name]
	if !ok || f.entries[at].locked {
		return Entry{}, false
	}
	return f.entries[at].Entry, true
}

// rights takes an item for network devices into an entry. taken: it is no attribute of the answer. faults are refusals.
func (r *reader) rights(e *Entry, item *written) (taken bool, fault *refusal) {
	permits := strings.EqualFold(item.name, commandPermit)
	switch {
	case strings.EqualFold(item.name, privLvl):
		n, err := strconv.Atoi(item.value)
		if err != nil || n < 0 || n > maxLevel {
			return false, &refusal{"level", "Priv-Lvl is 0 to 15"}
		}
		e.give().Level = n
		return false, nil
	case !permits && !strings.EqualFold(item.name, commandDeny):
		return false, nil
	case item.op == ":=":
		return true, &refusal{"operator", "Command-Permit and Command-Deny are written with = or +=: all of them hold, in their order"}
	}
	re, steps, fault := r.expression(item.value)
	if fault != nil {
		return true, fault
	}
	if r.steps += steps; r.steps > maxEntrySteps {
		return true, &refusal{"regexp_cost", "the expressions of an entry cost too much together"}
	}
	e.give().rules = append(e.give().rules, rule{permits, re})
	return true, nil
}

// give returns the entry's rights, which it has from now on.
func (e *Entry) give() *Rights {
	if e.Rights == nil {
		e.Rights = &Rights{Level: defaultLevel}
	}
	return e.Rights
}

// commands is how many rules for commands an entry has.
func (e *Entry) commands() int {
	if e.Rights == nil {
		return 0
	}
	return len(e.Rights.rules)
}

// expression is an expression compiled, with what it costs. Equal ones of a file are one.
type expression struct {
	re    *regexp.Regexp
	steps int
}

func (r *reader) expression(text string) (*regexp.Regexp, int, *refusal) {
	if known, ok := r.expressions[text]; ok {
		return known.re, known.steps, nil
	}
	if len(text) > maxPattern {
		return nil, 0, &refusal{"too_long", fmt.Sprintf("an expression has at most %d octets", maxPattern)}
	}
	parsed, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return nil, 0, &refusal{"regexp", "the expression of a command can't be read: it is one of RE2"}
	}
	steps := cost(parsed)
	if steps > maxEntrySteps {
		return nil, 0, &refusal{"regexp_cost", "the expression of a command costs too much: repeat less in it"}
	}
	if r.allSteps += steps; r.allSteps > maxFileSteps {
		return nil, 0, &refusal{"regexp_cost", "the expressions of the file cost too much together"}
	}
	re, err := regexp.Compile(`\A(?:` + text + `)\z`)
	if err != nil {
		return nil, 0, &refusal{"regexp", "the expression of a command can't be read: it is one of RE2"}
	}
	if r.expressions == nil {
		r.expressions = map[string]expression{}
	}
	r.expressions[strings.Clone(text)] = expression{re, steps}
	return re, steps, nil
}

// cost is about the number of steps that an expression is compiled to. It is found without compiling, which would take their memory.
func cost(re *syntax.Regexp) int {
	n := max(1, len(re.Rune))
	if re.Op == syntax.OpRepeat {
		n = 0
	}
	for _, sub := range re.Sub {
		n = min(n+cost(sub), maxFileSteps)
	}
	if re.Op == syntax.OpRepeat {
		n = min(n*max(re.Min, re.Max, 1), maxFileSteps)
	}
	return n
}

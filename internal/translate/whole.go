package translate

import (
	"maps"
	"slices"
	"strings"

	"aaa-api/internal/aaa"
)

// need says which values a rule may not lose. A request without such a value is another request
// than the caller's, so it is refused.
type need uint8

const (
	needNone       need = iota
	needUser            // the user's name
	needCredential      // what proves who the user is
	needArgument        // what an authorisation asks for, or a record tells of
)

// The sections. The requests of all but authn are made of arguments at a TACACS+ server.
const (
	sectionAuthn      = "authn_avp_translation"
	sectionAuthz      = "authz_avp_translation"
	sectionAccounting = "accounting_avp_translation"
	sectionCustom     = "custom_avp_translation"
)

// needOf decides what a rule may not lose at a server. a is nil where the server's dictionaries lack
// the attribute: its name then decides, but of arguments only those of a command, at a TACACS+ server.
func needOf(section, name string, a *aaa.Attribute, mode aaa.AVPMode) need {
	asks := section == sectionAuthz || section == sectionCustom
	if a == nil {
		switch {
		case isOne(name, "User-Name", "user"):
			return needUser
		case section != sectionAccounting && isOne(name, credentials...):
			return needCredential
		case section != sectionAuthn && mode == aaa.StrictArguments && ofCommand(name):
			return needArgument
		}
		return needNone
	}
	switch {
	case a.NamesUser():
		return needUser
	case a.Credential() && section != sectionAccounting: // no record carries one
		return needCredential
	case a.IsArgument() && (asks || section == sectionAccounting && ofCommand(a.Name)),
		a.Purpose() && section != sectionAccounting,
		a.NamesService() && asks:
		return needArgument
	}
	return needNone
}

// credentials are the attributes that are, by their names, a proof of who the user is.
var credentials = []string{"User-Password", "CHAP-Password", "EAP-Message", "MS-CHAP-Response", "MS-CHAP2-Response", "password"}

// ofCommand reports whether a rule's attribute is an argument of a command, optional or not.
func ofCommand(attribute string) bool {
	return hasDefault(attribute) || isOne(strings.TrimSuffix(attribute, "*"), "cmd-arg")
}

// hasDefault reports whether a rule's attribute is an argument without which the shell itself is asked for.
func hasDefault(attribute string) bool {
	return isOne(strings.TrimSuffix(attribute, "*"), "service", "cmd")
}

// isOne reports whether a rule's attribute, written with a tag or without, is one of some names.
func isOne(attribute string, names ...string) bool {
	attribute, _, _ = strings.Cut(attribute, ":")
	return slices.ContainsFunc(names, func(name string) bool { return strings.EqualFold(name, attribute) })
}

// loss is a rule that did not send all of its key's value.
type loss struct {
	rule    int
	several bool // the value is an array of several elements
	element elements
	why     string // of the first one
}

// elements is a set of an array's elements.
type elements [(MaxElements + 63) / 64]uint64

func (e *elements) add(j int)      { e[j/64] |= 1 << (j % 64) }
func (e *elements) has(j int) bool { return e[j/64]>>(j%64)&1 == 1 }

// Why a value is not sent.
const (
	lostMatch   = "the value does not match the rule"
	lostEmpty   = "the rule takes an empty text of the value"
	lostDropped = "the attribute is not in the server's dictionaries"
	lostNothing = "the array is empty"
)

// lose notes that rule i does not send element j of its key, or its one value. It costs nothing
// where all is sent.
func (o *outgoing) lose(i, j int, why string) {
	if s := &o.b.slots[i]; s.need == needNone && (!o.several || s.attr == nil) {
		return
	}
	at := len(o.lost) - 1
	if at < 0 || o.lost[at].rule != i {
		o.lost = append(o.lost, loss{rule: i, several: o.several, why: why})
		at++
	}
	o.lost[at].element.add(max(j, 0))
}

// whole refuses a request that would go out without something that the caller wrote. Several rules may
// share a key and take what each of them is for:
//   - an element of an array of several has to be taken by one of them: where it may not be lost, by one
//     whose attribute is not dropped, and that of an argument by one for TACACS+;
//   - an argument's value by one for the same argument, but a rule that matches and whose group takes
//     no part says itself that there is nothing to send, save for cmd and service, which have a default;
//   - a user's name or a credential by one for the same attribute, whatever its key, or by one of the
//     same key for another form of it (User-Password and CHAP-Password).
func (o *outgoing) whole(values map[string]any) error {
	if o.lost == nil {
		return nil
	}
	type sharers struct {
		key  string
		need need
	}
	taken := make(map[sharers]*elements)
	for n := range o.lost {
		l := &o.lost[n]
		if l.several {
			by := sharers{o.b.prog.rules[l.rule].key, o.b.slots[l.rule].need}
			if taken[by] == nil {
				var err error
				if taken[by], err = o.elementsTaken(by.key, values[by.key], by.need); err != nil {
					return err
				}
			}
			for j := range MaxElements {
				if l.element.has(j) && !taken[by].has(j) {
					return o.incomplete(l, values, j)
				}
			}
			continue
		}
		switch ok, err := o.replaced(l, values); {
		case err != nil:
			return err
		case !ok:
			return o.incomplete(l, values, -1)
		}
	}
	return nil
}

// elementsTaken is the elements of an array that those rules of its key match which can take the place of one with a need.
func (o *outgoing) elementsTaken(key string, value any, n need) (*elements, error) {
	var all elements
	list, _ := value.([]any)
	for i, r := range o.b.prog.rules {
		a := o.b.slots[i].attr
		if r.key != key || n != needNone && a == nil || n == needArgument && !a.OfTACACS() && !a.NamesService() {
			continue
		}
		for j, element := range list {
			text, ok := valueText(element)
			if !ok || all.has(j) {
				continue
			}
			took, err := o.takes(i, j, text)
			if err != nil {
				return nil, err
			}
			if took {
				all.add(j)
			}
		}
	}
	return &all, nil
}

// takes reports whether rule i does with a text what it is for, be it to send nothing of it. The text is element j of an
// array, or -1.
func (o *outgoing) takes(i, j int, text string) (bool, error) {
	found, err := o.match(o.b.prog.rules[i].out, text)
	if err != nil {
		return false, o.b.prog.refusal(i, j, o.budget, err)
	}
	if !found.ok {
		return found.matched, nil
	}
	a := o.b.slots[i].attr
	return found.part != "" || a == nil || mayBeEmpty(a), nil
}

// replaced reports whether another rule sends what this one did not.
func (o *outgoing) replaced(l *loss, values map[string]any) (bool, error) {
	r, s := o.b.prog.rules[l.rule], &o.b.slots[l.rule]
	if s.need == needArgument && s.attr != nil {
		text, ok := FirstText(values[r.key])
		argument := s.attr.IsArgument()
		switch {
		case argument && hasDefault(r.attribute):
		case ok:
			if took, err := o.takes(l.rule, -1, text); took || err != nil {
				return took, err
			}
		case argument: // an empty array has no arguments
			return true, nil
		}
	}
	for i, other := range o.b.prog.rules {
		if !o.sentBy(i) {
			continue
		}
		t := &o.b.slots[i]
		switch same := s.attr != nil && sameAttribute(s.attr, t.attr); {
		case same && (other.key == r.key || s.need != needArgument):
			return true, nil
		case s.need == needCredential && !t.attr.Proves():
		case s.need != needArgument && t.need == s.need && (other.key == r.key || s.attr == nil):
			return true, nil
		}
	}
	return false, nil
}

// read refuses a login that goes out without a credential, though a key of the caller's is one by its name that no
// rule reads: a key that is misspelt, or another document's.
func (o *outgoing) read(values map[string]any) error {
	if o.b.prog.section != sectionAuthn {
		return nil
	}
	for i := range o.b.slots {
		if s := &o.b.slots[i]; s.need == needCredential && o.sentBy(i) && s.attr.Proves() {
			return nil
		}
	}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		if aaa.SensitiveName(key) && !o.b.prog.Reads(key) {
			return aaa.Invalid(aaa.Field{
				Path: key, Rule: "unknown",
				Message: "no rule of " + sectionAuthn + " reads it; a login is not sent without the password that it brought",
			})
		}
	}
	return nil
}

func (o *outgoing) sentBy(i int) bool { return o.sent[i/64]>>(i%64)&1 == 1 }

// incomplete is the error of a value that is not sent whole; j is the element of an array of several, or -1.
func (o *outgoing) incomplete(l *loss, values map[string]any, j int) error {
	if list, ok := values[o.b.prog.rules[l.rule].key].([]any); ok && len(list) == 1 {
		j = 0
	}
	rule := "regexp"
	switch l.why {
	case lostEmpty, lostNothing:
		rule = "minLength"
	case lostDropped:
		rule = "strict"
	}
	what := "an array is sent whole"
	switch o.b.slots[l.rule].need {
	case needUser:
		what = "a request is not sent without its user name"
	case needCredential:
		what = "a request is not sent without its credential"
	case needArgument:
		what = "without it the request would ask for something else"
	}
	return o.bad(l.rule, j, rule, l.why+"; "+what, "")
}

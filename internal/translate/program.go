package translate

import (
	"fmt"
	"strconv"

	"aaa-api/internal/aaa"
	"aaa-api/internal/dict"
	"aaa-api/internal/intern"
)

// Bounds of one section.
const (
	// MaxRules is the most rules of one section.
	MaxRules = 1000
	// maxSectionCost bounds the compiled size of a section's different regexps together, in instructions.
	maxSectionCost = 50_000
)

// Program is one translation section, compiled. It is immutable.
type Program struct {
	section string
	rules   []*rule
}

// rule is a compiled rule, shared by all documents that hold an equal one.
type rule struct {
	key       string
	attribute string
	toInteger bool // cast: string_to_integer
	sensitive bool // the key's name says that its value is a secret
	reserved  bool // the key is a member of answers: nothing is mapped back to it
	out       *matcher
	back      *matcher
}

var rules intern.Table[aaa.Rule, rule]

// Compile compiles a section's rules. section is the document's member
// (authn_avp_translation) and begins the paths of faults; all faults are reported
// in one *aaa.Error of KindBadInput. Refused are an absent key or attribute, a
// regexp that does not compile, has no group, is longer than MaxRegexpLength or
// compiles to too large a program, a cast other than string_to_integer, and more than MaxRules rules.
func Compile(section string, list []aaa.Rule) (*Program, error) {
	if len(list) > MaxRules {
		return nil, aaa.Invalid(aaa.Field{
			Path: section, Rule: "maxItems", Target: MaxRules, Value: len(list),
			Message: fmt.Sprintf("a section holds at most %d rules", MaxRules),
		})
	}
	p := &Program{section: section, rules: make([]*rule, 0, len(list))}
	var faults []aaa.Field
	cost, counted := 0, make(map[*matcher]bool)
	for i, text := range list {
		r, bad := compileRule(text)
		for _, f := range bad {
			f.Path = section + "." + strconv.Itoa(i) + "." + f.Path
			faults = append(faults, f)
		}
		if r == nil {
			continue
		}
		for _, m := range []*matcher{r.out, r.back} {
			if !counted[m] {
				counted[m] = true
				cost += m.cost
			}
		}
		p.rules = append(p.rules, r)
	}
	if cost > maxSectionCost {
		faults = append(faults, aaa.Field{
			Path: section, Rule: "regexp",
			Message: "the regexps of this section are too large together",
		})
	}
	if len(faults) > 0 {
		return nil, aaa.Invalid(faults...)
	}
	return p, nil
}

// compileRule returns the shared rule, or the faults with paths inside the rule.
func compileRule(text aaa.Rule) (*rule, []aaa.Field) {
	if r := rules.Find(text); r != nil {
		return r, nil
	}
	var faults []aaa.Field
	fault := func(path, rule, message string, value any) {
		faults = append(faults, aaa.Field{Path: path, Rule: rule, Message: message, Value: value})
	}
	if text.RequestKey == "" {
		fault("request_key", "required", "a rule needs a request key", nil)
	}
	if text.Attribute == "" {
		fault("attribute", "required", "a rule needs an attribute", nil)
	}
	if text.Cast != "" && text.Cast != aaa.StringToInteger {
		faults = append(faults, aaa.Field{
			Path: "cast", Rule: "enum", Message: "the cast is unknown",
			Target: []string{aaa.StringToInteger}, Value: text.Cast,
		})
	}
	out, err := compileMatcher(text.RequestValue)
	if err != nil {
		fault("request_value_regexp", "regexp", "the regexp "+err.Error(), printable(text.RequestValue))
	}
	back, err := compileMatcher(text.AttrValue)
	if err != nil {
		fault("attr_value_regexp", "regexp", "the regexp "+err.Error(), printable(text.AttrValue))
	}
	if len(faults) > 0 {
		return nil, faults
	}
	r, _ := rules.Get(text, func() (*rule, error) { // this build has no errors
		return &rule{
			key: text.RequestKey, attribute: text.Attribute, toInteger: text.Cast == aaa.StringToInteger,
			sensitive: aaa.SensitiveName(text.RequestKey), reserved: aaa.ReservedKey(text.RequestKey), out: out, back: back,
		}, nil
	})
	return r, nil
}

// Len is the number of rules.
func (p *Program) Len() int { return len(p.rules) }

// Unknown lists the rules, by index, whose attribute the set does not hold by
// name or that never travels (FreeRADIUS's internal attributes).
func (p *Program) Unknown(set *dict.Set) []int {
	var list []int
	for i, r := range p.rules {
		a, _, ok := set.Lookup(r.attribute, false)
		if !ok {
			a, _, ok = argument(set, r.attribute, aaa.Strict)
		}
		if !ok || !a.Wire {
			list = append(list, i)
		}
	}
	return list
}
